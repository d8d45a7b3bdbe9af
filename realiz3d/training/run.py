"""From a config to a training run: load the base, open the data, train, resume."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from realiz3d.data import MultiviewSamples, RealImages, TensorCache, content_key
from realiz3d.errors import UsageError
from realiz3d.latents import downscaling
from realiz3d.multiview import MultiviewModel
from realiz3d.schedules import NoiseSchedule
from realiz3d.training.base import BaseParts, load_base
from realiz3d.training.callbacks import Bars, Callback, JsonLines, TensorBoard, WeightsAndBiases
from realiz3d.training.captions import Captions
from realiz3d.training.checkpoint import checkpoints
from realiz3d.training.config import TrainConfig
from realiz3d.training.feed import Material
from realiz3d.training.method import Method
from realiz3d.training.processes import Processes, launched
from realiz3d.training.realiz3d_method import for_task
from realiz3d.training.sample_grids import Samples
from realiz3d.training.samples import Latents, Objects, Pictures, RenderedPictures
from realiz3d.training.scoring import ScoreCommand
from realiz3d.training.trainer import Trainer

_PACKAGES = ("torch", "diffusers", "accelerate")  # whose versions are on record; one process alone needs no accelerate

MethodFactory = Callable[[TrainConfig, MultiviewModel], Method]
DataFactory = Callable[[TrainConfig, Path, BaseParts, torch.device], Material]  # as `open_material`


def train(
    config: TrainConfig,
    out: str | Path,
    *,
    method: MethodFactory | None = None,
    resume: bool = False,
    from_step: int | None = None,
    device: str | None = None,
    offline: bool = False,
    callbacks: Sequence[Callback] = (),
    processes: Processes | None = None,
    data: DataFactory | None = None,
) -> Path:
    """Train as the config says and return the folder of the last checkpoint.

    A folder `out` that holds checkpoints of the same config and data is resumed, from the newest or from
    `from_step`; with `resume` there must be one. method: what to train with; None = what `config.method` says.
    device: 'cpu' keeps off the GPU; None takes what accelerate finds. callbacks come beside those of the config.
    processes: those that train together, instead of accelerate's. data: opens what is trained on, instead of the
    folders that the config names.
    Raises `UsageError`, `DataError`, `WeightsMissing`, `DependencyMissing`.
    """
    together = launched(device) if processes is None else processes
    trainer = build(config, Path(out), together, method=method, offline=offline, callbacks=callbacks, data=data)
    return trainer.run(_start(Path(out), resume, from_step))


def build(
    config: TrainConfig,
    out: Path,
    processes: Processes,
    *,
    method: MethodFactory | None = None,
    offline: bool = False,
    callbacks: Sequence[Callback] = (),
    data: DataFactory | None = None,
) -> Trainer:
    """The trainer of a config, with everything loaded and nothing trained."""
    watching = [*_callbacks(config), *callbacks] if processes.is_main_process else []
    base = load_base(config.base, device=processes.device, offline=offline)
    if config.logging.samples and processes.is_main_process:
        watching.append(Samples(config.logging.samples, base.scheduler))
    material = (data or open_material)(config, out, base, processes.device)
    model = for_task(
        base.transformer,
        task=config.task,
        latent_channels=base.latent_channels,
        grid=config.data.grid,
        position_mode=config.base.position_mode,
    )
    made = config.method.build(config.seed) if method is None else method(config, model)
    out.mkdir(parents=True, exist_ok=True)
    return Trainer(
        config,
        model=model,
        schedule=NoiseSchedule.from_scheduler(base.scheduler, image_tokens=_tokens(config, model, base)),
        method=made,
        material=material,
        out=out,
        processes=processes,
        callbacks=watching,
        record=record_of(config, base, material),
    )


def open_material(config: TrainConfig, out: Path, base: BaseParts, device: torch.device) -> Material:
    """The data of a config; tensors are kept only when an encoder makes them."""
    data, cache = config.data, TensorCache(config.data.cache or out / "cache")
    vae = None if base.vae is None else base.vae.to(device)
    kept = cache if data.cache_latents and vae is not None else None
    texturing = config.task == "texturing"
    encoder = content_key(base.fingerprint, str(config.base.vae), f"control={texturing}")
    objects = MultiviewSamples(data.synthetic.path, views=data.views, resolution=data.resolution_px)
    pictures: Pictures | None = None
    if data.real is not None:
        images: RealImages | RenderedPictures
        if data.real.kind == "renders":
            images = RenderedPictures(data.real.path, resolution=data.resolution_px, views=data.views)
        else:
            images = RealImages(data.real.path, resolution=data.resolution_px, fit=data.real.fit)
        pictures = Pictures(images, cache=kept, encoder=encoder)
    # words and labels are quicker made than read
    captions = Captions(base.captions, cache if config.base.text.encoder == "pipeline" else None)
    latents = Latents(vae, cache=kept, with_control=texturing)
    return Material(Objects(objects, cache=kept, encoder=encoder), pictures, latents, captions)


def record_of(config: TrainConfig, base: BaseParts, material: Material) -> dict[str, Any]:
    """What checkpoints say besides the state of training; `hashes` must not change while a run goes on."""
    scheduler = base.scheduler
    hashes = {"config": config.hash(), "base": base.fingerprint, "synthetic": material.objects.fingerprint()}
    if material.pictures is not None:
        hashes["real"] = material.pictures.fingerprint()
    return {
        "base": base.record,
        "objective": NoiseSchedule.from_scheduler(scheduler, image_tokens=1024).objective,
        "scheduler": {
            "class": type(scheduler).__name__,
            "config": {key: value for key, value in scheduler.config.items() if not key.startswith("_")},
        },
        "hashes": hashes,
        "versions": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _callbacks(config: TrainConfig) -> list[Callback]:
    logging = config.logging
    found: list[Callback] = [JsonLines()]
    if logging.bars:
        found.append(Bars())
    if logging.tensorboard:
        found.append(TensorBoard())
    if logging.wandb_project:
        found.append(WeightsAndBiases(logging.wandb_project))
    if logging.scores:
        found.append(ScoreCommand(logging.scores))
    return found


def _start(out: Path, resume: bool, from_step: int | None) -> Path | None:
    found = checkpoints(out)
    if from_step is not None:
        if from_step not in found:
            steps = ", ".join(map(str, found)) or "none"
            raise UsageError(f"there is no checkpoint of step {from_step}", where=str(out), expected=f"one of {steps}")
        return found[from_step]
    if resume and not found:
        raise UsageError("there is nothing to resume", where=str(out), hint="leave out --resume to start over")
    return found[max(found)] if found else None


def _tokens(config: TrainConfig, model: MultiviewModel, base: BaseParts) -> int:
    """Image tokens of a grid."""
    side = config.data.resolution_px // downscaling(base.vae) // model.host.patch
    return side * side * model.n_views
