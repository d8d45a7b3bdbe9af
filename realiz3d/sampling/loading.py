"""Pipelines from parts: from a text-to-image pipeline, and from a training checkpoint with its base model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from realiz3d.errors import UsageError, WeightsMissing
from realiz3d.hosts import HOSTS, host_for
from realiz3d.multiview import MultiviewModel
from realiz3d.sampling.schedulers import sampling_scheduler
from realiz3d.sampling.viewpoints import trained_viewpoints

_ALONE = {"transformer", "scheduler"}
_ENCODERS = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2", "tokenizer_3", "text_encoder_3")


def from_base(kind: Any, base: Any, model: MultiviewModel | None, scheduler: Any, options: Mapping[str, Any]) -> Any:
    """A pipeline of class `kind` with the parts of a diffusers pipeline; see `Realiz3DPipeline.from_base`."""
    transformer = getattr(base, "transformer", None) if model is None else model.transformer
    if transformer is None:
        raise UsageError(f"{type(base).__name__} has no transformer", expected=", ".join(sorted(HOSTS)))
    if model is None:
        host_for(transformer)  # refuse others before anything is built
    vae = getattr(base, "vae", None)
    parts: dict[str, Any] = {name: getattr(base, name, None) for name in _ENCODERS}
    parts |= {"transformer": transformer, "vae": vae, "scheduler": scheduler or sampling_scheduler(base.scheduler)}
    parts |= _text_options(base, transformer)
    parts |= _model_options(model) if model is not None else {"latent_channels": _channels(vae)}
    made = kind(**{**parts, **options})
    made._model = model
    return made


def from_checkpoint(
    kind: Any, folder: Any, base: str | None, dtype: torch.dtype | None, offline: bool, method: str | None
) -> Any:
    """A pipeline of class `kind` from a training checkpoint; see `Realiz3DPipeline.from_checkpoint`."""
    from realiz3d.training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(Path(folder), dtype=dtype, method=method)
    record = checkpoint.record.get("base", {})
    options = {"view_size": _view_size(checkpoint.record), "text_settings": record.get("text")}
    options["trained_viewpoints"] = trained_viewpoints(checkpoint.record)
    shifting = checkpoint.record.get("config", {}).get("sampling", {})
    shifting = renamed_shifting(shifting)
    options |= {name: shifting[name] for name in ("block_frac", "t_max") if name in shifting}
    made = record.get("made")
    if made is not None:
        scheduler = sampling_scheduler(_scheduler(made))
        pipeline = kind(
            transformer=checkpoint.model.transformer, scheduler=scheduler, **_model_options(checkpoint.model), **options
        )
        pipeline._model = checkpoint.model
        return pipeline
    parts = base_parts(record, base, dtype, offline, transformer=checkpoint.model.transformer)
    return from_base(kind, parts, checkpoint.model, None, options)


def renamed_shifting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a stored model; files from before `t_max` had the paper's name call it `t_min`."""
    return {"t_max" if name == "t_min" else name: value for name, value in settings.items()}


def base_parts(
    record: Mapping[str, Any], base: str | None, dtype: torch.dtype | None, offline: bool, *, transformer: Any = None
) -> Any:
    """The diffusers pipeline that a checkpoint's base is, by the `base` section of its record, or where `base` says.

    transformer: in place of the base's own, which is then not read at all.
    """
    import diffusers

    from realiz3d.data.base_model import BaseModel

    where = base or record.get("checkpoint")
    if not isinstance(where, str):
        raise WeightsMissing("the checkpoint does not say what its base model is", hint="pass base=...")
    found = BaseModel(where, revision=None if base else record.get("revision"), offline=offline)
    replaced = {} if transformer is None else {str(record.get("transformer", "transformer")): transformer}
    if record.get("vae", "vae") is None:
        replaced["vae"] = None  # a base whose latents are pictures need not have one
    try:
        pipelines: Any = diffusers.DiffusionPipeline
        if record.get("text") and _parts(pipelines.load_config(found.folder)) == _ALONE:
            return _alone(found.folder, replaced, dtype)
        parts = pipelines.from_pretrained(
            found.folder, **replaced, dtype=dtype, use_safetensors=True, local_files_only=True
        )
    except Exception as error:  # diffusers and transformers raise whatever a broken checkpoint makes them raise
        raise WeightsMissing(
            f"the base model's parts cannot be loaded: {str(error)[:500]}",
            where=str(found.folder),
            expected="the text-to-image pipeline that training started from, with safetensors weights",
            hint="pass where it is now, or fetch it again",
        ) from error
    return parts


def _parts(index: Mapping[str, Any]) -> set[str]:
    """The parts that a diffusers pipeline has; those that it does without stand there as [None, None]."""
    return {name for name, entry in index.items() if isinstance(entry, list | tuple) and all(entry)}


def _alone(folder: Path, replaced: Mapping[str, Any], dtype: torch.dtype | None) -> Any:
    """The parts of a base that is a transformer and its scheduler alone.

    The class of its pipeline may want packages (transformers) for parts that are not there.
    """
    import diffusers

    index: Any = diffusers.DiffusionPipeline.load_config(folder)
    options: dict[str, Any] = {"local_files_only": True}
    scheduler = getattr(diffusers, index["scheduler"][1]).from_pretrained(folder, subfolder="scheduler", **options)
    transformer = replaced.get("transformer")
    if transformer is None:
        kind = getattr(diffusers, index["transformer"][1])
        transformer = kind.from_pretrained(
            folder, subfolder="transformer", dtype=dtype, use_safetensors=True, **options
        )
    return SimpleNamespace(transformer=transformer, scheduler=scheduler, vae=None)


def _scheduler(made: Mapping[str, Any]) -> Any:
    import diffusers

    scheduler = getattr(diffusers, str(made.get("scheduler")), None)
    if not (isinstance(scheduler, type) and issubclass(scheduler, diffusers.SchedulerMixin)):
        raise UsageError(
            f"diffusers has no scheduler {made.get('scheduler')!r}", where="realiz3d.json: base.made.scheduler"
        )
    return scheduler(**made.get("scheduler_config", {}))


def _model_options(model: MultiviewModel) -> dict[str, Any]:
    return {**model.config(), "domain_shifters": model.shifters, "viewpoint_control": model.viewpoints}


def _text_options(base: Any, transformer: Any) -> dict[str, Any]:
    labels = getattr(base, "labels", None)
    if labels:  # DiTPipeline: every name of a class -> its label
        names = {label: name for name, label in sorted(labels.items(), reverse=True)}
        count = int(transformer.config.num_embeds_ada_norm)
        listed = [names.get(label, f"class {label}") for label in range(count)]
        return {"text_settings": {"encoder": "labels", "names": listed}}
    return {"text_pipeline": type(base).__name__ if hasattr(base, "encode_prompt") else None}


def _channels(vae: Any) -> int | None:
    if vae is None:
        return None
    return int(vae.config.get("latent_channels") or vae.config.get("z_dim"))


def _view_size(record: Mapping[str, Any]) -> int | None:
    size = record.get("config", {}).get("data", {}).get("resolution_px")
    return int(size) if isinstance(size, int) else None
