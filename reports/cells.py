"""What makes a table's cells short: a bar in place of a printed interval, and each note once beneath the table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.results.summary import Row
from bench.results.terms import Axis
from reports.table import Column, Table


@dataclass(frozen=True)
class Scale:
    """The range of a column's bars, from the least to the greatest end of its intervals."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value lies, 0 to 100, left to right."""
        return round(100 * (value - self.low) / (self.high - self.low), 1)

    def bar(self, row: Row) -> tuple[float, float, float] | None:
        """Left end, right end and value of a row's bar, each 0 to 100; None for a row without an interval."""
        if row.value is None or row.ci_low is None or row.ci_high is None:
            return None
        return self.place(row.ci_low), self.place(row.ci_high), self.place(row.value)


def scale(table: Table, column: Column) -> Scale | None:
    """The scale of a column; None where no cell has an interval or all are one point."""
    rows = [cell.row for source in table.sources if (cell := table.cell(source, column)).value is not None]
    ends = [
        end
        for row in rows
        if row is not None and row.ci_low is not None and row.ci_high is not None
        for end in (row.value, row.ci_low, row.ci_high)
        if end is not None and math.isfinite(end)
    ]
    return Scale(min(ends), max(ends)) if ends and max(ends) > min(ends) else None


def groups(table: Table) -> tuple[tuple[Axis, tuple[Column, ...]], ...]:
    """The columns by what they judge, axes in the order of their first column, primary metrics first in each."""
    axes = dict.fromkeys(column.metric.axis for column in table.columns)
    return tuple((axis, tuple(c for c in table.columns if c.metric.axis == axis)) for axis in axes)


def notes(table: Table) -> dict[str, int]:
    """Every note of a cell that has a number, with its mark, in reading order."""
    found: dict[str, int] = {}
    for source in table.sources:
        for column in table.columns:
            cell = table.cell(source, column)
            if cell.value is not None and cell.row is not None and cell.row.note:
                found.setdefault(cell.row.note, len(found) + 1)
    return found
