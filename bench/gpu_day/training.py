"""Both stages of training at the paper's size, by the trainer itself, on data of random numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.gpu_day.findings import Notes, Planned, planned_of_each
from bench.gpu_day.settings import VIEWS, Settings

STAGES = ("stage1", "stage2")
OBJECTS = 16


def plan_training(settings: Settings) -> Sequence[Planned]:
    """Names of what `training` finds."""
    step = f"a step of {settings.micro_batch} grids"
    units = {step: "s", "grids a second": "/s", "rate of work": "TFLOP/s", "peak memory": "GiB"}
    return planned_of_each(STAGES, units)


def training(settings: Settings, notes: Notes) -> None:
    """Times the steps of each stage after the first, which makes the allocator grow."""
    for stage in STAGES:
        with TemporaryDirectory() as out:
            watch = run_stage(settings, stage, Path(out), settings.training_steps)
        seconds = watch.seconds[1:]
        notes.number(
            f"{stage}: a step of {settings.micro_batch} grids", median(seconds), low=min(seconds), high=max(seconds),
            n=len(seconds), text=f"{watch.trained / 1e6:.3g} million weights train",
        )  # fmt: skip
        notes.number(f"{stage}: grids a second", settings.micro_batch / median(seconds))
        rate = watch.flops_per_sample * settings.micro_batch / median(seconds)
        notes.number(f"{stage}: rate of work", rate / 1e12)
        notes.memory(f"{stage}: peak memory", watch.peak if settings.cuda else None)


class _Enough(Exception):
    """So many steps were watched: the way out of a training before it writes gigabytes."""


class Watch:
    """A callback of the trainer: times steps, and ends the training before it saves."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.weights: list[Any] = []
        self.trained, self.flops_per_sample, self.peak = 0, 0.0, 0
        self._mark = 0.0

    def begin(self, trainer: Any) -> None:
        """Before the first step."""
        self._mark = time.perf_counter()

    def step(self, trainer: Any, log: Any) -> None:
        """After every step."""
        import torch

        if trainer.device.type == "cuda":
            torch.cuda.synchronize(trainer.device)
        self.seconds.append(time.perf_counter() - self._mark)
        if log is not None:
            self.losses.append(log.loss)
        if len(self.seconds) == self.steps:
            budget = trainer.progress.budgets[-1]
            self.trained, self.flops_per_sample = budget.trainable_parameters, budget.flops_per_sample
            self.peak = budget.peak_memory_bytes
            self.weights = [p.detach().cpu() for p in trainer.model.parameters() if p.requires_grad][:8]
            raise _Enough
        self._mark = time.perf_counter()

    def checkpoint(self, trainer: Any, folder: Path) -> None:
        """Never comes."""

    def end(self, trainer: Any) -> None:
        """Nothing is left to do."""


def run_stage(settings: Settings, stage: str, out: Path, steps: int) -> Watch:
    """Train one stage for some steps, with data of random numbers in memory, and say what was seen."""
    from realiz3d.training.processes import Alone
    from realiz3d.training.run import train

    watch = Watch(steps)
    try:
        train(
            _config(settings, stage, steps + 1),
            out,
            processes=Alone(settings.device),
            data=_material,
            callbacks=[watch],
        )
    except _Enough:
        return watch
    raise RuntimeError("the training ended before its last step")


def _config(settings: Settings, stage: str, steps: int) -> Any:
    from bench.generators.random_weights import ARCHITECTURES, transformer_config
    from realiz3d.training.config import TrainConfig

    shape = ARCHITECTURES[settings.architecture]
    length = {name: {"length": {"steps": steps if name == stage else 0}} for name in ("warmup", *STAGES)}
    return TrainConfig.model_validate(
        {
            "name": "gpu-day",
            "base": {
                # latents of the paper's size stand for pictures: a trainer meets nothing else after its cache
                "made": {
                    "transformer": "PixArtTransformer2DModel",
                    "config": transformer_config(shape),
                    "scheduler_config": {"clip_sample": False},
                },
                "vae": None,
                "text": {"encoder": "hashed_words", "width": shape.text, "length_tokens": shape.words},
            },
            "data": {
                "synthetic": {"path": "nowhere"},
                "real": {"path": "nowhere"},
                "resolution_px": settings.resolution // shape.latent_scale,
                "workers": 0,
            },
            "method": length,
            "optimisation": {
                "samples_per_step": settings.micro_batch,
                "micro_batch": settings.micro_batch,
                "precision": "float32" if settings.tiny else "bfloat16",
                "gradient_checkpointing": not settings.tiny,
            },
            "logging": {"bars": False, "every_steps": 1},
        }
    )


def _material(config: Any, out: Path, base: Any, device: Any) -> Any:
    """Random latents and maps; duck-typed, as the trainer asks for items, captions and fingerprints."""
    import torch

    from realiz3d.training.captions import Captions
    from realiz3d.training.feed import Material
    from realiz3d.training.samples import Item, Latents

    rng = torch.Generator().manual_seed(0)
    side, channels = config.data.resolution_px, base.latent_channels

    def item(index: int, views: int, control: bool) -> Item:
        tensors = {"latents": torch.randn(views, channels, side, side, generator=rng)}
        if control:
            tensors["control"] = torch.randn(views, 2 * channels, side, side, generator=rng)
        return Item(f"a mug of kind {index}", tensors, encoded=True)

    objects = _Items([item(index, VIEWS, True) for index in range(OBJECTS)])
    pictures = _Items([item(index, 1, False) for index in range(OBJECTS * VIEWS)])
    return Material(objects, pictures, Latents(with_control=True), Captions(base.captions))  # type: ignore[arg-type]


class _Items:
    """Items that are all there."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def captions(self) -> list[str]:
        """All captions."""
        return [item.caption for item in self.items]

    def fingerprint(self) -> str:
        """Random numbers of one seed."""
        return "random"
