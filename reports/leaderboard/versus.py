"""Two entries side by side: what a page's script needs to say who is better by how sure a test, and to show pictures.

Numbers stand in the page's table already; here are the tests of all pairs, a letter each, and where the contact sheets
lie. A board of 200 entries has some 20,000 pairs a result, so p-values are told by the steps that papers use.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reports.leaderboard.paths import entry_file
from reports.leaderboard.standings import Column, Standings

STEPS = (0.001, 0.01, 0.05)
"""A pair's letter is the number of steps that its p-value, corrected for the column, reaches: 0 is not told apart."""
UNTESTED = "-"


def versus(standings: Standings, up: str) -> dict[str, Any]:
    """The data, as plain JSON values. Pairs are those of the upper triangle of `ids`, row by row."""
    places = {line.entry.id: number for number, line in enumerate(standings.lines)}
    return {
        "entries": [
            {
                "label": line.entry.generator.model,
                "note": line.entry.generator.developer + ("" if line.standing == "active" else f", {line.standing}"),
                "sheet": up + entry_file(line.entry, ".webp") if line.stored.sheet is not None else None,
                "cases": list(line.entry.preview.cases) if line.entry.preview is not None else [],
                "views": line.entry.preview.views if line.entry.preview is not None else 0,
            }
            for line in standings.lines
        ],
        "results": [
            {"name": column.result.name, "direction": column.result.direction,
             "ids": [places[one] for one in column.tested], "pairs": _letters(column)}
            for column in standings.columns
        ],
    }  # fmt: skip


def _letters(column: Column) -> str:
    upper = column.p[np.triu_indices(len(column.tested), 1)]
    return "".join(UNTESTED if math.isnan(p) else str(sum(p < step for step in STEPS)) for p in upper.tolist())
