"""The tables of the Realiz3D paper (arXiv 2605.13852) as printed: suites name their rows, reports show them."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

_KINDS = {  # how rows of Tables 1 and 3 begin, and the group that they stand in
    "Syn ": "Full tuning",
    "LoRA": "Light tuning",
    "Linear adapters": "Light tuning",
    "SDEdit": "Training free",
    "TRELLIS": "Pretrained",
    "Domain ": "Adapters",
    "Spatial adapter": "Adapters",
}


def kind_of_method(table: int, row: str) -> str:
    """The group of methods that a row stands in; '' for Realiz3D itself, and in Table 2, which has none."""
    kinds = [kind for beginning, kind in _KINDS.items() if row.startswith(beginning)] if table != 2 else []
    return kinds[0] if kinds else ""


@cache
def published(table: int) -> dict[str, dict[str, str]]:
    """The values of a table of the paper as printed, by row and metric."""
    text = (files("bench.suite") / "published" / f"table{table}.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["row"]: {name: value for name, value in row.items() if name != "row"} for row in rows}
