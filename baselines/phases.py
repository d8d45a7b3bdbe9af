"""What the compared methods have in common: how long their phases last, and how samples run in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.training.checkpoint import save_modules
from realiz3d.training.method import Conditions, MethodSettings, Phase
from realiz3d.training.section import Length, PhaseSettings, Positive

WARMUP, ADAPTER, CONTROL = "warmup", "adapter", "control"
S = TypeVar("S", bound=MethodSettings)


class ControlPhase(PhaseSettings):
    """Learn the control: synthetic grids with their control."""

    length: Length = Field(default=Length(epochs=10), description="the paper's 10 epochs")


class AdapterPhase(PhaseSettings):
    """Learn the domain alone: single-image mode, null control."""

    length: Length = Field(
        default=Length(epochs=3), description="the paper's 3 epochs for adapters that train separately"
    )


class RankedSettings(MethodSettings):
    """Settings of adapters with a rank."""

    rank: Positive = Field(default=32, description="r; the paper has 32 and 128")


def no_empty(*phases: Phase) -> tuple[Phase, ...]:
    """The phases that last at least one step."""
    lengths = [phase.settings.length for phase in phases]
    return tuple(
        phase for phase, length in zip(phases, lengths, strict=True) if length.steps != 0 and length.epochs != 0
    )


def conditions(phase: Phase, model: MultiviewModel, domains: Tensor, *, tell_domain: bool = False) -> Conditions:
    """How a phase's samples run, the same for every method.

    The control phase has synthetic grids with control and, if it is mixed, real single images without, as Realiz3D's
    second stage; every other phase has single images without control. tell_domain: the method reads each sample's
    domain.
    """
    plan = DomainPlan(domains.expand(1, model.n_blocks, -1)) if tell_domain else None
    if phase.name != CONTROL:
        return Conditions("single", control=False, plan=plan)
    return Conditions("mixed" if phase.mix == "both" else "multiview", control=True, plan=plan)


def backbone(model: MultiviewModel) -> list[nn.Parameter]:
    """All weights of the base model, with what gives it control (widened input projection, viewpoint embedding)."""
    return [*model.transformer.parameters(), *viewpoint_parameters(model)]


def viewpoint_parameters(model: MultiviewModel) -> list[nn.Parameter]:
    """The viewpoint embedding of text-to-multiview models, which every method trains; empty in texturing."""
    return [] if model.viewpoints is None else list(model.viewpoints.parameters())


class Baseline(Generic[S]):
    """The parts of `Method` that are alike for all baselines."""

    def __init__(self, settings: S, seed: int) -> None:
        self.name, self.settings, self.seed = settings.name, settings, seed

    def conditions(self, phase: Phase, model: MultiviewModel, domains: Tensor, rng: torch.Generator) -> Conditions:
        """As `conditions` says."""
        return conditions(phase, model, domains)

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Nothing: methods that add modules say which."""

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer, with the viewpoint control of text-to-multiview models."""
        save_modules(model, folder)

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        """Nothing: methods that add modules put them back."""

    def describe(self) -> dict[str, Any]:
        """The config's section."""
        return self.settings.model_dump(mode="json")
