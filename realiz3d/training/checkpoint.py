"""Checkpoints: folders in diffusers' layout, which pipelines load, with what resuming needs beside them.

    step_<n>/transformer/           config.json and safetensors, input projection widened; EMA weights when EMA is on
             domain_shifters/       of methods that have them
             viewpoint_control/     of text-to-multiview models
             extras/                what other methods add for sampling
             realiz3d.json          how to wrap the transformer, which base its other parts come from, how it was made
             training_state/        state.pt: the training weights, optimiser, EMA, places in the data

A checkpoint is written under another name and renamed when it is whole.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from realiz3d.errors import UsageError, WeightsMissing
from realiz3d.hosts import transformer_of
from realiz3d.multiview import MultiviewModel

RECORD, STATE = "realiz3d.json", "training_state"
TRANSFORMER, SHIFTERS, VIEWPOINTS, EXTRAS = "transformer", "domain_shifters", "viewpoint_control", "extras"
FORMAT = 1
_STEP = re.compile(r"step_([0-9]{1,12})")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as sampling needs it. record: the content of `realiz3d.json`."""

    model: MultiviewModel
    record: dict[str, Any]


def save_modules(model: MultiviewModel, folder: Path, *, transformer: Any = None) -> None:
    """Write the model's parts with their own `save_pretrained`; `transformer` in place of the model's."""
    (model.transformer if transformer is None else transformer).save_pretrained(folder / TRANSFORMER)
    if model.shifters is not None:
        model.shifters.save_pretrained(folder / SHIFTERS)
    if model.viewpoints is not None:
        model.viewpoints.save_pretrained(folder / VIEWPOINTS)


def load_checkpoint(folder: str | Path, *, dtype: torch.dtype | None = None, method: str | None = None) -> Checkpoint:
    """The model of a checkpoint, wrapped, with shifters, viewpoint control and extras, in eval mode on the CPU.

    `dtype` casts the transformer; shifters stay in float32. `method` is the `module:attribute` of a method of one's
    own: its code runs, so a record, which may come from anywhere, cannot choose it. Raises `WeightsMissing` where a
    folder is no checkpoint, `UsageError` where it is one of another method than `method`.
    """
    from realiz3d.control import ViewpointControl
    from realiz3d.shifters import DomainShifters

    root = Path(folder)
    record = read_record(root)
    kind = transformer_of(_class_name(root / TRANSFORMER), str(root / TRANSFORMER))
    transformer = kind.from_pretrained(root / TRANSFORMER, use_safetensors=True, dtype=dtype)
    settings = record["model"]
    model = MultiviewModel.wrap(transformer, **{**settings, "views": tuple(settings["views"])})
    if (root / SHIFTERS).is_dir():
        model.attach(DomainShifters.from_pretrained(root / SHIFTERS, use_safetensors=True))
    if (root / VIEWPOINTS).is_dir():
        model.attach(ViewpointControl.from_pretrained(root / VIEWPOINTS, use_safetensors=True, dtype=dtype))
    _restore(model, root, record, method)
    return Checkpoint(model.eval(), record)


def _restore(model: MultiviewModel, folder: Path, record: dict[str, Any], trusted: str | None) -> None:
    """Let the method that trained the checkpoint put back what it added."""
    method = record.get("method") or {}
    name = str(method.get("name", "realiz3d"))
    if trusted is not None and trusted != name:
        raise UsageError(
            f"the checkpoint was trained by {ascii(name)[:200]}, not by {trusted}", where=str(folder / RECORD)
        )
    if name == "realiz3d":
        return
    if ":" in name and trusted is None:
        raise UsageError(
            f"the checkpoint was trained by a method of its own, {ascii(name)[:200]}, whose code would run",
            where=str(folder / RECORD),
            hint=f"if you trust that code, name it: `method: {ascii(name)[1:-1][:200]}` beside `checkpoint:`, or "
            "load_checkpoint(..., method=...); or install it under the entry-point group realiz3d.methods",
        )
    from realiz3d.training.registry import method_settings

    kind = method_settings(name, registered_only=trusted is None)
    try:
        settings = kind.model_validate(method.get("settings"))
    except ValueError as error:
        raise WeightsMissing(
            f"the checkpoint's method settings are broken: {str(error)[:300]}", where=str(folder / RECORD)
        ) from error
    settings.build(0).restore(model, folder)


def read_record(folder: Path) -> dict[str, Any]:
    """`realiz3d.json` of a checkpoint. Raises `WeightsMissing` when there is none that this version reads."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsMissing(
            "the folder is not a checkpoint of Realiz3D",
            where=str(folder),
            expected=f"{RECORD} and {TRANSFORMER}/ inside it, as `realiz3d-bench train` writes them",
            hint="checkpoints lie in <out>/checkpoints/step_<n>",
        ) from error
    except (ValueError, RecursionError) as error:
        raise WeightsMissing("the checkpoint's record is broken", where=str(folder / RECORD)) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise WeightsMissing(
            "the checkpoint was written by another version", where=str(folder / RECORD), expected=f"format {FORMAT}"
        )
    return record


def checkpoints(out: Path) -> dict[int, Path]:
    """Checkpoints of a training folder by step, in order."""
    folder = out / "checkpoints"
    found = {int(match[1]): path for path in folder.glob("step_*") if (match := _STEP.fullmatch(path.name))}
    return {step: found[step] for step in sorted(found) if (found[step] / RECORD).is_file()}


def write_checkpoint(
    out: Path, step: int, record: dict[str, Any], state: dict[str, Any], save: Callable[[Path], None]
) -> Path:
    """Write checkpoint `step` of a training folder; an older one of the same step is replaced. Returns its folder."""
    final = out / "checkpoints" / f"step_{step}"
    part = final.with_name(f".{final.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / STATE).mkdir(parents=True)
    save(part)
    (part / RECORD).write_text(json.dumps({"format": FORMAT, **record}, indent=2) + "\n", encoding="utf-8")
    torch.save(state, part / STATE / "state.pt")
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)
    return final


def read_state(folder: Path) -> dict[str, Any]:
    """What resuming needs; tensors and plain values only, nothing in the file can run."""
    path = folder / STATE / "state.pt"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsMissing(
            "this checkpoint cannot be resumed from: its training state is gone", where=str(path)
        ) from error
    except Exception as error:  # torch raises what the unpickler of the day raises
        raise WeightsMissing(f"the training state is broken: {str(error)[:200]}", where=str(path)) from error
    if not isinstance(state, dict):
        raise WeightsMissing("the training state is broken", where=str(path))
    return state


def prune(out: Path, keep: int, protected: set[int]) -> None:
    """Delete all but the newest `keep` checkpoints; `protected` steps stay and do not count."""
    others = {step: path for step, path in checkpoints(out).items() if step not in protected}
    for step in list(others)[:-keep]:
        shutil.rmtree(others[step])


def _class_name(folder: Path) -> str:
    try:
        name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsMissing("the checkpoint has no transformer", where=str(folder), expected="config.json") from error
    return str(name)
