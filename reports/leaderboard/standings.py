"""One suite's table as its page prints it: entries as lines, results as columns, and in every cell the rank range.

One signature a column. What was measured under a former signature stands in its cell, unranked, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.leaderboard.entry import Entry, EntryRow
from bench.leaderboard.pin import Pin, PinnedResult
from bench.leaderboard.ranks import Contestant, Places, Tests, corrected, places
from bench.leaderboard.repository import StoredEntry
from bench.results.signatures import describe_difference
from reports.cells import Scale
from reports.table import ARROWS, STATUS_TEXT

Standing = Literal["active", "superseded", "withdrawn", "calibration"]


@dataclass(frozen=True)
class Cell:
    """An entry's number of one result. `places` is None where it is not ranked, and `why` then says why not."""

    row: EntryRow | None
    places: Places | None = None
    why: str = ""
    bar: tuple[float, float, float] | None = None

    @property
    def value(self) -> float | None:
        """The number, None without one."""
        return self.row.value if self.row is not None and self.row.status == "ok" else None


@dataclass(frozen=True)
class Column:
    """A result. `tested` are the ids of the entries that are ranked, `p` the corrected p-values of each two of them."""

    result: PinnedResult
    primary: bool
    tested: tuple[str, ...]
    p: Tests = field(repr=False)

    @property
    def ranked(self) -> int:
        """How many entries are ranked."""
        return len(self.tested)

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return ARROWS[self.result.direction]


@dataclass(frozen=True)
class Line:
    """An entry with its cells, in the order of the columns."""

    stored: StoredEntry
    standing: Standing
    cells: tuple[Cell, ...]

    @property
    def entry(self) -> Entry:
        """What is stored."""
        return self.stored.entry


@dataclass(frozen=True)
class Standings:
    """All of one suite's page."""

    pin: Pin
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def active(self) -> tuple[Line, ...]:
        """Those that are ranked."""
        return tuple(line for line in self.lines if line.standing == "active")

    def cell(self, line: Line, metric: str) -> Cell:
        """The cell where an entry and a result meet."""
        numbers = {column.result.name: number for number, column in enumerate(self.columns)}
        return line.cells[numbers[metric]]


def standing_of(entry: Entry) -> Standing:
    """How an entry takes part."""
    if entry.state.withdrawn is not None:
        return "withdrawn"
    if not entry.state.active:
        return "superseded"
    return "calibration" if entry.generator.calibration else "active"


def build_standings(pin: Pin, entries: Sequence[StoredEntry]) -> Standings:
    """The table of one suite. Lines come by the first primary result, best first; what is not ranked comes last."""
    ordered = sorted(
        pin.results, key=lambda one: pin.primary.index(one.name) if one.name in pin.primary else len(pin.primary)
    )
    measured = [one for one in ordered if any(_number(stored.entry, one.name) is not None for stored in entries)]
    by_column: list[Mapping[str, Cell]] = []
    columns = []
    for result in measured:
        cells, tested, p = _column(result, entries)
        by_column.append(cells)
        columns.append(Column(result, result.name in pin.primary, tested, p))
    lines = [
        Line(stored, standing_of(stored.entry), tuple(cells[stored.entry.id] for cells in by_column))
        for stored in entries
    ]
    first = measured[0] if measured else None
    return Standings(pin, tuple(columns), tuple(sorted(lines, key=lambda line: _place(line, first))))


def _column(result: PinnedResult, entries: Sequence[StoredEntry]) -> tuple[dict[str, Cell], tuple[str, ...], Tests]:
    contestants = [
        Contestant(
            stored.entry.id, row.value, stored.objects[result.name], row.by_object == "leave_one_out", row.n_missing > 0
        )
        for stored in entries
        if standing_of(stored.entry) == "active"
        and (row := stored.entry.row(result.name)) is not None
        and row.status == "ok"
        and row.value is not None
        and row.signature == result.signature
        and result.name in stored.objects
    ]
    p = corrected(contestants)
    found = places(contestants, result.direction, p)
    scale = _scale([row for stored in entries if (row := stored.entry.row(result.name)) is not None])
    cells = {}
    for stored in entries:
        row = stored.entry.row(result.name)
        ends = None
        if scale is not None and row is not None and None not in (row.value, row.ci_low, row.ci_high):
            assert row.value is not None and row.ci_low is not None and row.ci_high is not None
            ends = scale.place(row.ci_low), scale.place(row.ci_high), scale.place(row.value)
        place = found.get(stored.entry.id)
        cells[stored.entry.id] = Cell(row, place, "" if place else _why(stored.entry, row, result), ends)
    return cells, tuple(one.id for one in contestants), p


def _why(entry: Entry, row: EntryRow | None, result: PinnedResult) -> str:
    """Why a cell is not ranked."""
    if row is None:
        return "not scored"
    if row.status != "ok":
        return STATUS_TEXT[row.status]
    if result.axis == "speed":
        return "timings of different machines are not ranked"
    if row.signature != result.signature:
        return f"measured otherwise: {describe_difference([result.signature, row.signature])}"
    return {"active": "no values by object"}.get(standing_of(entry), standing_of(entry))


def _number(entry: Entry, metric: str) -> float | None:
    row = entry.row(metric)
    return row.value if row is not None and row.status == "ok" else None


def _scale(rows: Sequence[EntryRow]) -> Scale | None:
    ends = [end for row in rows for end in (row.value, row.ci_low, row.ci_high) if end is not None]
    return Scale(min(ends), max(ends)) if ends and max(ends) > min(ends) else None


def _place(line: Line, first: PinnedResult | None) -> tuple[int, float, str]:
    order = ("active", "calibration", "superseded", "withdrawn").index(line.standing)
    value = _number(line.entry, first.name) if first else None
    sign = -1.0 if first and first.direction == "up" else 1.0
    return order, math.inf if value is None else sign * value, line.entry.label.casefold()
