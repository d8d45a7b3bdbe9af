"""Realiz3D as a training method: learn the domain, then learn the control with Representation Binding.

    warmup   backbone    real samples, null control, single-image mode
    stage1   shifters    both domains, null control, single-image mode
    stage2   backbone    synthetic grids with control in synthetic mode; real single images with null control in real
                         mode, early blocks not updated (layer-aware) or in synthetic mode (reassignment)

With `joint`, stage 2 trains shifters and backbone together and there is no stage 1 (Table 2, row 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from realiz3d.layer_aware import draw_stops
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.shifters import DomainShifters
from realiz3d.training.checkpoint import save_modules
from realiz3d.training.method import Conditions, Method, MethodSettings, Mix, Phase
from realiz3d.training.section import Fraction, Length, PhaseSettings, Positive, Task, Warmup

WARMUP, STAGE1, STAGE2 = "warmup", "stage1", "stage2"


class Stage1(PhaseSettings):
    """Learn the domain: only shifters train, on both domains, control null, single-image mode."""

    length: Length = Field(
        default=Length(epochs=3), description="the paper's 3 epochs for adapters that train separately"
    )


class Stage2(PhaseSettings):
    """Learn the control with Representation Binding: shifters frozen, the backbone trains."""

    length: Length = Field(default=Length(epochs=10), description="the paper's 10 epochs")
    real_data: bool = Field(default=True, description="half of each batch is real; false: Table 2, row 2")
    layer_aware: bool = Field(
        default=True,
        description="real samples do not update the early blocks. **Choice**: nor the input projection below them; "
        "embedders of time and captions, which later blocks read, do learn from them",
    )
    reassignment: bool = Field(default=True, description="some real samples run their early shifters in synthetic mode")
    tau: Fraction = Field(default=0.4, description="deepest early block, as a fraction of the blocks (tau_B)")
    reassign_p: Fraction = Field(default=0.1, description="probability of reassignment (p_B)")


class Realiz3DSettings(MethodSettings):
    """The method and the switches of its ablation (Table 2)."""

    name: Literal["realiz3d"] = "realiz3d"
    rank: Positive = Field(default=8, description="r of the domain shifters")
    joint: bool = Field(
        default=False, description="shifters train together with the backbone in one stage: Table 2, row 1"
    )
    warmup: Warmup = Field(default_factory=Warmup)
    stage1: Stage1 = Field(default_factory=Stage1)
    stage2: Stage2 = Field(default_factory=Stage2)

    def learns_from_real(self) -> bool:
        """Stage 1 always does, stage 2 unless told otherwise."""
        return self.joint or self.stage2.real_data or self.stage1.length != Length(steps=0)

    def build(self, seed: int) -> Method:
        """`Realiz3D`."""
        return Realiz3D(self, seed=seed)


class Realiz3D:
    """The method of the paper, with the switches of its ablation. `seed` makes the shifters' random start."""

    def __init__(self, settings: Realiz3DSettings, *, seed: int = 0) -> None:
        self.name, self.settings, self.seed = settings.name, settings, seed

    def phases(self) -> tuple[Phase, ...]:
        """Phases of no step are left out."""
        settings = self.settings
        mix: Mix = "both" if settings.stage2.real_data else "synthetic"
        phases = [Phase(WARMUP, "real", settings.warmup)]
        if not settings.joint:
            phases.append(Phase(STAGE1, "both", settings.stage1))
        phases.append(Phase(STAGE2, mix, settings.stage2))
        return tuple(
            phase for phase in phases if phase.settings.length.steps != 0 and phase.settings.length.epochs != 0
        )

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Attach shifters, which are the identity until stage 1 trains them."""
        if model.shifters is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                model.attach(DomainShifters.for_model(model, rank=self.settings.rank))

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """Shifters in stage 1; the backbone, with its viewpoint embedding, in the others; both when joint."""
        shifters = [] if model.shifters is None else list(model.shifters.parameters())
        if phase.name == STAGE1:
            return shifters
        backbone = list(model.transformer.parameters())
        if model.viewpoints is not None:
            backbone += model.viewpoints.parameters()
        return [*backbone, *shifters] if self.settings.joint and phase.name == STAGE2 else backbone

    def conditions(self, phase: Phase, model: MultiviewModel, domains: Tensor, rng: torch.Generator) -> Conditions:
        """Single images without control before stage 2; then grids with control beside single images without."""
        stage2, n_blocks = self.settings.stage2, model.n_blocks
        if phase.name != STAGE2:
            plan = DomainPlan.train(domains, n_blocks, reassign_p=0.0, rng=rng)
            return Conditions("single", control=False, plan=plan)
        reassign_p = stage2.reassign_p if stage2.reassignment else 0.0
        plan = DomainPlan.train(domains, n_blocks, reassign_p=reassign_p, tau=stage2.tau, rng=rng)
        stop = draw_stops(domains, n_blocks, tau=stage2.tau, rng=rng) if stage2.layer_aware else None
        return Conditions("mixed" if phase.mix == "both" else "multiview", control=True, plan=plan, stop=stop)

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """Transformer, shifters, and the viewpoint embedding when there is one."""
        save_modules(model, folder)

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        """Nothing: every checkpoint may have shifters and viewpoints."""

    def describe(self) -> dict[str, Any]:
        """The config's section."""
        return self.settings.model_dump(mode="json")


def for_task(
    transformer: Any, *, task: Task, latent_channels: int, grid: tuple[int, int], position_mode: Any
) -> MultiviewModel:
    """A base transformer made ready for a task: widened for normals and positions, or with a viewpoint embedding."""
    from realiz3d.control import ViewpointControl

    channels = 2 * latent_channels if task == "texturing" else 0
    model = MultiviewModel.wrap(
        transformer, control_channels=channels, views=grid, position_mode=position_mode, latent_channels=latent_channels
    )
    if task == "text_to_multiview":
        model.attach(ViewpointControl.for_model(model))
    return model
