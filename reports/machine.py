"""summary.csv and summary.json: every row with full precision, for programs rather than readers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.results.read import RunResults
from bench.results.summary import Row
from groundwork.texts import visible
from reports.table import Table

_ROW_FIELDS = tuple(Row.model_fields)
_TEXTS = (
    "run",
    "generator",
    "metric",
    "unit",
    "note",
    "signature",
    "normalised_note",
)  # what plug-ins and strangers word


def write_csv(runs: Sequence[RunResults]) -> str:
    """One line per row of every run: `run`, then the fields of summary.json's rows. Numbers round-trip exactly."""
    records = [{"run": run.label, **row.model_dump()} for run in runs for row in run.summary.rows]
    safe = [{**record, **{name: harmless(record[name]) for name in _TEXTS}} for record in records]
    frame = pd.DataFrame(safe, columns=["run", *_ROW_FIELDS])
    for name in ("n_objects", "n_images"):
        frame[name] = frame[name].astype("Int64")
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text


def write_json(tables: Sequence[Table], runs: Sequence[RunResults]) -> str:
    """summary.json as strict JSON (null for NaN); of several runs, all of them with the columns that they may share."""
    if len(runs) == 1:
        document: Any = runs[0].document
    else:
        document = {
            "runs": [{"run": run.label, **run.document} for run in runs],
            "tables": [
                {
                    "runs": [run.label for run in table.runs],
                    "comparable": table.comparable,
                    "columns": [
                        {
                            "metric": column.metric.name,
                            "runs": list(column.runs),
                            "signatures": list(column.signatures),
                            "ranked": not column.refused,
                        }
                        for column in table.columns
                    ],
                }
                for table in tables
            ],
        }
    return json.dumps(_strict(document), indent=2, allow_nan=False) + "\n"


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return value


_OPEN_A_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
)  # the last four: full width


def harmless(text: str) -> str:
    """A text of a table: spreadsheets run cells that open like a formula, terminals act on what `cat` prints."""
    text = visible(text)
    return f"'{text}" if text.startswith(_OPEN_A_FORMULA) else text
