"""`nearest.parquet` and `nearest/`: which pictures of a reference each generated picture lies nearest to.

The table has a line for each picture: names (relative to the reference's folder, as its provenance says them) and
distances, never pixels. Small copies are kept of the few that the page shows, where the run could see the pictures.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.results.parquet import read_columns
from groundwork.errors import InputError
from groundwork.files import write_atomically
from groundwork.hashing import hash_bytes

THUMBNAIL = 128  # px


@dataclass(frozen=True)
class Nearest:
    """One generated picture and the reference pictures nearest to it, the nearest first.

    Distances are root mean square differences of the extractor's features. `apart` is the scale to read them by: the
    median distance of the reference's own pictures to their nearest one of another object (NaN where it has but one).
    """

    reference: str
    extractor: str
    generator: str
    case: str
    seed: int
    view: int
    pictures: tuple[str, ...]
    distances: tuple[float, ...]
    apart: float


def thumbnail_folder(folder: Path, reference: str) -> Path:
    """Where the small copies of a reference's pictures lie; it is there only where the run could see them."""
    return folder / quote(reference, safe="")


def thumbnail_file(folder: Path, reference: str, picture: str) -> Path:
    """Where the small copy of a reference's picture lies; names are strangers' and become hashes."""
    return thumbnail_folder(folder, reference) / f"{hash_bytes(picture.encode())[:24]}.webp"


def write_nearest(path: Path, rows: Sequence[Nearest]) -> None:
    """Write the table, in the order given."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [getattr(row, name) for row in rows] for name in _TYPES}
    types = {"text": pa.string(), "number": pa.int32(), "texts": pa.list_(pa.string())}
    types |= {"value": pa.float32(), "values": pa.list_(pa.float32())}
    table = pa.table({name: pa.array(columns[name], type=types[kind]) for name, kind in _TYPES.items()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())


def read_nearest(path: Path) -> list[Nearest]:
    """The table; empty where a run has none. Raises `InputError` for a file that is not such a table."""
    if not path.is_file():
        return []
    try:
        columns = read_columns(path, list(_TYPES))
        return [_row(dict(zip(_TYPES, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    except Exception as error:  # pyarrow and odd columns each have errors of their own
        raise InputError(
            f"the table of nearest reference pictures cannot be read: {error}",
            where=str(path),
            expected=f"a parquet file with the columns {', '.join(_TYPES)}",
            hint="delete the file and give the run command again: it is written again",
        ) from error


_TYPES = {
    "reference": "text", "extractor": "text", "generator": "text", "case": "text", "seed": "number", "view": "number",
    "pictures": "texts", "distances": "values", "apart": "value",
}  # fmt: skip


def _row(found: dict[str, object]) -> Nearest:
    pictures, distances = found["pictures"], found["distances"]
    assert isinstance(pictures, list) and isinstance(distances, list)
    if len(pictures) != len(distances):
        raise ValueError("a line has other numbers of pictures and distances")
    texts = {name: str(found[name]) for name, kind in _TYPES.items() if kind == "text"}
    return Nearest(
        **texts,
        seed=int(str(found["seed"])),
        view=int(str(found["view"])),
        pictures=tuple(map(str, pictures)),
        distances=tuple(map(float, distances)),
        apart=float(str(found["apart"])),
    )
