"""`leave_one_out.parquet`: what each distance between sets would be without each object in turn.

A distance has no value for a single object, and its features are large. These few numbers are all that a paired test
of two generators needs (the jackknife of a difference is the difference of the jackknives), so that two stored runs, or
a run and a small baseline in git, are tested without features, networks or torch.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path

from groundwork.errors import InputError
from groundwork.files import write_atomically

COLUMNS = ("generator", "metric", "case", "value")
LeaveOneOut = Mapping[tuple[str, str], Mapping[str, float]]
"""(generator, metric) -> case -> the distance without that case's pictures."""


def write_leave_one_out(path: Path, found: LeaveOneOut) -> None:
    """Write the table, in the order given."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(*key, case, value) for key, values in found.items() for case, value in values.items()]
    types = (pa.string(), pa.string(), pa.string(), pa.float64())
    columns = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(types)]
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), buffer)
    write_atomically(path, buffer.getvalue())


def read_leave_one_out(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """The table; empty where a run has none. Raises `InputError` for a file that is not such a table."""
    if not path.is_file():
        return {}
    found: dict[tuple[str, str], dict[str, float]] = {}
    try:
        import pyarrow.parquet as pq

        columns = pq.read_table(path, columns=list(COLUMNS)).to_pydict()
        for generator, metric, case, value in zip(*(columns[name] for name in COLUMNS), strict=True):
            number = math.nan if value is None else float(value)
            found.setdefault((str(generator), str(metric)), {})[str(case)] = number
    except Exception as error:  # pyarrow and odd columns each have errors of their own
        raise InputError(
            f"the table of distances without each object cannot be read: {error}",
            where=str(path),
            expected=f"a parquet file with the columns {', '.join(COLUMNS)}",
            hint="delete the file and give the run command again: it is written again",
        ) from error
    return found
