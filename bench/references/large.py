"""Reference sets too large for memory: built from archives picture by picture, features in shards.

    <name>.json      provenance, as of any set, without the names of pictures
    <name>.shards/   <extractor>/index.json, 00000.npy ...

The digest is over the hashes of the framed pictures in their order: sorting them, as small sets do, would need all.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from bench.errors import ReferenceSetError, UsageError
from bench.extractors.feature_cache import features_of
from bench.extractors.protocol import Extractor, Picture
from bench.references.build import LOCKS
from bench.references.pictures import PREPARATION, cut_out_of
from bench.references.provenance import ExtractorRecord, Provenance, check_name
from bench.references.shards import FeatureShards, ShardWriter
from bench.references.sources import Archives
from groundwork.files import write_atomically
from groundwork.hashing import hash_array
from groundwork.lock import hold_folder
from groundwork.pictures import RGB, composite, decode_rgba

TOGETHER = 256  # pictures that are decoded and extracted at once


def shards_folder(json_path: Path, extractor: str) -> Path:
    """Where the features of an extractor lie, beside a set's provenance."""
    return json_path.with_suffix(".shards") / extractor


def build_large_reference(
    name: str,
    archives: Archives,
    extractors: Sequence[Extractor],
    background: RGB,
    out: Path,
    source: str = "",
    progress: Callable[[int], None] = lambda _: None,
    command: Sequence[str] = (),
) -> Provenance:
    """Write `<out>/<name>.shards/` and `<out>/<name>.json`. Memory does not depend on the number of pictures.

    Errors as `build_reference`.
    """
    check_name(name)
    if not extractors:
        raise UsageError("no extractor was named", expected="at least one, such as efficientnet_lite0")
    with hold_folder(out / LOCKS / name, command):
        return _build(name, archives, extractors, background, out, source, progress)


def _build(
    name: str, archives: Archives, extractors: Sequence[Extractor], background: RGB, out: Path, source: str,
    progress: Callable[[int], None],
) -> Provenance:  # fmt: skip
    provenance = out / f"{name}.json"
    for old in (provenance, provenance.with_suffix(".npz")):  # features without provenance announce nothing
        old.unlink(missing_ok=True)
    shutil.rmtree(provenance.with_suffix(".shards"), ignore_errors=True)
    writers = {e.name: ShardWriter(shards_folder(provenance, e.name), e.dimension) for e in extractors}
    digest, count, first, different = hashlib.sha256(), 0, "", False
    pictures = archives.pictures()
    while some := list(islice(pictures, TOGETHER)):
        hashes: dict[int, str] = {}

        def load(index: int, where: str, content: bytes, hashes: dict[int, str] = hashes) -> Picture:
            cut = cut_out_of(decode_rgba(content, where), background, where)
            hashes[index] = hash_array(cut if cut.shape[2] == 3 else composite(cut, background))
            return cut

        found = features_of(
            [partial(load, i, *one) for i, one in enumerate(some)], extractors, None, progress, background
        )
        for extractor, rows in found.items():
            writers[extractor].add(rows)
        for index in range(len(some)):
            digest.update(bytes.fromhex(hashes[index]))
            first = first or hashes[index]
            different = different or hashes[index] != first
        count += len(some)
    if not different:
        raise ReferenceSetError(
            f"{count} pictures, none different from another",
            where=str(archives.files[0]),
            expected="at least two different pictures",
        )
    shards = {extractor: writer.finish() for extractor, writer in writers.items()}
    made = Provenance(
        name=name,
        source=source or f"pictures in {len(archives.files)} {archives.kind} files",
        count=count,
        background=background,
        preparation=PREPARATION,
        digest=digest.hexdigest(),
        extractors={
            e.name: ExtractorRecord(
                fingerprint=e.fingerprint(), signature=e.signature(), features=shards[e.name].digest
            )
            for e in extractors
        },
        files=(),
    )
    write_atomically(provenance, (made.model_dump_json(indent=1, exclude_none=True) + "\n").encode())
    return made


def load_shards(json_path: Path, provenance: Provenance, extractor: Extractor) -> FeatureShards:
    """The features of an extractor. Raises `ReferenceSetError` when they are not those that were pinned."""
    found = FeatureShards(shards_folder(json_path, extractor.name))
    wanted = (provenance.count, extractor.dimension)
    if found.shape != wanted or found.digest != provenance.extractors[extractor.name].features:
        raise ReferenceSetError("the shards of the reference set are not those that were pinned", where=str(json_path))
    found.check()
    return found
