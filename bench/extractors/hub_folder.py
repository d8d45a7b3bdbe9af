"""Networks that a model hub publishes as several files: weights by SHA-256, configurations by the hub's revision.

As for single files, a copy of one's own under REALIZ3D_BENCH_WEIGHTS is taken as it is; its own hash then says in
signatures whose numbers they are. Only the named files are looked at: what else a folder holds, another tokenizer or an
adapter, would change numbers behind the hash's back.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.errors import WeightsMissing
from bench.extractors.weights import FOLDER_VARIABLE
from groundwork.hashing import hash_file, hash_strings


@dataclass(frozen=True)
class HubFolder:
    """Published files. `weights` maps safetensors to their SHA-256; `folder` is its name below REALIZ3D_BENCH_WEIGHTS.

    `configs` are the other files that are read: architectures and vocabularies, pinned by `revision`, a commit's hash.
    """

    repository: str
    revision: str
    folder: str
    weights: Mapping[str, str]
    configs: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that is read."""
        return (*self.weights, *self.configs)


@dataclass(frozen=True)
class FoundFolder:
    """All files of a network on this machine; `sha256` (hex) is that of their names and contents."""

    path: Path
    files: tuple[str, ...]
    sha256: str

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """A temporary folder with these files and nothing else, for libraries that look at whatever lies there."""
        with TemporaryDirectory(prefix="realiz3d-bench-") as temporary:
            for name in self.files:
                place = Path(temporary) / name
                place.parent.mkdir(parents=True, exist_ok=True)
                try:
                    place.symlink_to((self.path / name).absolute())
                except OSError:  # Windows lets few people do so
                    shutil.copyfile(self.path / name, place)
            yield Path(temporary)


def find_folder(folder: HubFolder, offline: bool, instead: str) -> FoundFolder:
    """`folder` on this machine: a person's own copy first, then the hub's cache, then, unless `offline`, the hub.

    The cache is that of huggingface_hub (HF_HOME, HF_HUB_CACHE), and HF_HUB_OFFLINE counts as `offline`. `instead` says
    in the error what works without this network. Raises `WeightsMissing`.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    own = Path(chosen) / folder.folder if chosen else None
    if own is not None and own.is_dir():
        absent = [name for name in folder.files if not (own / name).is_file()]
        if absent:
            raise WeightsMissing(
                f"this copy of {folder.repository} is not complete: {', '.join(absent)}",
                where=str(own),
                expected=", ".join(folder.files),
                hint=f"fetch the files from {_address(folder)}",
            )
        return _hashed(own, folder, {})
    return _hashed(_from_hub(folder, offline, own, instead), folder, folder.weights)


def load_network(network: Any, path: Path, **options: Any) -> Any:
    """An instance of a transformers or diffusers class with the safetensors in `path`: float32, frozen, on the CPU.

    `options` go to `from_pretrained`. Raises `ValueError` when they do not load, or would leave tensors random.
    """
    options |= {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    try:
        with _no_progress_bars():
            loaded, report = network.from_pretrained(path, **options)
    except Exception as error:  # those of safetensors, of a wrong architecture and of the library come in many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"these are not weights of {network.__name__}: {reason}") from error
    if absent := sorted(report["missing_keys"]):
        raise ValueError(
            f"these are not all weights of {network.__name__}: {len(absent)} are missing, {absent[0]} among them"
        )
    return loaded.float().eval().requires_grad_(False)


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    bars = importlib.import_module("transformers.utils.logging")
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _hashed(path: Path, folder: HubFolder, pinned: Mapping[str, str]) -> FoundFolder:
    parts = []
    for name in folder.files:
        found = hash_file(path / name)
        if found != pinned.get(name, found):
            raise WeightsMissing(
                f"this is another file than the published {folder.repository}/{name} (SHA-256 {found[:12]}...)",
                where=str(path / name),
                expected=f"SHA-256 {pinned[name]}",
                hint="remove it from the cache and fetch it again",
            )
        parts += [name, found]
    return FoundFolder(path, folder.files, hash_strings(parts))


def _from_hub(folder: HubFolder, offline: bool, own: Path | None, instead: str) -> Path:
    by_hand = (
        f"put {', '.join(folder.files)} of {_address(folder)} into <folder>/{folder.folder}/ "
        f"and set {FOLDER_VARIABLE} to <folder>; {instead}"
    )
    looked = str(own) if own is not None else f"{FOLDER_VARIABLE} is not set"
    try:
        from huggingface_hub import constants, hf_hub_download
    except ImportError as error:
        raise WeightsMissing(
            f"the weights {folder.repository} are not here, and without the package huggingface_hub none are fetched",
            where=looked,
            hint=f"pip install huggingface_hub, or {by_hand}",
        ) from error
    path = Path()
    for name in folder.files:
        try:
            file = hf_hub_download(folder.repository, name, revision=folder.revision, local_files_only=offline)
        except Exception as error:  # its HTTP library's errors, which differ between versions, come through
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            reason = "nothing is fetched when offline" if offline else f"they could not be fetched: {said}"
            raise WeightsMissing(
                f"the weights {folder.repository} ({name}) are not here, and {reason}",
                where=f"{looked}; {constants.HF_HUB_CACHE}",
                expected=f"revision {folder.revision[:12]}",
                hint=by_hand,
            ) from error
        path = Path(file).parents[len(Path(name).parts) - 1]
    return path


def _address(folder: HubFolder) -> str:
    return f"https://huggingface.co/{folder.repository}/tree/{folder.revision}"
