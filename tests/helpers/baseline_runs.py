"""Tiny trainings of every compared method, and what there is to look at afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from realiz3d.multiview import MultiviewModel
    from realiz3d.text import Text
    from realiz3d.training.config import TrainConfig
    from realiz3d.training.trainer import Trainer

HOST_NAMES = ("dit", "pixart", "sd3")


def steps(count: int) -> dict[str, Any]:
    """A phase's settings."""
    return {"length": {"steps": count}, "learning_rate": 1e-2}


# every method of the tables, ten steps each
METHODS: dict[str, dict[str, Any]] = {
    "syn_only": {"name": "full_tuning", "control": steps(10)},
    "syn_real": {"name": "full_tuning", "real_data": True, "warmup": steps(2), "control": steps(8)},
    "lora": {"name": "lora", "rank": 3, "control": steps(10)},
    "linear_adapters": {"name": "linear_adapters", "rank": 3, "control": steps(10)},
    "domain_adapter": {"name": "domain_adapter", "rank": 3, "adapter": steps(4), "control": steps(6)},
    "spatial_adapter": {"name": "spatial_adapter", "rank": 3, "adapter": steps(4), "control": steps(6)},
    "switcher_joint": {"name": "domain_switcher", "joint": True, "warmup": steps(2), "control": steps(8)},
    "switcher_2stage": {"name": "domain_switcher", "warmup": steps(2), "adapter": steps(4), "control": steps(4)},
    "switcher_add": {
        "name": "domain_switcher", "mode": "add", "warmup": steps(2), "adapter": steps(4), "control": steps(4)
    },
}  # fmt: skip
State = dict[str, torch.Tensor]


@dataclass
class Run:
    """A finished training: what the model held before the first step, after each setup and after each phase."""

    host: str
    trainer: Trainer
    last: Path
    base: State
    base_prediction: torch.Tensor
    starts: dict[str, State] = field(default_factory=dict)
    start_predictions: dict[str, torch.Tensor] = field(default_factory=dict)
    trainable: dict[str, set[str]] = field(default_factory=dict)
    ends: dict[str, State] = field(default_factory=dict)

    @property
    def model(self) -> MultiviewModel:
        """As it is after the last step, adapters attached."""
        return self.trainer.model

    def changed(self, phase: str) -> set[str]:
        """Names of what a phase changed, down to the last bit."""
        before, after = self.starts[phase], self.ends[phase]
        assert before.keys() == after.keys()
        return {name for name in before if not torch.equal(before[name], after[name])}


def snapshot(model: MultiviewModel) -> State:
    """A copy of everything in the state dict."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def config_of(world: Path, host: str, method: dict[str, Any], **sections: Any) -> TrainConfig:
    """A tiny run of a method; sections replace the config's."""
    from training_worlds import tiny_config

    from realiz3d.training.config import schema_of

    values = tiny_config(world, host, checkpoints={"every_steps": 1000}).model_dump(mode="json")
    values |= {"method": method, **sections}
    return schema_of(values).model_validate(values)


def run_method(world: Path, host: str, method: dict[str, Any], out: Path, **sections: Any) -> Run:
    """Train and write down."""
    from accelerate import Accelerator

    from realiz3d.training.callbacks import Silent
    from realiz3d.training.run import build

    trainer = build(config_of(world, host, method, **sections), out, Accelerator(cpu=True))
    run = Run(host, trainer, out, snapshot(trainer.model), predict(trainer.model, host))
    setup, freeze = trainer.method.setup, trainer._freeze

    def watched_setup(phase: Any, model: MultiviewModel) -> None:
        setup(phase, model)
        run.starts[phase.name] = snapshot(model)
        run.start_predictions[phase.name] = predict(model, host)

    def watched_freeze(phase: Any) -> Any:
        found = freeze(phase)
        run.trainable[phase.name] = {name for name, p in trainer.model.named_parameters() if p.requires_grad}
        return found

    class Ends(Silent):
        def checkpoint(self, trainer: Trainer, folder: Path) -> None:
            run.ends[trainer.phases[trainer.progress.phase].name] = snapshot(trainer.model)

    trainer.method.setup, trainer._freeze = watched_setup, watched_freeze
    trainer.callbacks = (Ends(),)
    run.last = trainer.run()
    return run


def text_of(host: str) -> Text:
    """Two captions."""
    from realiz3d.text import Text

    rng = torch.Generator().manual_seed(2)
    embeds, pooled = torch.randn(2, 4, 16, generator=rng), torch.randn(2, 16, generator=rng)
    return {
        "dit": Text(labels=torch.tensor([0, 2])),
        "pixart": Text(embeds=embeds, mask=torch.ones(2, 4, dtype=torch.int64)),
        "sd3": Text(embeds=embeds, pooled=pooled),
    }[host]


def predict(model: MultiviewModel, host: str, *, mode: Any = "multiview", plan: Any = None) -> torch.Tensor:
    """A prediction for fixed latents and control, without gradient."""
    from realiz3d.control import Control

    rng = torch.Generator().manual_seed(1)
    latents, maps = torch.randn(2, 4, 3, 8, 8, generator=rng), torch.randn(2, 4, 6, 8, 8, generator=rng)
    control = Control(maps=maps) if model.control_channels else None
    was = model.training
    with torch.no_grad():
        found = model.eval()(latents, torch.tensor([100, 700]), text_of(host), control, mode=mode, plan=plan)
    model.train(was)
    return found
