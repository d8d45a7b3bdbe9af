"""Which model paints for a method: one that ships, else one of the user's folder, else one that is trained now.

A model is known by a digest of all that decides it: config, base, recipe of the data. As machines differ in their last
digits, one without bfloat16 computes in float32 (`realiz3d.training.precision`) under the same digest. It lies in
`<user folder>/models/<method>-<task>-<digest>/seed-<k>`; those that ship (seed 0, texturing, half precision) lie in
`checkpoints/<method>` beside this file. What is inside: `slim`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs
import torch
from filelock import FileLock
from rich.console import Console

from bench.cases.miniworld import world as miniworld
from bench.dataset.sample import VERSION as SAMPLE_VERSION
from bench.errors import UsageError, WeightsMissing, nearest
from groundwork.hashing import hash_file, hash_json
from groundwork.progress import Reporter
from realiz3d.data.base_model import BaseModel
from realiz3d.data.layout import MANIFEST
from realiz3d.training.callbacks import Callback
from realiz3d.training.checkpoint import checkpoints, read_record
from realiz3d.training.config import TrainConfig, schema_of
from realiz3d.training.config_file import load_config
from realiz3d.training.run import train
from realiz3d.training.section import Task
from suites.miniworld.base import BASE
from suites.miniworld.packing import WEIGHTS
from suites.miniworld.slim import FILES, read_files, write_slim
from suites.miniworld.world import RICH, SYNTHETIC, Renders, make_renders, model_views

METHODS = Path(__file__).with_name("methods")
SHIPPED = Path(__file__).with_name("checkpoints")
FOLDER_VARIABLE = "REALIZ3D_BENCH_MINIWORLD"
VERSION = 1  # raise when the same config and data would give other weights


def user_folder() -> Path:
    """Where data and trained models go: REALIZ3D_BENCH_MINIWORLD, or the user's data folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen).absolute() if chosen else platformdirs.user_data_path("realiz3d-bench") / "miniworld"


def method_names() -> tuple[str, ...]:
    """The configs in `methods/`, without the one that they share."""
    return tuple(sorted(file.stem for file in METHODS.glob("*.yaml") if file.stem != "shared"))


@dataclass(frozen=True)
class MiniworldMethod:
    """A method's models on the mini-world, one per seed. base: the folder of what they start from.

    Raises `UsageError` for a method that has no config.
    """

    method: str
    task: Task = "texturing"
    base: Path = BASE

    def __post_init__(self) -> None:
        if self.method not in method_names():
            hint = nearest(self.method, method_names())
            raise UsageError(f"the mini-world has no method '{self.method}'", hint=hint)

    def config(self, seed: int = 0, world: Path = Path()) -> TrainConfig:
        """Its config, for the data sets below `world`."""
        file = METHODS / f"{self.method}.yaml"
        changes = [f"task={self.task}", f"seed={seed}", "logging.bars=false", _place("base.checkpoint", self.base)]
        changes.append(_place("data.synthetic.path", world / SYNTHETIC.folder))
        if RICH in self.data():
            changes.append(_place("data.real.path", world / RICH.folder))
        return load_config(file, changes)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what decides its models, but for the seed. Raises `WeightsMissing` without the base."""
        return _digest(self.config(), self.base)

    @cached_property
    def steps(self) -> int:
        """Optimiser steps of a training."""
        config = self.config()
        return sum(phase.settings.length.steps or 0 for phase in config.method.build(0).phases())

    def data(self) -> tuple[Renders, ...]:
        """The data sets that it learns from."""
        return (SYNTHETIC,) if load_config(METHODS / f"{self.method}.yaml").data.real is None else (SYNTHETIC, RICH)

    def done(self, seed: int) -> int:
        """Steps of a training that was broken off and would go on; 0 where there is none."""
        return max(checkpoints(self._unfinished(seed)), default=0)

    def find(self, seed: int) -> Path | None:
        """The folder of a model, shipped or the user's; None where it has to be trained.

        Raises `InputError` for one whose files have changed.
        """
        return self.shipped(seed) or _there(self._folder(seed), self._about(seed))

    def shipped(self, seed: int) -> Path | None:
        """The folder of a model that ships, if that one does and was trained as it would be trained now."""
        return _there(SHIPPED / self.method, self._about(seed))

    def any(self) -> Path | None:
        """The folder of a model of any seed, lowest first."""
        seeds = {0, *(int(path.name.removeprefix("seed-")) for path in self._folder(0).parent.glob("seed-*"))}
        return next((found for seed in sorted(seeds) if (found := self.find(seed)) is not None), None)

    def train(self, seed: int, callbacks: Sequence[Callback] = ()) -> Path:
        """Train a model and return its folder; resumes where an earlier call was broken off.

        One process at a time: others wait, and find the model. Raises `BenchError` for what the trainer refuses.
        """
        folder = self._folder(seed)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if (folder / FILES).is_file():
                return folder
            for renders in self.data():
                make_data(renders)
            # the trainer resumes only from the very same base, its card included
            unfinished, config = self._unfinished(seed), self.config(seed, data_folder())
            write_slim(_train(config, unfinished, callbacks), folder, about=self._about(seed))
            shutil.rmtree(unfinished)
        return folder

    def _unfinished(self, seed: int) -> Path:
        folder = self._folder(seed)
        return folder.with_name(f".{folder.name}.{BaseModel(str(self.base)).fingerprint()[:12]}")

    def _folder(self, seed: int) -> Path:
        return user_folder() / "models" / f"{self.method}-{self.task}-{self.digest[:12]}" / f"seed-{seed}"

    def _about(self, seed: int) -> dict[str, Any]:
        return _about(self.method, self.task, seed, self.digest)


def need_base(base: Path) -> None:
    """Raises `WeightsMissing` when the base is not there."""
    if not (base / WEIGHTS).is_file():
        raise WeightsMissing(
            "the mini-world's base model is not there",
            where=str(base),
            expected=str(WEIGHTS),
            hint="train one (docs/miniworld.md), and pack it: python -m suites.miniworld pack CHECKPOINT OUT",
        )


def data_folder() -> Path:
    """Where the data sets that methods learn from are kept."""
    return user_folder() / f"world-{_world_digest()[:12]}"


def make_data(renders: Renders, reporter: Reporter | None = None) -> Path:
    """The folder of a data set, rendered where it is missing. One process at a time: others wait, and find it."""
    world = data_folder()
    world.mkdir(parents=True, exist_ok=True)
    with FileLock(world / ".lock"):
        if not is_complete(renders):
            make_renders(renders, world, reporter=reporter or Reporter(Console(file=sys.stderr, force_terminal=False)))
    return world / renders.folder


def is_complete(renders: Renders) -> bool:
    """Whether a data set is there as a whole."""
    manifest = data_folder() / renders.folder / MANIFEST
    return manifest.is_file() and bool(json.loads(manifest.read_bytes()).get("complete"))


def ship(checkpoint: Path, out: Path, base: Path = BASE) -> Path:
    """Copy a finished training's last checkpoint, in half precision, to the folder of its method below `out`.

    The training may be one of `realiz3d-bench train`, a model of the user's folder, or one that `kit` has packed;
    `base` is what it started from. Raises `UsageError` for one that is not finished, or no method of the mini-world.
    """
    record = read_record(checkpoint)
    config = schema_of(record["config"]).model_validate(record["config"])
    if config.name not in method_names():
        raise UsageError(f"the mini-world has no method '{config.name}'", where=str(checkpoint))
    about = _about(config.name, config.task, config.seed, _digest(config, base))
    write_slim(checkpoint, out / config.name, about=about, half=True)
    return out / config.name


def _about(method: str, task: str, seed: int, digest: str) -> dict[str, Any]:
    return {"method": method, "task": task, "seed": seed, "digest": digest}


def _there(folder: Path, about: dict[str, Any]) -> Path | None:
    return folder if (folder / FILES).is_file() and read_files(folder).items() >= about.items() else None


def _digest(config: TrainConfig, base: Path) -> str:
    need_base(base)
    somewhere = config.base.model_copy(update={"checkpoint": "base"})
    settings = config.model_copy(update={"seed": 0, "base": somewhere}).hash()
    return hash_json([VERSION, settings, hash_file(base / WEIGHTS), _world_digest()])


def _world_digest() -> str:
    recipe = [asdict(SYNTHETIC), asdict(RICH), model_views().model_dump(mode="json")]
    return hash_json([miniworld.VERSION, SAMPLE_VERSION, *recipe])


def _train(config: TrainConfig, out: Path, callbacks: Sequence[Callback]) -> Path:
    """On one thread: more of them make models of this size slower, and another sum of floats would be another model."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            return train(config, out, device="cpu", callbacks=callbacks)
    finally:
        torch.set_num_threads(threads)


def _place(field: str, path: Path) -> str:
    """As `--set`; quoted, because a user's folder may hold anything."""
    return f"{field}={json.dumps(str(path), ensure_ascii=False)}"
