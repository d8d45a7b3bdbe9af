"""The model that training starts from: a checkpoint in diffusers' layout, or a small host made from a config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from realiz3d.data import content_key
from realiz3d.errors import UsageError, WeightsMissing, nearest
from realiz3d.hosts import Host, host_of, transformer_of
from realiz3d.training.captions import CaptionEncoder, NamedClasses, PromptEncoder, WordVectors
from realiz3d.training.config import Base, ClassLabels, HashedWords, Made


@dataclass(frozen=True)
class BaseParts:
    """A base model's parts, on the CPU.

    transformer in float32; vae None when pictures are the latents. record: what a checkpoint says about its base, so
    that a pipeline finds the parts that training leaves alone. fingerprint: of the weights.
    """

    transformer: Any
    scheduler: Any
    vae: Any
    captions: CaptionEncoder
    latent_channels: int
    record: dict[str, Any]
    fingerprint: str


def load_base(config: Base, *, device: torch.device | str = "cpu", offline: bool = False) -> BaseParts:
    """The parts that a config names. `device` is where text encoders will run.

    Raises `WeightsMissing` for a checkpoint that is not there, `UsageError` for one that cannot be trained.
    """
    return _made(config, config.made) if config.made else _loaded(config, device, offline)


def _made(config: Base, made: Made) -> BaseParts:
    import diffusers

    kind = transformer_of(made.transformer, "base.made.transformer")
    host = host_of(made.transformer)
    scheduler_kind = getattr(diffusers, made.scheduler, None)
    if not (isinstance(scheduler_kind, type) and issubclass(scheduler_kind, diffusers.SchedulerMixin)):
        raise UsageError(f"diffusers has no scheduler '{made.scheduler}'", where="base.made.scheduler")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(made.seed)
        transformer = _called(kind, made.config, "base.made.config")
    scheduler = _called(scheduler_kind, made.scheduler_config, "base.made.scheduler_config")
    record = {"made": made.model_dump(mode="json"), "vae": None, "text": config.text.model_dump(mode="json")}
    fingerprint = content_key("made", made.model_dump_json(), diffusers.__version__)
    channels = host(transformer).in_channels
    if config.vae is not None:
        raise UsageError("a made host has no autoencoder", where="base.vae", expected="vae: null")
    return BaseParts(transformer, scheduler, None, _captions(config, host, None, ""), channels, record, fingerprint)


def _called(kind: Any, arguments: dict[str, Any], where: str) -> Any:
    try:
        return kind(**arguments)
    except (TypeError, ValueError, AttributeError, RuntimeError, KeyError) as error:
        raise UsageError(f"{kind.__name__} cannot be made: {str(error)[:300]}", where=where) from error


def _loaded(config: Base, device: torch.device | str, offline: bool) -> BaseParts:
    import diffusers

    from realiz3d.data.base_model import BaseModel

    found = BaseModel(str(config.checkpoint), revision=config.revision, offline=offline)
    folder, fingerprint = found.folder, found.fingerprint()
    index = diffusers.DiffusionPipeline.load_config(folder)
    name = _component(index, config.transformer, folder)
    kind, host = transformer_of(name, "base.transformer"), host_of(name)
    scheduler_name = _component(index, config.scheduler, folder)
    scheduler = _read(getattr(diffusers, scheduler_name, None), folder, config.scheduler, use_safetensors=None)
    transformer = _read(kind, folder, config.transformer, dtype=torch.float32)
    vae = None
    if config.vae is not None:
        if index.get(config.vae) == [None, None]:  # how diffusers writes what a pipeline does without
            raise UsageError(
                "the base has no autoencoder: it makes pixels",
                where=str(folder / "model_index.json"),
                hint="write 'vae: null' below 'base'",
            )
        vae = _read(
            getattr(diffusers, _component(index, config.vae, folder), None), folder, config.vae, dtype=torch.float32
        )
        vae.requires_grad_(False).eval()
    pipeline = str(index["_class_name"])
    record = {
        "checkpoint": config.checkpoint,
        "revision": config.revision,
        "fingerprint": fingerprint,
        "pipeline": pipeline,
        "transformer": config.transformer,
        "vae": config.vae,
        "scheduler": config.scheduler,
        "text": config.text.model_dump(mode="json"),
        "components": {name: value[1] for name, value in index.items() if isinstance(value, list) and value[1]},
    }
    channels = host(transformer).in_channels if vae is None else _latent_channels(vae)

    def text_pipeline() -> Any:
        import transformers

        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        parts: dict[str, Any] = {config.transformer: None, str(config.vae or "vae"): None}
        dtype = getattr(torch, getattr(config.text, "dtype", "float32"))
        return getattr(diffusers, pipeline).from_pretrained(
            folder, **parts, dtype=dtype, use_safetensors=True, local_files_only=True
        )

    captions = _captions(config, host, text_pipeline, fingerprint, device)
    return BaseParts(transformer, scheduler, vae, captions, channels, record, fingerprint)


def _captions(
    config: Base, host: type[Host], load: Any, base: str, device: torch.device | str = "cpu"
) -> CaptionEncoder:
    if isinstance(config.text, HashedWords):
        return WordVectors(config.text)
    if isinstance(config.text, ClassLabels):
        return NamedClasses(config.text)
    return PromptEncoder(host, load, config.text, base=base, device=device)


def _component(index: Any, name: str, folder: Path) -> str:
    entry = index.get(name)
    if not isinstance(entry, list | tuple) or len(entry) != 2 or not entry[1]:
        parts = [key for key, value in index.items() if isinstance(value, list | tuple) and all(value)]
        raise UsageError(
            f"the base has no component '{name}'", where=str(folder / "model_index.json"), hint=nearest(name, parts)
        )
    return str(entry[1])


def _read(kind: Any, folder: Path, subfolder: str, **options: Any) -> Any:
    if kind is None:
        raise UsageError("diffusers does not know this component's class", where=str(folder / subfolder))
    options = {"use_safetensors": True, **options}
    options = {name: value for name, value in options.items() if value is not None}
    try:
        return kind.from_pretrained(folder, subfolder=subfolder, local_files_only=True, **options)
    except Exception as error:  # diffusers raises whatever a broken checkpoint makes it raise
        raise WeightsMissing(
            f"a part of the base cannot be loaded: {str(error)[:300]}",
            where=str(folder / subfolder),
            expected="a component as diffusers saves it, with safetensors weights",
        ) from error


def _latent_channels(vae: Any) -> int:
    config = vae.config
    return int(config.get("latent_channels") or config.get("z_dim"))
