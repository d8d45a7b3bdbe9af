"""Weights from a model hub: one safetensors file, pinned by repository, revision and SHA-256, or a copy of one's own.

Safetensors hold numbers and nothing that runs, so a stranger's file can do no worse than give other features. A file
from the hub must be the pinned one, byte for byte. A file that a person put under REALIZ3D_BENCH_WEIGHTS is taken as it
is, with its own hash: the signature then says that the numbers are those of other weights.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import WeightsMissing
from bench.extractors.weights import FOLDER_VARIABLE
from groundwork.hashing import hash_file

_MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True)
class HubFile:
    """A published file. `folder` is where a copy of one's own lies below REALIZ3D_BENCH_WEIGHTS, beside `config`."""

    repository: str
    revision: str
    name: str
    sha256: str
    folder: str
    config: str

    @property
    def url(self) -> str:
        """Where the file can be fetched by hand."""
        return f"https://huggingface.co/{self.repository}/resolve/{self.revision}/{self.name}"


@dataclass(frozen=True)
class FoundWeights:
    """A safetensors file on this machine and its SHA-256 (hex). `config` is None for the published file."""

    path: Path
    sha256: str
    config: Mapping[str, Any] | None


def find_weights(file: HubFile, offline: bool, instead: str) -> FoundWeights:
    """`file` on this machine: a person's own copy first, then the hub's cache, then, unless `offline`, the hub.

    The cache is that of huggingface_hub (HF_HOME, HF_HUB_CACHE), and HF_HUB_OFFLINE counts as `offline`. `instead` says
    in the error what works without these weights. Raises `WeightsMissing`.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    own = Path(chosen) / file.folder / file.name if chosen else None
    if own is not None and own.is_file():
        return _own_copy(file, own)
    path = _from_hub(file, offline, own, instead)
    found = hash_file(path)
    if found != file.sha256:
        raise WeightsMissing(
            f"this is another file than the published {file.repository}/{file.name} (SHA-256 {found[:12]}...)",
            where=str(path),
            expected=f"SHA-256 {file.sha256}",
            hint="remove it from the cache and fetch it again",
        )
    return FoundWeights(path, found, None)


def check_package(module: str, extra: str, what: str) -> None:
    """Raise `WeightsMissing`, which says how to install it, when an optional package is absent; imports nothing."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise WeightsMissing(
            f"{what} needs the Python package {module.partition('.')[0]}, which is not installed",
            hint=f"pip install 'realiz3d-bench[{extra}]'",
        )


def needed_package(module: str, extra: str, what: str) -> Any:
    """The optional `module`, imported; raises `WeightsMissing` that says how to install it when that fails."""
    check_package(module, extra, what)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WeightsMissing(
            f"{what} needs the Python package {module}, which cannot be imported: {error}",
            hint=f"pip install 'realiz3d-bench[{extra}]'",
        ) from error


def _own_copy(file: HubFile, path: Path) -> FoundWeights:
    found = hash_file(path)
    if found == file.sha256:
        return FoundWeights(path, found, None)
    config = path.with_name(file.config)
    try:
        if config.stat().st_size > _MAX_CONFIG_BYTES:
            raise ValueError("it is too large to be one")
        content = json.loads(config.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
    except (OSError, ValueError) as error:
        raise WeightsMissing(
            f"these are other weights than the published ones, and their {file.config} cannot be read: {error}",
            where=str(config),
            expected=f"{file.name} with SHA-256 {file.sha256}, or weights of the same kind with their {file.config}",
            hint=f"fetch {file.url}, or remove the file",
        ) from error
    return FoundWeights(path, found, content)


def _from_hub(file: HubFile, offline: bool, own: Path | None, instead: str) -> Path:
    by_hand = f"put {file.url} into <folder>/{file.folder}/ and set {FOLDER_VARIABLE} to <folder>; {instead}"
    looked = str(own) if own is not None else f"{FOLDER_VARIABLE} is not set"
    try:
        from huggingface_hub import constants, hf_hub_download
    except ImportError as error:
        raise WeightsMissing(
            f"the weights {file.repository} are not here, and without the package huggingface_hub none are fetched",
            where=looked,
            hint=f"pip install huggingface_hub, or {by_hand}",
        ) from error
    try:
        return Path(hf_hub_download(file.repository, file.name, revision=file.revision, local_files_only=offline))
    except Exception as error:  # its HTTP library's errors, which differ between versions, come through
        reason = "nothing is fetched when offline" if offline else f"they could not be fetched: {_first_line(error)}"
        raise WeightsMissing(
            f"the weights {file.repository} ({file.name}) are not here, and {reason}",
            where=f"{looked}; {constants.HF_HUB_CACHE}",
            expected=f"revision {file.revision[:12]}, SHA-256 {file.sha256}",
            hint=by_hand,
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
