"""LoRA (Hu et al. 2021): low-rank updates of every projection of every attention layer, on synthetic samples only.

W x + B A x with A (r, in) random and B (out, r) zero: the identity at the start. Merged into the weights on saving, so
that a checkpoint is a plain transformer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from baselines.input_columns import split_input
from baselines.phases import CONTROL, Baseline, ControlPhase, RankedSettings, no_empty, viewpoint_parameters
from baselines.plain_state import plain_transformer
from realiz3d.errors import DependencyMissing, UsageError
from realiz3d.multiview import MultiviewModel
from realiz3d.training.checkpoint import save_modules
from realiz3d.training.method import Method, Phase


class LoRASettings(RankedSettings):
    """`method: {name: lora, rank: 32}`."""

    name: Literal["lora"] = "lora"
    control: ControlPhase = Field(default_factory=ControlPhase)

    def learns_from_real(self) -> bool:
        """No."""
        return False

    def build(self, seed: int) -> Method:
        """`LoRA`."""
        return LoRA(self, seed)


class LoRA(Baseline[LoRASettings]):
    """The backbone stays; LoRA and the control's own input columns train."""

    def phases(self) -> tuple[Phase, ...]:
        """One."""
        return no_empty(Phase(CONTROL, "synthetic", self.settings.control))

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Put LoRA into the attention layers."""
        split_input(model)
        inject(model, self.settings.rank, self.seed)

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """LoRA, and what gives control."""
        return [*lora_parameters(model), *split_input(model), *viewpoint_parameters(model)]

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer with LoRA merged."""
        save_modules(model, folder, transformer=plain_transformer(model.transformer, lora="merge"))


def attention_projections(model: MultiviewModel) -> list[str]:
    """Names, within the transformer, of all linear layers of all attention layers of its blocks."""
    inside = {id(module) for block in model.host.blocks for module in block.modules()}
    names = [
        f"{path}.{name}"
        for path, module in model.transformer.named_modules()
        if id(module) in inside and hasattr(module, "to_q")
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    if not names:
        raise UsageError(f"{model.host.name} has no attention projections that LoRA could adapt")
    return names


def inject(model: MultiviewModel, rank: int, seed: int) -> None:
    """Put fresh LoRA layers into the attention, unless they are there already.

    **Choice**: alpha = r, so that the update is B A itself whatever the rank; no dropout.
    """
    if lora_parameters(model):
        return
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise DependencyMissing(f"LoRA needs peft: {error}", hint="pip install 'realiz3d-bench[realiz3d]'") from error
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=attention_projections(model))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model.transformer)


def lora_parameters(model: MultiviewModel) -> list[nn.Parameter]:
    """Those of LoRA; empty when there is none."""
    return [parameter for name, parameter in model.transformer.named_parameters() if ".lora_" in name]
