"""What a training method is to the trainer: its phases, what trains in each, and how samples run through the model.

Realiz3D is one method (`realiz3d.training.realiz3d_method`); baselines are others. The trainer owns everything that
must be the same for all of them: data and their order, noise, loss, optimiser, precision, checkpoints, accounting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from realiz3d.multiview import Mode, MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.training.section import PhaseSettings, Section

Mix = Literal["synthetic", "real", "both"]


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one set of trainable parameters.

    mix: which samples it sees; 'both' is half and half in every batch. settings: length and learning rate.
    unused_parameters: some trainable parameters may get no gradient in a step (what DistributedDataParallel must know).
    """

    name: str
    mix: Mix
    settings: PhaseSettings
    unused_parameters: bool = False


@dataclass(frozen=True, eq=False)
class Conditions:
    """How the samples of a step run: arguments of the model besides latents, time and text.

    mode: as in `MultiviewModel.forward`; in 'mixed', synthetic samples are grids and real ones single images.
    control: synthetic samples carry their control. plan, stop: one step of a plan and the last blocks not to update,
    for all samples of the step; None = none.
    """

    mode: Mode
    control: bool
    plan: DomainPlan | None = None
    stop: Tensor | None = None

    def of(self, chosen: list[int]) -> Conditions:
        """The conditions of some of the samples, by their place in the step."""
        index = torch.tensor(chosen)
        plan = self.plan
        if plan is not None and plan.batch > 1:
            # what was drawn for other samples is not part of this plan
            settings = {key: value for key, value in plan.settings.items() if not isinstance(value, list)}
            plan = DomainPlan(plan.domains[:, :, index], settings=settings)
        return Conditions(self.mode, self.control, plan, None if self.stop is None else self.stop[index])


class Method(Protocol):
    """A way to teach a base model its control. One instance serves one run."""

    @property
    def name(self) -> str:
        """What records call it."""
        ...

    def phases(self) -> tuple[Phase, ...]:
        """What happens, in order."""
        ...

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Add what the phase needs to the model. Called once per phase, in order; also for past phases on resuming.

        After it the model must have all parameters that the phase's checkpoints hold.
        """
        ...

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """The parameters that the phase trains; the trainer freezes all others."""
        ...

    def conditions(self, phase: Phase, model: MultiviewModel, domains: Tensor, rng: torch.Generator) -> Conditions:
        """How the samples of one optimiser step run.

        domains: (B,) of all devices' samples, values of `Domain`, synthetic ones first. rng: a CPU generator that
        depends on seed, phase and step only, so that every process draws the same.
        """
        ...

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """Write what sampling needs besides `realiz3d.json`, usually by `checkpoint.save_modules`."""
        ...

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        """Put back into a loaded model what `save` wrote and `load_checkpoint` knows nothing of: the model's extras."""
        ...

    def describe(self) -> dict[str, Any]:
        """Settings, as JSON, for records: those of the config."""
        ...


class MethodSettings(Section):
    """What a training method can be told; `realiz3d.training.registry` finds it by name."""

    name: str

    def learns_from_real(self) -> bool:
        """Whether any phase sees real pictures."""
        raise TypeError(f"{type(self).__name__} does not say whether it learns from real pictures")

    def build(self, seed: int) -> Method:
        """The method with these settings, for one run. `seed` makes the random start of what it adds."""
        raise TypeError(f"{type(self).__name__} builds no method")
