"""The long table of scores: one row a number, appended per case, written atomically, always in the same order."""

from __future__ import annotations

import io
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import UsageError
from bench.run.samples import SampleKey
from groundwork.files import write_atomically

COLUMNS = [
    "generator", "case", "seed", "view", "metric", "value", "unit", "signature", "coverage", "status", "sample",
]  # fmt: skip


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


class ScoreTable:
    """Rows in memory with a file behind them. Raises `UsageError` for a file that cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[ScoreRow] = _read(path) if path.is_file() else []

    def replace(self, rows: Iterable[ScoreRow]) -> None:
        """Add rows; those of the same generator, case, seed and metric give way."""
        fresh = list(rows)
        gone = {(r.generator, r.case, r.seed, r.metric) for r in fresh}
        self.rows = [r for r in self.rows if (r.generator, r.case, r.seed, r.metric) not in gone] + fresh

    def keep(self, generators: Iterable[str], metrics: Iterable[str], digests: Mapping[SampleKey, str]) -> None:
        """Drop rows that are not of the plan's generators and metrics, or not of a sample that is there now.

        `digests` are the stored samples of the plan: a case or seed that it left out, and pictures that were replaced
        or could not be made again, must not speak through numbers of an earlier run.
        """
        g, m = set(generators), set(metrics)
        self.rows = [r for r in self.rows if r.generator in g and r.metric in m and _is_of(r, digests)]

    def write(self, generators: Sequence[str], cases: Sequence[str], metrics: Sequence[str]) -> None:
        """Write the file in the plan's order, so that its values never depend on who finished first."""
        g, c, m = (dict(zip(names, range(len(names)), strict=True)) for names in (generators, cases, metrics))

        def place(row: ScoreRow) -> tuple[int, ...]:
            case = len(c) if row.case is None else c[row.case]  # whole sets come after their cases
            seed, view = (-1 if number is None else number for number in (row.seed, row.view))
            return g[row.generator], case, seed, m[row.metric], view

        buffer = io.BytesIO()
        frame(sorted(self.rows, key=place)).to_parquet(buffer, index=False)
        write_atomically(self.path, buffer.getvalue())


def frame(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """The rows as a typed pandas table (missing case, seed and view are NA)."""
    table = pd.DataFrame([asdict(row) for row in rows], columns=COLUMNS)
    text = ["generator", "case", "metric", "unit", "signature", "status", "sample"]
    return table.astype(
        {**dict.fromkeys(text, "string"), "seed": "Int64", "view": "Int64", "value": "float64", "coverage": "float64"}
    )


def _is_of(row: ScoreRow, digests: Mapping[SampleKey, str]) -> bool:
    if row.case is None or row.seed is None:
        return True
    return digests.get(SampleKey(row.generator, row.case, row.seed)) == row.sample


def _read(path: Path) -> list[ScoreRow]:
    try:
        return [_row(record) for record in pd.read_parquet(path).to_dict("records")]
    except Exception as error:  # pyarrow, pandas and odd columns each have errors of their own
        raise UsageError(
            f"the table of scores cannot be read: {error}",
            where=str(path),
            hint="delete the file and run the same command again: what the samples still show is measured anew",
        ) from error


def _row(record: dict[Hashable, Any]) -> ScoreRow:
    coverage = record["coverage"]
    return ScoreRow(
        generator=record["generator"],
        case=_none(record["case"]),
        seed=None if pd.isna(record["seed"]) else int(record["seed"]),
        view=None if pd.isna(record["view"]) else int(record["view"]),
        metric=record["metric"],
        value=float(record["value"]),
        unit=record["unit"],
        signature=record["signature"],
        coverage=None if coverage is None or math.isnan(coverage) else float(coverage),
        status=record["status"],
        sample=record["sample"],
    )


def _none(value: object) -> str | None:
    return value if isinstance(value, str) else None
