"""The tables of the Realiz3D paper (arXiv 2605.13852) as printed: suites name their rows, reports show them."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def published(table: int) -> dict[str, dict[str, str]]:
    """The values of a table of the paper as printed, by row and metric."""
    text = (files("bench.suite") / "published" / f"table{table}.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["row"]: {name: value for name, value in row.items() if name != "row"} for row in rows}
