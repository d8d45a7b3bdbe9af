"""Where network weights that do not come with the install are looked for, and how they are fetched."""

from __future__ import annotations

import os
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from bench.errors import WeightsMissing
from groundwork.files import write_atomically
from groundwork.hashing import hash_bytes

FOLDER_VARIABLE = "REALIZ3D_BENCH_WEIGHTS"
OFFLINE_HINT = "or use the extractor efficientnet_lite0, which works offline (fd, kd, kd_cluster; its own numbers)"

_TIMEOUT_SECONDS = 60.0
_MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class WeightsFile:
    """A published file, pinned: its name, where it is published, and its SHA-256 (hex).

    `instead` says in errors what works without it.
    """

    name: str
    url: str
    sha256: str
    instead: str = OFFLINE_HINT


def weights_bytes(file: WeightsFile, offline: bool) -> bytes:
    """Contents of `file`, byte for byte the published ones.

    Looked for in the folder named by REALIZ3D_BENCH_WEIGHTS, then in torch's cache (which follows TORCH_HOME), then,
    unless `offline`, fetched into that cache. What is returned is what was hashed, so a file that changes on disk
    afterwards cannot slip in. Raises `WeightsMissing` when the file is nowhere, is another one, or cannot be fetched.
    """
    return _located(file, offline)[1]


def weights_path(file: WeightsFile, offline: bool) -> Path:
    """Where the published `file` lies, for libraries that read it themselves. Looked for as in `weights_bytes`."""
    return _located(file, offline)[0]


def _located(file: WeightsFile, offline: bool) -> tuple[Path, bytes]:
    looked = _places(file.name)
    for path in looked:
        if path.is_file():
            return path, _verified(path.read_bytes(), file, str(path))
    if offline:
        raise WeightsMissing(
            f"the weights {file.name} are not here, and nothing is fetched when offline",
            where=", ".join(map(str, looked)),
            expected=f"a file with SHA-256 {file.sha256}",
            hint=f"put {file.url} into a folder, set {FOLDER_VARIABLE} to that folder; {file.instead}",
        )
    content = _verified(_fetched(file, looked), file, file.url)
    write_atomically(looked[-1], content)
    return looked[-1], content


def _places(name: str) -> tuple[Path, ...]:
    chosen = os.environ.get(FOLDER_VARIABLE)
    import torch

    cache = Path(torch.hub.get_dir()) / "checkpoints"
    return ((Path(chosen) / name,) if chosen else ()) + (cache / name,)


def _fetched(file: WeightsFile, looked: tuple[Path, ...]) -> bytes:
    try:
        with urllib.request.urlopen(file.url, timeout=_TIMEOUT_SECONDS) as response:
            content: bytes = response.read(_MAX_BYTES)
    except (OSError, HTTPException) as error:
        raise WeightsMissing(
            f"the weights {file.name} are not here and could not be fetched: {error}",
            where=f"{', '.join(map(str, looked))}; {file.url}",
            hint=f"fetch the file on a connected machine and set {FOLDER_VARIABLE} to its folder; {file.instead}",
        ) from error
    return content


def _verified(content: bytes, file: WeightsFile, where: str) -> bytes:
    found = hash_bytes(content)
    if found != file.sha256:
        raise WeightsMissing(
            f"this is another file than the published {file.name} ({len(content)} bytes, SHA-256 {found[:12]}...)",
            where=where,
            expected=f"SHA-256 {file.sha256}",
            hint=f"remove it and fetch {file.url} again; {file.instead}",
        )
    return content
