"""Linear adapters: a low-rank linear residual in front of every block, on synthetic samples only.

X + W_left W_right X with W_right (r, d) random and W_left (d, r) zero: the identity at the start. It is the shape of a
domain shifter that reads the tokens in place of a domain. It cannot be merged into the blocks, whose normalisation
comes first, so checkpoints carry it as a module of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear

from baselines.input_columns import split_input
from baselines.phases import CONTROL, Baseline, ControlPhase, RankedSettings, no_empty, viewpoint_parameters
from baselines.plain_state import plain_transformer
from baselines.saved import load_module
from realiz3d.extras import Extra
from realiz3d.hosts.base import Removable
from realiz3d.multiview import MultiviewModel
from realiz3d.slots import replace_argument
from realiz3d.training.checkpoint import EXTRAS, save_modules
from realiz3d.training.method import Method, Phase

NAME = "linear_adapters"


class LinearAdapters(Extra, ModelMixin, ConfigMixin):  # type: ignore[misc]
    """One adapter a block: right (N, r, d) random, left (N, d, r) zero. In float32, computed in the tokens' precision.

    They are added to image tokens only, behind the domain shift if there is one.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, n_blocks: int, dim: int, rank: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.right = nn.Parameter(torch.randn(n_blocks, rank, dim) / dim**0.5)
        self.left = nn.Parameter(torch.zeros(n_blocks, dim, rank))

    @classmethod
    def for_model(cls, model: MultiviewModel, rank: int, seed: int) -> LinearAdapters:
        """Fresh adapters that fit a model."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            adapters: LinearAdapters = cls(model.n_blocks, model.dim, rank)
        return adapters

    def forward(self, tokens: Tensor, block: int) -> Tensor:
        """(U, n, d) tokens in front of a block to (U, n, d)."""
        right, left = self.right[block].to(tokens.dtype), self.left[block].to(tokens.dtype)
        return tokens + linear(linear(tokens, right), left)

    def install(self, model: MultiviewModel) -> Sequence[Removable]:
        """A hook a block. It depends on the tokens alone, so running a block again in backward is safe."""
        return [
            block.register_forward_pre_hook(self._hook(index), with_kwargs=True)
            for index, block in enumerate(model.host.blocks)
        ]

    def _hook(self, index: int) -> Any:
        def enter(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return replace_argument(args, kwargs, "hidden_states", 0, lambda tokens: self(tokens, index))

        return enter


class LinearAdaptersSettings(RankedSettings):
    """`method: {name: linear_adapters, rank: 32}`."""

    name: Literal["linear_adapters"] = "linear_adapters"
    control: ControlPhase = Field(default_factory=ControlPhase)

    def learns_from_real(self) -> bool:
        """No."""
        return False

    def build(self, seed: int) -> Method:
        """`LinearAdapterTuning`."""
        return LinearAdapterTuning(self, seed)


class LinearAdapterTuning(Baseline[LinearAdaptersSettings]):
    """The backbone stays; the adapters and the control's own input columns train."""

    def phases(self) -> tuple[Phase, ...]:
        """One."""
        return no_empty(Phase(CONTROL, "synthetic", self.settings.control))

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Add the adapters."""
        split_input(model)
        if NAME not in model.extras:
            model.add_extra(NAME, LinearAdapters.for_model(model, self.settings.rank, self.seed))

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """Adapters, and what gives control."""
        return [*model.extras[NAME].parameters(), *split_input(model), *viewpoint_parameters(model)]

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer, and the adapters beside it."""
        save_modules(model, folder, transformer=plain_transformer(model.transformer, lora="drop"))
        adapters: Any = model.extras[NAME]
        adapters.save_pretrained(folder / EXTRAS / NAME)

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        """Add the saved adapters."""
        model.add_extra(NAME, load_module(LinearAdapters, folder / EXTRAS / NAME))
