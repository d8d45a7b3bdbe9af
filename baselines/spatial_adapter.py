"""Spatial adapter, Still-Moving's protocol (Chefer et al. 2024): as the domain adapter, with linear adapter layers.

First the linear adapters learn to look synthetic, under null control. Then they are frozen, and the backbone learns the
control with them attached. Sampling runs without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import nn

from baselines.linear_adapters import NAME, LinearAdapters
from baselines.phases import ADAPTER, CONTROL, AdapterPhase, Baseline, ControlPhase, RankedSettings, backbone, no_empty
from realiz3d.multiview import MultiviewModel
from realiz3d.training.checkpoint import save_modules
from realiz3d.training.method import Method, Phase


class SpatialAdapterSettings(RankedSettings):
    """`method: {name: spatial_adapter, rank: 32}`."""

    name: Literal["spatial_adapter"] = "spatial_adapter"
    adapter: AdapterPhase = Field(default_factory=AdapterPhase)
    control: ControlPhase = Field(default_factory=ControlPhase)

    def learns_from_real(self) -> bool:
        """No: the adapter takes the synthetic look away from the backbone instead."""
        return False

    def build(self, seed: int) -> Method:
        """`SpatialAdapter`."""
        return SpatialAdapter(self, seed)


class SpatialAdapter(Baseline[SpatialAdapterSettings]):
    """Linear adapters for the domain, then all weights for the control."""

    def phases(self) -> tuple[Phase, ...]:
        """Both on synthetic samples."""
        settings = self.settings
        return no_empty(Phase(ADAPTER, "synthetic", settings.adapter), Phase(CONTROL, "synthetic", settings.control))

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """The adapters stay attached in both phases."""
        if NAME not in model.extras:
            model.add_extra(NAME, LinearAdapters.for_model(model, self.settings.rank, self.seed))

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """The adapters first; then the whole backbone, without them."""
        return list(model.extras[NAME].parameters()) if phase.name == ADAPTER else backbone(model)

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer alone: the adapters are not part of what samples."""
        save_modules(model, folder)
