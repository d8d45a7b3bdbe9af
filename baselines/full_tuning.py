"""Full tuning: all weights, on synthetic samples with control, alone or half and half with real ones without.

'Syn only' is the plain way, and the upper end of what control can be learned at the price of looking synthetic.
'Syn + Real' is MVDream's recipe (Shi et al. 2023): real single images keep the prior alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field
from torch import nn

from baselines.phases import CONTROL, WARMUP, Baseline, ControlPhase, backbone, no_empty
from realiz3d.multiview import MultiviewModel
from realiz3d.training.method import Method, MethodSettings, Phase
from realiz3d.training.section import Warmup


class FullTuningSettings(MethodSettings):
    """`method: {name: full_tuning}`."""

    name: Literal["full_tuning"] = "full_tuning"
    real_data: bool = Field(default=False, description="half of each batch is real, after a warm-up on real samples")
    warmup: Warmup = Field(default_factory=Warmup, description="used with real_data only")
    control: ControlPhase = Field(default_factory=ControlPhase)

    def learns_from_real(self) -> bool:
        """As `real_data` says."""
        return self.real_data

    def build(self, seed: int) -> Method:
        """`FullTuning`."""
        return FullTuning(self, seed)


class FullTuning(Baseline[FullTuningSettings]):
    """Trains the model as it is and adds nothing."""

    def phases(self) -> tuple[Phase, ...]:
        """A warm-up on real samples before all that learns from real data."""
        if not self.settings.real_data:
            return no_empty(Phase(CONTROL, "synthetic", self.settings.control))
        return no_empty(Phase(WARMUP, "real", self.settings.warmup), Phase(CONTROL, "both", self.settings.control))

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """Everything."""
        return backbone(model)
