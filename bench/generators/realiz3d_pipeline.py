"""`use: realiz3d`: checkpoints that `realiz3d-bench train` or `Realiz3DPipeline.save_pretrained` wrote."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from bench.errors import GeneratorError, UsageError, WeightsMissing
from bench.generators.pipeline_base import hash_parts, need_packages, offline
from bench.generators.protocol import GeneratorContext
from bench.generators.realiz3d_sampling import Realiz3DSampler, SamplingOptions

_INDEX, _RECORD = "model_index.json", "realiz3d.json"
_BUDGET = "training.json"
_COSTS = (
    "trainable_parameters", "steps", "synthetic_samples", "real_samples", "flops", "seconds", "peak_memory_bytes",
)  # fmt: skip
_SAME_ANGLE = 0.5  # degrees
_SOURCES = ("base", "synthetic", "real")  # hashes of what training started from and learned from


class Realiz3DOptions(SamplingOptions):
    """Options of `realiz3d`."""

    checkpoint: Path = Field(
        description="a checkpoint, a training's output folder (its newest one), or a saved pipeline"
    )
    base: str | None = Field(
        None, description="the base model, if not where the checkpoint says: a folder or OWNER/NAME"
    )
    method: str | None = Field(
        None, description="module:attribute of a method of one's own that trained the checkpoint; its code runs"
    )


class Realiz3DGenerator(Realiz3DSampler):
    """Samples a Realiz3D checkpoint, controlled by the mesh's normal and position maps or by the suite's viewpoints."""

    Options: ClassVar[type[BaseModel]] = Realiz3DOptions

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        self.folder = _find(context.suite_folder / options.checkpoint)
        if _reads_prompts(self.folder):
            need_packages(name)
        self.base = _place(options.base, context.suite_folder)
        self.cameras = context.cameras  # refused where each case has its own: the checkpoint makes one set of views
        if options.control:
            self._check_viewpoints()

    def _check_viewpoints(self) -> None:
        """Raises `UsageError` for a suite of views that a model steered by viewpoints has never seen."""
        trained, asked = trained_viewpoints(self.folder), self.cameras.angles
        if trained is None or len(trained) != len(asked):  # another count is refused for itself
            return
        for view, ((azimuth, elevation), (a, e)) in enumerate(zip(asked, trained, strict=True)):
            if abs((azimuth - a + 180) % 360 - 180) > _SAME_ANGLE or abs(elevation - e) > _SAME_ANGLE:
                heights = sorted({e for _, e in trained})
                shown = f"azimuths [{', '.join(f'{a:g}' for a, _ in trained)}] and elevation {heights[0]:g}"
                raise UsageError(
                    f"generator '{self.name}' was trained on {shown}; the suite's view {view} is at azimuth "
                    f"{round(azimuth, 2) + 0.0:g} and elevation {round(elevation, 2) + 0.0:g}",
                    where=str(self.folder),
                    expected="the views that it was trained on, in their order",
                    hint="change the suite's views, or train with these: data.synthetic.azimuths_deg, elevation_deg",
                )

    def places(self) -> set[str]:
        """Checkpoint and base."""
        return {"checkpoint", "base"}

    def weights(self) -> Any:
        """Hashes of all files that are read."""
        if (self.folder / _INDEX).is_file():
            return hash_parts(self.folder, _saved_parts(self.folder))
        from realiz3d.data.base_model import BaseModel as BaseCheckpoint
        from realiz3d.training.checkpoint import STATE, read_record

        # all that lies there: methods other than Realiz3D keep parts of their own beside the transformer
        parts = sorted(entry.name for entry in self.folder.iterdir() if entry.name not in (STATE, _RECORD))
        found: dict[str, Any] = dict(hash_parts(self.folder, parts))
        record = read_record(self.folder)
        found["record"] = {key: record.get(key) for key in ("model", "base", "scheduler", "method")}
        where = self.base or record.get("base", {}).get("checkpoint")
        if where is not None:
            revision = None if self.base else record["base"].get("revision")
            folder = BaseCheckpoint(str(where), revision=revision, offline=offline()).folder
            replaced = str(record["base"].get("transformer", "transformer"))
            found["base"] = hash_parts(folder, [part for part in _saved_parts(folder) if part != replaced])
            # the record also says where the base was
            found["record"]["base"] = {key: record["base"].get(key) for key in ("vae", "text")}
        return found

    def training(self) -> list[dict[str, Any]]:
        """`training.json` of the training that the checkpoint is from, phase by phase; empty where there is none."""
        try:
            content = json.loads((self.folder.parent.parent / _BUDGET).read_text(encoding="utf-8"))
            where = {"device": str(content["device"]), "processes": int(content["processes"])}
            from_what = {key: str(content["hashes"].get(key, "")) for key in _SOURCES}
            phases: list[dict[str, Any]] = [
                {"phase": str(phase["phase"]), **{key: float(phase[key]) for key in _COSTS}, **where, **from_what}
                for phase in content["phases"]
            ]
            known = all(math.isfinite(phase[key]) for phase in phases for key in _COSTS)
            return phases if known else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return []

    def load(self) -> Any:
        """The pipeline, compiled if wanted."""
        import torch

        from realiz3d import Realiz3DPipeline

        dtype = getattr(torch, self.options.dtype)
        if (self.folder / _INDEX).is_file():
            pipeline = _loaded(Realiz3DPipeline, self.folder, dtype)
        else:
            pipeline = Realiz3DPipeline.from_checkpoint(
                self.folder, base=self.base, dtype=dtype, offline=offline(), method=self.options.method
            )
        views = pipeline.multiview.n_views
        if views != len(self.cameras):
            raise GeneratorError(
                f"generator '{self.name}' makes {views} views, the suite has {len(self.cameras)}",
                where=str(self.folder),
                hint="choose a suite with as many azimuths as the checkpoint was trained with, in their order",
            )
        return self.ready(pipeline)


def trained_viewpoints(folder: Path) -> list[tuple[float, float]] | None:
    """(azimuth, elevation) in degrees of each view that a checkpoint or saved pipeline was trained on.

    None for models that read no viewpoints, and where the files do not say: what is broken in them is told on loading.
    """
    from realiz3d.sampling.viewpoints import trained_viewpoints as of_record

    saved = (folder / _INDEX).is_file()
    try:
        content = json.loads((folder / (_INDEX if saved else _RECORD)).read_bytes())
        told = content.get("trained_viewpoints") if saved else of_record(content)
        return None if told is None else [(float(azimuth), float(elevation)) for azimuth, elevation in told]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def trained_size(checkpoint: Path) -> int | None:
    """Side in pixels of the views that a checkpoint was trained on, where it says so. Raises as the generator does."""
    folder = _find(checkpoint)
    saved = (folder / _INDEX).is_file()
    content = json.loads((folder / (_INDEX if saved else _RECORD)).read_bytes())
    size = content.get("view_size") if saved else content.get("config", {}).get("data", {}).get("resolution_px")
    return size if isinstance(size, int) else None


def _find(folder: Path) -> Path:
    """The folder that holds weights: as given, or the newest checkpoint of a training."""
    if (folder / _INDEX).is_file() or (folder / _RECORD).is_file():
        return folder
    if (folder / "checkpoints").is_dir():
        from realiz3d.training.checkpoint import checkpoints

        found = checkpoints(folder)
        if found:
            return found[max(found)]
    raise WeightsMissing(
        "there is no Realiz3D checkpoint" if folder.exists() else "the checkpoint's folder does not exist",
        where=str(folder),
        expected=f"a folder with {_RECORD} (a training checkpoint) or {_INDEX} (a saved pipeline)",
        hint="train one with `realiz3d-bench train`, or name the folder: --set generators.NAME.checkpoint=DIR",
    )


def _reads_prompts(folder: Path) -> bool:
    """Whether a text encoder is part of the model; others take captions as labels or words."""
    saved = (folder / _INDEX).is_file()
    content = json.loads((folder / (_INDEX if saved else _RECORD)).read_bytes())
    if saved:
        return bool((content.get("text_encoder") or [None])[0])
    return bool(content.get("base", {}).get("text", {}).get("encoder", "pipeline") == "pipeline")


def _place(base: str | None, folder: Path) -> str | None:
    """A base given as a folder may be relative to the suite file."""
    return str(folder / base) if base is not None and (folder / base).is_dir() else base


def _saved_parts(folder: Path) -> list[str]:
    from bench.generators.saved_pipeline import read_index

    return [_INDEX, *read_index(folder).components]


def _loaded(kind: Any, folder: Path, dtype: Any) -> Any:
    from bench.generators.saved_pipeline import load_pipeline, read_index

    index = read_index(folder)
    if index.kind != kind.__name__:
        raise WeightsMissing(
            f"the folder holds a {index.kind}",
            where=str(folder / _INDEX),
            expected=kind.__name__,
            hint="other pipelines are scored with `use: diffusers`",
        )
    return load_pipeline(kind, folder, dtype)
