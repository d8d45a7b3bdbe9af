"""From a folder of pictures to a pinned reference set: their features, where they came from, and one digest for all."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from bench.errors import ReferenceSetError, UsageError
from bench.extractors.feature_cache import features_of
from bench.extractors.picture_pattern import PicturePattern
from bench.extractors.protocol import Extractor, Features, Picture
from bench.geometry.ground import stands_on
from bench.references.pictures import PREPARATION, picture_paths, reference_cut_out
from bench.references.provenance import ExtractorRecord, Provenance, check_name
from bench.references.reference_set import ReferenceFeatures, digest_of, feature_key
from groundwork.files import write_atomically
from groundwork.hashing import hash_array
from groundwork.lock import hold_folder
from groundwork.notes import tell
from groundwork.pictures import RGB, composite

LOCKS = ".locks"  # beside the sets: whose name is being built


def build_reference(
    name: str,
    folder: Path,
    extractors: Sequence[Extractor],
    background: RGB,
    out: Path,
    source: str = "",
    cache: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
    recipe: dict[str, JsonValue] | None = None,
    command: Sequence[str] = (),
) -> Provenance:
    """Write `<out>/<name>.npz` (features) and `<out>/<name>.json` (provenance) from the pictures below `folder`.

    The pictures' patterns, by which copies are found, are always among the features.
    `source` says in words where the pictures come from, `recipe` for programs how they were chosen and made. One
    process at a time makes a set of this name; another is told with which `command`. Raises `FolderHeld` for it,
    `UsageError` for an unusable name, `ReferenceSetError` for a missing folder or fewer than two pictures, `ImageError`
    for a picture that cannot be read.
    """
    check_name(name)
    if not extractors:
        raise UsageError("no extractor was named", expected="at least one, such as efficientnet_lite0")
    extractors = [*extractors, PicturePattern()]
    with hold_folder(out / LOCKS / name, command):
        measured = _measure(folder, extractors, background, cache, progress)
        provenance = Provenance(
            name=name,
            source=source or f"pictures in a folder named '{folder.resolve().name}'",
            count=len(measured.files),
            background=background,
            preparation=PREPARATION,
            digest=measured.digest,
            extractors={
                extractor.name: ExtractorRecord(
                    fingerprint=extractor.fingerprint(),
                    signature=extractor.signature(),
                    features=hash_array(measured.features[extractor.name]),
                )
                for extractor in extractors
            },
            files=measured.files,
            recipe=recipe,
        )
        encoded = io.BytesIO()
        arrays: dict[str, Any] = {feature_key(extractor): values for extractor, values in measured.features.items()}
        np.savez_compressed(encoded, pixels=np.asarray(measured.pixels), **arrays)
        shutil.rmtree(out / f"{name}.shards", ignore_errors=True)  # of an earlier, larger set
        # the features first: a provenance file without features would announce a set that is not there
        write_atomically(out / f"{name}.npz", encoded.getvalue())
        write_atomically(
            out / f"{name}.json", (provenance.model_dump_json(indent=1, exclude_none=True) + "\n").encode()
        )
    return provenance


def folder_reference(
    name: str,
    folder: Path,
    extractors: Sequence[Extractor],
    background: RGB,
    cache: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, ReferenceFeatures]:
    """A reference set straight from a folder, by extractor name: the same framing, features and digest as when built.

    Errors as `build_reference`.
    """
    measured = _measure(folder, extractors, background, cache, progress)
    return {
        extractor: ReferenceFeatures(name, features, measured.pixels, measured.digest, extractor, names=measured.files)
        for extractor, features in measured.features.items()
    }


def relative_names(paths: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """What pictures below `folder` are called: their relative paths, as JSON can have them."""
    # names that are no UTF-8 cannot be written as JSON
    return tuple(os.fsencode(p.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace") for p in paths)


@dataclass(frozen=True)
class _Measured:
    """A folder's pictures: relative names, hashes of the framed pixels, and features by extractor name."""

    files: tuple[str, ...]
    pixels: tuple[str, ...]
    features: dict[str, Features]

    @property
    def digest(self) -> str:
        return digest_of(self.pixels)


def _measure(
    folder: Path,
    extractors: Sequence[Extractor],
    background: RGB,
    cache: Path | None,
    progress: Callable[[int], None],
) -> _Measured:
    paths = picture_paths(folder)
    hashes: dict[int, str] = {}
    filled: set[int] = set()  # pictures that fill their frame, as photographs do

    def load(index: int) -> Picture:
        cut = reference_cut_out(paths[index], background)
        if cut.shape[2] == 3 and not stands_on(cut / 255.0, background):
            filled.add(index)
        hashes[index] = hash_array(cut if cut.shape[2] == 3 else composite(cut, background))
        return cut

    features = features_of([partial(load, i) for i in range(len(paths))], extractors, cache, progress, background)
    different = len(set(hashes.values()))
    if different < 2:
        raise ReferenceSetError(
            f"all {len(paths)} pictures are the same, and one picture says nothing of how pictures vary",
            where=str(folder),
            expected="at least two different pictures",
        )
    if different < len(paths):
        tell(f"{len(paths) - different} of the {len(paths)} pictures of {folder} are copies of others; each counts")
    blind = [e.name for e in extractors if getattr(getattr(e, "backbone", e), "object_only", False)]
    if filled and blind:
        tell(
            f"{len(filled)} of the {len(paths)} pictures of {folder} fill their frame and have no transparency: "
            f"{', '.join(blind)} takes all that they show for the object. Cut the objects out"
        )
    return _Measured(relative_names(paths, folder), tuple(hashes[i] for i in range(len(paths))), features)
