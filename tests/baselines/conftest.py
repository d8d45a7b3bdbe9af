"""Tiny hosts and data sets of the training tests, for every compared method."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from realiz3d.multiview import MultiviewModel
    from realiz3d.training.config import TrainConfig
    from realiz3d.training.trainer import Trainer

# the worlds that the trainer's own tests train on
sys.path.append(str(Path(__file__).parents[1] / "realiz3d"))

if find_spec("accelerate") is None or find_spec("peft") is None:
    collect_ignore_glob = ["test_*.py"]

HOST_NAMES = ("dit", "pixart", "sd3")
STEPS: dict[str, Any] = {"length": {"steps": 2}, "learning_rate": 1e-2}
METHODS: dict[str, dict[str, Any]] = {
    "syn_only": {"name": "full_tuning", "control": STEPS},
    "syn_real": {"name": "full_tuning", "real_data": True, "warmup": STEPS, "control": STEPS},
    "lora": {"name": "lora", "rank": 3, "control": STEPS},
    "linear_adapters": {"name": "linear_adapters", "rank": 3, "control": STEPS},
    "domain_adapter": {"name": "domain_adapter", "rank": 3, "adapter": STEPS, "control": STEPS},
    "spatial_adapter": {"name": "spatial_adapter", "rank": 3, "adapter": STEPS, "control": STEPS},
    "switcher_joint": {"name": "domain_switcher", "joint": True, "warmup": STEPS, "control": STEPS},
    "switcher_2stage": {"name": "domain_switcher", "warmup": STEPS, "adapter": STEPS, "control": STEPS},
    "switcher_add": {"name": "domain_switcher", "mode": "add", "warmup": STEPS, "adapter": STEPS, "control": STEPS},
}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training_worlds import write_world

    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def config_of(world: Path, host: str, method: dict[str, Any], **sections: Any) -> TrainConfig:
    """A tiny run of a method; sections replace the config's."""
    from training_worlds import tiny_config

    from realiz3d.training.registry import schema_of

    values = tiny_config(world, host, checkpoints={"every_steps": 1000}).model_dump(mode="json")
    values |= {"method": method, **sections}
    return schema_of(values).model_validate(values)


@pytest.fixture
def make_trainer(world: Path, tmp_path: Path) -> Callable[..., Trainer]:
    """A trainer with everything loaded and nothing trained."""
    from accelerate import Accelerator

    from realiz3d.training.run import build

    def make(host: str, method: dict[str, Any]) -> Trainer:
        torch.manual_seed(0)
        trainer = build(config_of(world, host, method), tmp_path / "run", Accelerator(cpu=True))
        # the modulations that diffusers initialises to zero would hide what a method changes
        with torch.no_grad():
            for name, parameter in trainer.model.transformer.named_parameters():
                if not parameter.any() and ".proj." not in name:
                    parameter.normal_(std=0.1)
        trainer.callbacks = ()
        return trainer

    return make


def predict(
    model: MultiviewModel, host: str, *, mode: str = "multiview", plan: Any = None, control: bool = True
) -> Any:
    """A prediction for fixed latents, without gradient."""
    from realiz3d.control import Control
    from realiz3d.text import Text

    rng = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 4, 3, 8, 8, generator=rng)
    maps = torch.randn(2, 4, 6, 8, 8, generator=rng)
    embeds, pooled = torch.randn(2, 4, 16, generator=rng), torch.randn(2, 16, generator=rng)
    text = {
        "dit": Text(labels=torch.tensor([0, 2])),
        "pixart": Text(embeds=embeds, mask=torch.ones(2, 4, dtype=torch.int64)),
        "sd3": Text(embeds=embeds, pooled=pooled),
    }[host]
    was = model.training
    with torch.no_grad():
        found = model.eval()(
            latents, torch.tensor([100, 700]), text, Control(maps=maps) if control else None, mode=mode, plan=plan
        )
    model.train(was)
    return found
