"""Finds reference sets by name: those that ship with the project, then those that the user built."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from bench.errors import ReferenceSetError, UsageError, nearest
from bench.extractors.protocol import Extractor, Features
from bench.references.large import load_shards
from bench.references.pictures import PREPARATION
from bench.references.provenance import Provenance, read_provenance
from bench.references.reference_set import ReferenceFeatures, digest_of, feature_key
from bench.references.shards import EachItsOwn
from groundwork.hashing import hash_array
from groundwork.pictures import RGB

SHIPPED = Path(__file__).parent / "shipped"
FOLDER_VARIABLE = "REALIZ3D_BENCH_REFERENCES"

SHARDS = ".shards"
_MAX_UNPACKED_BYTES = 8 * 1024**3
_SMALL, _MOST_SHRUNK = 64 * 1024**2, 20  # bytes, and how many times smaller an honest file is


@dataclass(frozen=True)
class ReferenceEntry:
    """A set that can be loaded. `path` is its `.npz`, or `.shards`; the provenance lies beside it."""

    path: Path
    provenance: Provenance
    shipped: bool

    @property
    def name(self) -> str:
        """The name that suites use."""
        return self.path.stem


def user_folder() -> Path:
    """Where `reference build` puts sets: REALIZ3D_BENCH_REFERENCES, or the user's data folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_data_path("realiz3d-bench") / "references"


def list_references() -> tuple[ReferenceEntry, ...]:
    """Every set that can be named, shipped ones first, then by name. Raises `ReferenceSetError` for a broken one."""
    return tuple(
        ReferenceEntry(path, read_provenance(path.with_suffix(".json")), shipped) for path, shipped in _files().values()
    )


def reference_names() -> tuple[str, ...]:
    """Names of the sets, without looking into them: a broken one is no matter of suites that do not name it."""
    return tuple(_files())


def is_shipped(name: str) -> bool:
    """Whether a set of this name comes with the project."""
    return any(path.stem == name for path in _sets_in(SHIPPED))


def holds_features(name: str, extractor: str) -> bool:
    """Whether a set of this name is there and has features of an extractor. Raises `ReferenceSetError` as it does."""
    found = _files().get(name)
    return found is not None and extractor in read_provenance(found[0].with_suffix(".json")).extractors


def load_reference(name: str, extractor: Extractor, background: RGB) -> ReferenceFeatures:
    """Features of the set called `name` under `extractor`.

    Raises `UsageError` for an unknown name; `ReferenceSetError` when the set was made on another background, by another
    version of the framing, without this extractor or with other weights of it, or when its files were changed.
    """
    files = _files()
    if name not in files:
        raise UsageError(f"there is no reference set '{name}'", hint=nearest(name, files) + _HOW_TO_BUILD)
    path = files[name][0]
    provenance = read_provenance(path.with_suffix(".json"))
    _check_fits(name, provenance, extractor, background, str(path))
    if path.suffix == SHARDS:
        shards = load_shards(path.with_suffix(".json"), provenance, extractor)
        return ReferenceFeatures(name, shards, EachItsOwn(len(shards)), provenance.digest, extractor.name)
    pixels, features = _read_arrays(path, extractor.name)
    if (
        hash_array(features) != provenance.extractors[extractor.name].features
        or digest_of(pixels) != provenance.digest
        or features.shape != (len(pixels), extractor.dimension)
    ):
        raise ReferenceSetError(
            f"reference set '{name}' was changed after it was pinned", where=str(path), hint=_REBUILD
        )
    names = provenance.files if len(provenance.files) == len(pixels) else ()
    return ReferenceFeatures(name, features, pixels, provenance.digest, extractor.name, names=names)


_REBUILD = "build it again from its pictures: realiz3d-bench reference build NAME FOLDER"
_HOW_TO_BUILD = "; realiz3d-bench reference build NAME FOLDER makes a new one"


def _files() -> dict[str, tuple[Path, bool]]:
    """Paths of the sets by name. A shipped name cannot be taken over: it must mean the same numbers everywhere."""
    user = {path.stem: (path, False) for path in _sets_in(user_folder())}
    shipped = {path.stem: (path, True) for path in _sets_in(SHIPPED)}
    return {**shipped, **{name: found for name, found in user.items() if name not in shipped}}


def _sets_in(folder: Path) -> Iterator[Path]:
    for path in sorted([*folder.glob("*.npz"), *folder.glob(f"*{SHARDS}")]):
        if path.with_suffix(".json").is_file():
            yield path


def _check_fits(name: str, provenance: Provenance, extractor: Extractor, background: RGB, where: str) -> None:
    if not np.allclose(provenance.background, background, atol=0.5 / 255):
        raise ReferenceSetError(
            f"reference set '{name}' was made on another background than the suite's",
            where=where,
            expected=f"background {_colour(provenance.background)}; the suite has {_colour(background)}",
            hint="name the folder of pictures in the suite instead (references: NAME: {folder: DIR}), or build the set"
            " on this background",
        )
    if provenance.preparation != PREPARATION:
        raise ReferenceSetError(
            f"reference set '{name}' was framed by another version ({provenance.preparation})",
            where=where,
            expected=PREPARATION,
            hint=_REBUILD,
        )
    record = provenance.extractors.get(extractor.name)
    if record is None:
        raise ReferenceSetError(
            f"reference set '{name}' has no features of extractor '{extractor.name}'",
            where=where,
            expected=f"one of {', '.join(sorted(provenance.extractors))}",
            hint="name the folder of pictures in the suite instead, or build the set with this extractor too",
        )
    if record.fingerprint != extractor.fingerprint():
        raise ReferenceSetError(
            f"the features of reference set '{name}' come from other weights or preprocessing of '{extractor.name}'",
            where=where,
            expected=f"{record.signature}; here it is {extractor.signature()}",
            hint=_REBUILD,
        )


def _read_arrays(path: Path, extractor: str) -> tuple[tuple[str, ...], Features]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _unpacked(path.stat().st_size):
                raise ReferenceSetError("the reference set unpacks to an unreasonable size", where=str(path))
        with np.load(path, allow_pickle=False) as arrays:
            pixels, features = arrays["pixels"], arrays[feature_key(extractor)]
            # a member that is no array comes out as bytes, which would be taken for millions of hashes
            if not (isinstance(pixels, np.ndarray) and isinstance(features, np.ndarray)) or pixels.dtype.kind != "U":
                raise ValueError("it does not hold hashes of pictures and their features")
            return tuple(map(str, pixels)), np.asarray(features, dtype=np.float32)
    except ReferenceSetError:
        raise
    except Exception as error:  # numpy, zlib and zipfile have many: a shape that no memory holds, an odd compression
        raise ReferenceSetError(
            f"the features of the reference set cannot be read: {error}", where=str(path), hint=_REBUILD
        ) from error


def _unpacked(size: int) -> int:
    """What a file of so many bytes may unpack to: features hardly shrink, hashes to an eighth."""
    return min(_MAX_UNPACKED_BYTES, _SMALL + _MOST_SHRUNK * size)


def _colour(background: RGB) -> str:
    return "#" + "".join(f"{round(255 * value):02x}" for value in background)
