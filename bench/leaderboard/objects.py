"""The table beside an entry: what each object scored, or what a distance would be without it.

    metric, case   which result, which object
    value          its mean over seeds as ranked: samples that are missing count as the floor.
                   Of distances between sets: the distance without this object
    floor          what a missing sample of the object counts as; null where that is not known
    missing        how many of its samples are missing

The file is a stranger's: its size and what it unpacks to are looked at before it is read.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.results.parquet import read_columns
from groundwork.errors import InputError

COLUMNS = ("metric", "case", "value", "floor", "missing")
MOST_ROWS = 2_000_000
MOST_VALUE = 1e12
MOST_UNPACKED = 400_000_000  # bytes


@dataclass(frozen=True)
class ObjectValue:
    """One row; `floor` is NaN where it is not known."""

    value: float
    floor: float = math.nan
    missing: int = 0


Objects = Mapping[str, Mapping[str, ObjectValue]]
"""Result -> case -> its row, in the order of the file."""


def write_objects(objects: Objects) -> bytes:
    """The table as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        (metric, case, one.value, one.floor if math.isfinite(one.floor) else None, one.missing)
        for metric, by_case in objects.items()
        for case, one in by_case.items()
    ]
    kinds = (pa.dictionary(pa.int32(), pa.string()),) * 2 + (pa.float64(), pa.float64(), pa.int32())
    arrays = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(kinds)]
    buffer = io.BytesIO()
    table = pa.table(dict(zip(COLUMNS, arrays, strict=True)))
    pq.write_table(table, buffer, compression="zstd", store_schema=False)
    return buffer.getvalue()


def read_objects(content: bytes, where: str) -> Objects:
    """The table. Raises `InputError` for what is no such table, says one thing twice, or would fill the memory."""
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        metadata = file.metadata
        groups = range(metadata.num_row_groups)
        unpacked = sum(metadata.row_group(group).total_byte_size for group in groups)
        names = file.schema_arrow.names
    except Exception as error:  # pyarrow has errors of many kinds
        raise _unreadable(str(error), where) from error
    if metadata.num_rows > MOST_ROWS or unpacked > MOST_UNPACKED:
        raise _unreadable(f"it holds {metadata.num_rows} rows and unpacks to {unpacked / 1e6:.0f} MB", where)
    if tuple(names) != COLUMNS:
        raise _unreadable(f"its columns are {', '.join(names[:8])}", where)
    try:
        columns = read_columns(content, COLUMNS)
        rows = list(zip(*(columns[name] for name in COLUMNS), strict=True))
    except Exception as error:
        raise _unreadable(str(error), where) from error
    return _by_metric(rows, where)


def _by_metric(rows: Iterable[tuple[object, ...]], where: str) -> Objects:
    found: dict[str, dict[str, ObjectValue]] = {}
    for metric, case, value, floor, missing in rows:
        if not (isinstance(metric, str) and isinstance(case, str) and isinstance(value, float)):
            raise _unreadable(f"a row lacks its metric, case or value: {str((metric, case, value))[:120]}", where)
        if not abs(value) <= MOST_VALUE or not isinstance(missing, int) or missing < 0:
            raise _unreadable(f"the row of {metric[:80]} and {case[:80]} holds no number that a result can have", where)
        if case in found.setdefault(metric, {}):
            raise _unreadable(f"{metric[:80]} has the object {case[:80]} twice", where)
        least = float(floor) if isinstance(floor, float) and math.isfinite(floor) else math.nan
        found[metric][case] = ObjectValue(value, least, missing)
    return found


def _unreadable(why: str, where: str) -> InputError:
    return InputError(
        f"the table of values by object cannot be used: {why}",
        where=where,
        expected=f"what `leaderboard entry` wrote: columns {', '.join(COLUMNS)}, one row for each result and object",
    )
