"""Pre-training as a training method: single pictures with their captions, no control, nothing added to the host.

It makes the mini-world's base model with the trainer that serves all other methods. In a config:

    method: {name: "suites.miniworld.pretraining:PretrainingSettings", pretrain: {length: {steps: 12000}, ...}}

The pictures are those of `data.real`, of whatever domain they are: a base model knows domains by looking, and by what
captions say of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from realiz3d.multiview import MultiviewModel
from realiz3d.training.checkpoint import TRANSFORMER
from realiz3d.training.method import Conditions, Method, MethodSettings, Phase
from realiz3d.training.section import Length, PhaseSettings


class PretrainPhase(PhaseSettings):
    """The one phase."""

    length: Length = Field(default=Length(epochs=100), description="passes over the pictures")
    learning_rate: float = Field(default=2e-3, gt=0.0, le=1.0, description="highest, of AdamW")


class PretrainingSettings(MethodSettings):
    """`method: {name: "suites.miniworld.pretraining:PretrainingSettings"}`."""

    name: Literal["suites.miniworld.pretraining:PretrainingSettings"] = (
        "suites.miniworld.pretraining:PretrainingSettings"
    )
    pretrain: PretrainPhase = Field(default_factory=PretrainPhase)

    def learns_from_real(self) -> bool:
        """From pictures alone."""
        return True

    def build(self, seed: int) -> Method:
        """`Pretraining`, which draws nothing of its own."""
        return Pretraining(self)


class Pretraining:
    """All weights of the host, on single pictures."""

    def __init__(self, settings: PretrainingSettings) -> None:
        self.name, self.settings = settings.name, settings

    def phases(self) -> tuple[Phase, ...]:
        """One."""
        return (Phase("pretrain", "real", self.settings.pretrain),)

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Nothing."""

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """The host; a viewpoint embedding, which null control would leave without a meaning, stays at zero."""
        return list(model.transformer.parameters())

    def conditions(self, phase: Phase, model: MultiviewModel, domains: Tensor, rng: torch.Generator) -> Conditions:
        """Single images without control, at the positions of a picture and of a grid's quarters in turn.

        As text-to-image models know many sizes and shapes of pictures, so does this one: later it is asked for single
        pictures (SDEdit, its own samples) and tuned on grids.
        """
        alone = bool(torch.rand((), generator=rng) < 0.5)
        model.position_mode = "view" if alone else "grid"
        return Conditions("single", control=False)

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer, as a base model has it."""
        model.transformer.save_pretrained(folder / TRANSFORMER)

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        """Nothing."""

    def describe(self) -> dict[str, Any]:
        """The config's section."""
        return self.settings.model_dump(mode="json")
