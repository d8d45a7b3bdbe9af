"""`leave_one_out.parquet`: what each distance between sets would be without each object in turn.

A distance has no value for a single object, and its features are large. These few numbers are all that a paired test
of two generators needs (the jackknife of a difference is the difference of the jackknives), so that two stored runs, or
a run and a small baseline in git, are tested without features, networks or torch. Of kernel distances the table also
holds what each object adds with each other one, so that the test is the very one of a run's own comparisons
(`bench.stats.pairs`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.results.parquet import read_columns
from groundwork.errors import InputError
from groundwork.files import write_atomically

COLUMNS = ("generator", "metric", "case", "value")
PAIRS = "pairs"  # of objects, in the order of the generator's rows; null where they are not known
LeaveOneOut = Mapping[tuple[str, str], Mapping[str, float]]
"""(generator, metric) -> case -> the distance without that case's pictures."""
PairValues = Mapping[tuple[str, str], Mapping[str, Sequence[float]]]
"""(generator, metric) -> case -> a value for each case, in the order of the mapping."""


def write_leave_one_out(path: Path, found: LeaveOneOut, pairs: PairValues = MappingProxyType({})) -> None:
    """Write the table, in the order given."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(*key, case, value) for key, values in found.items() for case, value in values.items()]
    types = (pa.string(), pa.string(), pa.string(), pa.float64())
    columns = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(types)]
    of_pairs = [pairs.get(key, {}).get(case) for key, values in found.items() for case in values]
    columns.append(pa.array(of_pairs, type=pa.list_(pa.float64())))
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(zip((*COLUMNS, PAIRS), columns, strict=True))), buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())


def read_leave_one_out(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """The table; empty where a run has none. Raises `InputError` for a file that is not such a table."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for generator, metric, case, value, _ in _rows(path):
        found.setdefault((generator, metric), {})[case] = value
    return found


def read_pairs(path: Path) -> dict[tuple[str, str], dict[str, tuple[float, ...]]]:
    """What is stored of pairs: a finite value for each two cases of a generator's rows; empty where a run has none.

    Raises `InputError` as `read_leave_one_out`.
    """
    found: dict[tuple[str, str], dict[str, tuple[float, ...]]] = {}
    for generator, metric, case, _, values in _rows(path):
        found.setdefault((generator, metric), {})[case] = values
    return {
        key: rows
        for key, rows in found.items()
        if all(len(row) == len(rows) and all(map(math.isfinite, row)) for row in rows.values())
    }


def _rows(path: Path) -> list[tuple[str, str, str, float, tuple[float, ...]]]:
    if not path.is_file():
        return []
    try:
        columns = read_columns(path, COLUMNS, [PAIRS])
        pairs = columns.get(PAIRS) or [None] * len(columns[COLUMNS[0]])
        return [
            (
                str(generator),
                str(metric),
                str(case),
                math.nan if value is None else float(value),
                tuple(map(float, own or ())),
            )
            for generator, metric, case, value, own in zip(*(columns[name] for name in COLUMNS), pairs, strict=True)
        ]
    except Exception as error:  # pyarrow and odd columns each have errors of their own
        raise InputError(
            f"the table of distances without each object cannot be read: {error}",
            where=str(path),
            expected=f"a parquet file with the columns {', '.join(COLUMNS)}",
            hint="delete the file and give the run command again: it is written again",
        ) from error
