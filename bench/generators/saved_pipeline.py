"""Folders that diffusers' `save_pretrained` wrote, read with care: an index may name code, and code is never run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import GeneratorError, WeightsMissing

INDEX = "model_index.json"
MAX_BYTES = 4 * 2**20


@dataclass(frozen=True)
class PipelineIndex:
    """`kind`: the pipeline's class name. `components`: part -> (library, class), parts that are absent left out."""

    kind: str
    components: dict[str, tuple[str, str]]


def read_index(folder: Path) -> PipelineIndex:
    """Raises `WeightsMissing` for a folder that is no saved pipeline, `GeneratorError` for one that brings code."""
    path = folder / INDEX
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WeightsMissing("the index of the pipeline is too large", where=str(path))
        content: Any = json.loads(path.read_bytes())
        kind = content["_class_name"]
        parts = {name: value for name, value in content.items() if _is_component(value)}
    except OSError as error:
        raise WeightsMissing(
            "the folder is not a saved pipeline",
            where=str(folder),
            expected=f"{INDEX} inside it, as pipeline.save_pretrained writes it",
            hint="save the model there, or name the folder where it is: --set generators.NAME.path=DIR",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsMissing("the index of the pipeline is broken", where=str(path)) from error
    if not isinstance(kind, str):
        raise _brings_code(path, "its pipeline class is a Python file of its own")
    for name, (library, _) in parts.items():
        if (folder / name / f"{library}.py").exists():
            raise _brings_code(path, f"the class of '{name}' is a Python file of its own")
        if Path(name).name != name:
            raise WeightsMissing("the index of the pipeline is broken", where=f"{path}: {ascii(name)[:80]}")
    return PipelineIndex(kind, {name: (value[0], value[1]) for name, value in parts.items()})


def load_pipeline(kind: Any, folder: Path, dtype: Any) -> Any:
    """A saved pipeline, weights from safetensors only. Raises `WeightsMissing` with diffusers' own words."""
    try:
        return kind.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)
    except Exception as error:  # diffusers and transformers raise whatever a broken checkpoint makes them raise
        raise WeightsMissing(
            f"the pipeline cannot be loaded: {str(error)[:500]}",
            where=str(folder),
            expected="a pipeline as diffusers saves it, with safetensors weights",
            hint="convert it with pipeline.save_pretrained(folder, safe_serialization=True)",
        ) from error


def _is_component(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(entry, str) for entry in value)


def _brings_code(path: Path, why: str) -> GeneratorError:
    return GeneratorError(
        f"the pipeline brings code of its own: {why}",
        where=str(path),
        expected="a pipeline whose classes are those of diffusers and transformers",
        hint="code in a checkpoint is never run; install it as a package and name its class: `pipeline: module:Class`",
    )
