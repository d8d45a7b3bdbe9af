"""A training's output folder without what only resuming needs: what ships, and what is kept of models made on demand.

    checkpoints/step_<n>/    as the trainer wrote it, without `training_state/`; in half precision if wanted
    training.json            what the training cost
    files.json               which model it is, and the SHA-256 of every other file

`use: realiz3d` reads such a folder as it reads any training's. Paths of the machine that trained are left out.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from bench.errors import InputError, UsageError
from groundwork.hashing import hash_file
from realiz3d.training.checkpoint import RECORD, STATE, TRANSFORMER, read_record
from realiz3d.training.trainer import SUMMARY

FILES = "files.json"


def write_slim(checkpoint: Path, out: Path, *, about: dict[str, Any], half: bool = False) -> None:
    """Write the last checkpoint of a finished training to `out`, in place of what lies there.

    half: the transformer in float16; what methods add to it is small and stays in float32. Raises `UsageError` for a
    checkpoint in the middle of a training.
    """
    budget = checkpoint.parents[1] / SUMMARY
    if not json.loads(budget.read_text(encoding="utf-8"))["finished"]:
        raise UsageError("the training is not finished", where=str(checkpoint), hint="the same command resumes it")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    step = part / "checkpoints" / checkpoint.name
    shutil.copytree(checkpoint, step, ignore=shutil.ignore_patterns(STATE))
    if half:
        _halve(step / TRANSFORMER)
    forget_origin(step)
    _write_json(step / RECORD, _without_places(read_record(checkpoint)))
    shutil.copyfile(budget, part / SUMMARY)
    _write_json(part / FILES, {**about, "half_precision": half, "files": _hashes(part)})
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def read_files(folder: Path) -> dict[str, Any]:
    """`files.json`, once all files are as it says. Raises `InputError` otherwise."""
    try:
        content: dict[str, Any] = json.loads((folder / FILES).read_text(encoding="utf-8"))
        changed = sorted(name for name, digest in content["files"].items() if hash_file(folder / name) != digest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"a model's list of files cannot be read: {error}", where=str(folder), hint=_HINT) from error
    if changed:
        raise InputError(f"files of a model have changed: {', '.join(changed)}", where=str(folder), hint=_HINT)
    return content


def forget_origin(folder: Path) -> None:
    """Take out of the configs below a folder where diffusers read the weights from: a path of this machine."""
    for config in folder.rglob("config.json"):
        content = json.loads(config.read_text(encoding="utf-8"))
        _write_json(config, {key: value for key, value in content.items() if key != "_name_or_path"})


_HINT = "delete the folder: the model is trained again (or, where it ships, installed again)"


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _halve(folder: Path) -> None:
    import diffusers
    import torch

    name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
    kind: Any = getattr(diffusers, name)
    halved = kind.from_pretrained(folder, use_safetensors=True, dtype=torch.float16)
    shutil.rmtree(folder)
    halved.save_pretrained(folder)


def _without_places(record: dict[str, Any]) -> dict[str, Any]:
    record["base"]["checkpoint"] = record["config"]["base"]["checkpoint"] = "base"
    record["config"]["data"]["cache"] = None
    for source in ("synthetic", "real"):
        data = record["config"]["data"][source]
        if data is not None:
            data["path"] = Path(data["path"]).name
    return record


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
