"""`scores.parquet`: one row per number. What a row holds, how to read it, and what each object scored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.results.parquet import read_columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ScoreRow:
    """One number. Set distances have no case and no seed; metrics that pool the views have no view.

    `sample` is the digest of the pictures that the number was measured on; a row is reused only for the same pictures
    and the same signature.
    """

    generator: str
    case: str | None
    seed: int | None
    view: int | None
    metric: str
    value: float
    unit: str
    signature: str
    coverage: float | None = None
    status: str = "ok"
    sample: str = ""


COLUMNS = [field.name for field in fields(ScoreRow)]
_TEXT = ["generator", "case", "metric", "unit", "signature", "status", "sample"]


def read_scores(path: Path) -> list[ScoreRow]:
    """The rows of a table, in its order. Raises `InputError` for a file that is not such a table."""
    try:
        columns = read_columns(path, COLUMNS)
        return [_row(dict(zip(COLUMNS, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    except Exception as error:  # pyarrow and odd columns each have errors of their own
        raise InputError(
            f"the table of scores cannot be read: {error}",
            where=str(path),
            expected=f"a parquet file with the columns {', '.join(COLUMNS)}",
            hint="delete the file and give the run command again: what the samples still show is measured again",
        ) from error


def frame(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """The rows as a typed pandas table (missing case, seed and view are NA)."""
    import pandas as pd

    table = pd.DataFrame([[getattr(row, name) for name in COLUMNS] for row in rows], columns=COLUMNS)
    return table.astype(
        {**dict.fromkeys(_TEXT, "string"), "seed": "Int64", "view": "Int64", "value": "float64", "coverage": "float64"}
    )


def object_values(rows: Iterable[ScoreRow], metric: str) -> dict[str, dict[str, float]]:
    """generator -> case -> mean over its views, then over its seeds (the object is the unit of all statistics).

    Values that are not 'ok' are left out: `failed` and `not_measurable` samples are for the caller to count.
    """
    found: dict[str, dict[str, float]] = {}
    for generator, samples in sample_values(rows, metric).items():
        by_object: dict[str, list[float]] = {}
        for (case, _), value in samples.items():
            by_object.setdefault(case, []).append(value)
        found[generator] = {case: math.fsum(values) / len(values) for case, values in by_object.items()}
    return found


def sample_values(rows: Iterable[ScoreRow], metric: str) -> dict[str, dict[tuple[str, int], float]]:
    """generator -> (case, seed) -> mean over the views, of the samples that are 'ok', in the order of their names."""
    by_sample: dict[tuple[str, str, int], list[float]] = {}
    for row in rows:
        if row.metric == metric and row.case is not None and row.seed is not None and row.status == "ok":
            by_sample.setdefault((row.generator, row.case, row.seed), []).append(row.value)
    found: dict[str, dict[tuple[str, int], float]] = {}
    for (generator, case, seed), values in sorted(by_sample.items()):
        found.setdefault(generator, {})[case, seed] = math.fsum(values) / len(values)
    return found


def _row(record: Mapping[str, Any]) -> ScoreRow:
    coverage, value = record["coverage"], record["value"]
    return ScoreRow(
        generator=str(record["generator"]),
        case=record["case"],
        seed=record["seed"],
        view=record["view"],
        metric=str(record["metric"]),
        value=math.nan if value is None else float(value),
        unit=str(record["unit"]),
        signature=str(record["signature"]),
        coverage=None if coverage is None or math.isnan(coverage) else float(coverage),
        status=str(record["status"]),
        sample=str(record["sample"]),
    )
