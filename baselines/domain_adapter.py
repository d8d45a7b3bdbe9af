"""Domain adapter, AnimateDiff's protocol (Guo et al. 2023, section 4.1), for the synthetic domain.

First LoRA learns to look synthetic, under null control. Then it is frozen, and the backbone learns the control with it
attached, so that it need not learn the look itself. Sampling runs without LoRA.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import nn

from baselines.lora import inject, lora_parameters
from baselines.phases import ADAPTER, CONTROL, AdapterPhase, Baseline, ControlPhase, RankedSettings, backbone, no_empty
from baselines.plain_state import plain_transformer
from realiz3d.multiview import MultiviewModel
from realiz3d.training.checkpoint import save_modules
from realiz3d.training.method import Method, Phase


class DomainAdapterSettings(RankedSettings):
    """`method: {name: domain_adapter, rank: 32}`."""

    name: Literal["domain_adapter"] = "domain_adapter"
    adapter: AdapterPhase = Field(default_factory=AdapterPhase)
    control: ControlPhase = Field(default_factory=ControlPhase)

    def learns_from_real(self) -> bool:
        """No: the adapter takes the synthetic look away from the backbone instead."""
        return False

    def build(self, seed: int) -> Method:
        """`DomainAdapter`."""
        return DomainAdapter(self, seed)


class DomainAdapter(Baseline[DomainAdapterSettings]):
    """LoRA for the domain, then all weights for the control."""

    def phases(self) -> tuple[Phase, ...]:
        """Both on synthetic samples."""
        settings = self.settings
        return no_empty(Phase(ADAPTER, "synthetic", settings.adapter), Phase(CONTROL, "synthetic", settings.control))

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """LoRA stays attached in both phases."""
        inject(model, self.settings.rank, self.seed)

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """LoRA first; then the whole backbone without it, which injecting LoRA had frozen."""
        lora = lora_parameters(model)
        if phase.name == ADAPTER:
            return lora
        frozen = {id(parameter) for parameter in lora}
        return [parameter for parameter in backbone(model) if id(parameter) not in frozen]

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer without LoRA: the adapter is not part of what samples."""
        save_modules(model, folder, transformer=plain_transformer(model.transformer, lora="drop"))
