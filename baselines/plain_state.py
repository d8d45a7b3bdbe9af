"""A transformer's weights as diffusers would save them without what a method put into its layers.

Checkpoints are written while training goes on, so nothing is taken out of the live model: the plain weights are put
together beside it, in an empty copy of the transformer.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils import parametrize


@torch.no_grad()
def plain_state(transformer: Any, lora: Literal["merge", "drop"]) -> dict[str, Tensor]:
    """The state dict with the transformer's own names: parametrised weights as they are, LoRA merged or left out."""
    from peft.tuners.lora import LoraLayer

    state: dict[str, Tensor] = dict(transformer.state_dict())
    for path, module in transformer.named_modules():
        prefix = f"{path}." if path else ""
        if parametrize.is_parametrized(module):
            for name in module.parametrizations:
                _drop(state, f"{prefix}parametrizations.{name}.")
                state[prefix + name] = getattr(module, name)
        elif isinstance(module, LoraLayer):
            layer: Any = module
            _drop(state, prefix)
            for name, value in layer.get_base_layer().state_dict().items():
                state[prefix + name] = value
            if lora == "merge":
                for adapter in layer.active_adapters:
                    weight = state[f"{prefix}weight"]
                    state[f"{prefix}weight"] = weight + layer.get_delta_weight(adapter).to(weight)
    return state


def plain_transformer(transformer: Any, *, lora: Literal["merge", "drop"]) -> Any:
    """A copy with plain weights; what is not changed shares its memory with the original."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        copy = type(transformer).from_config(transformer.config)
    copy.load_state_dict(plain_state(transformer, lora), assign=True)
    return copy


def _drop(state: dict[str, Tensor], prefix: str) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        del state[name]
