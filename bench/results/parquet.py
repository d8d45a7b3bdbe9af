"""Parquet tables of strangers: a few kilobytes can promise any number of rows, and repeat a text of any length in each.

What the file says of its size is looked at before anything is decoded, and texts are decoded once each, however often
they stand there.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import InputError

MOST_ROWS = 10_000_000
MOST_UNPACKED = 2 * 2**30  # bytes
MOST_GROUPS = 10_000


def read_columns(source: Path | bytes, columns: Sequence[str], optional: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The values of `columns`, and of those `optional` ones that are there, by name. Columns of texts share their
    strings.

    Raises `InputError` for a table that is too large, and what pyarrow raises for one that cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    def opened(texts: Sequence[str] = ()) -> Any:
        return pq.ParquetFile(io.BytesIO(source) if isinstance(source, bytes) else source, read_dictionary=list(texts))

    file = opened()
    _check_size(file.metadata)
    schema = file.schema_arrow
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise ValueError(f"it has no column {', '.join(missing)}")
    wanted = [*columns, *(name for name in optional if name in schema.names)]
    texts = [name for name in wanted if pa.types.is_string(schema.field(name).type)]
    table = opened(texts).read(columns=wanted)
    return {name: _values(table[name]) for name in wanted}


def _check_size(metadata: Any) -> None:
    groups = metadata.num_row_groups
    if metadata.num_rows > MOST_ROWS or groups > MOST_GROUPS:
        raise _too_large(f"{metadata.num_rows} rows in {groups} parts")
    # of row groups alone: looking at their columns aborts the process where a damaged file contradicts itself
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(groups))
    if unpacked > MOST_UNPACKED:
        raise _too_large(f"{unpacked / 1e9:.1f} GB unpacked")


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        found: list[Any] = column.to_pylist()
        return found
    shared = []
    for chunk in column.chunks:
        words = chunk.dictionary.to_pylist()
        shared += [None if place is None else words[place] for place in chunk.indices.to_pylist()]
    return shared


def _too_large(what: str) -> InputError:
    return InputError(
        f"the table is too large: {what}", expected=f"at most {MOST_ROWS} rows and {MOST_UNPACKED >> 30} GiB"
    )
