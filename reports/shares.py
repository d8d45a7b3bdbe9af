"""The second results table: how far each generator got from the floor (0) to the ceiling (1), metric by metric.

Raw values of different metrics cannot be read side by side; shares of the same two yardsticks can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.results.summary import Row
from reports.table import Column, Source, Table

EXPLANATION = (
    "The share of the way from each object's floor (0) to its ceiling (1), both scored in the same run, "
    "averaged over objects, with its 95 % interval. Below 0 is worse than the floor, above 1 better than the ceiling."
)


@dataclass(frozen=True)
class Share:
    """One normalised score with its interval; `objects` where they are not the column's usual number."""

    value: float
    low: float | None
    high: float | None
    objects: int | None

    @property
    def percent(self) -> float:
        """Where it lies between floor and ceiling, 0 to 100, for a bar."""
        return round(100 * min(max(self.value, 0.0), 1.0), 1)


@dataclass(frozen=True)
class Shares:
    """Sources by columns that have a normalised score. `left_out`: (metrics, reason) where none of a column has one,
    `partial`: (metrics, what is not counted) where not all objects are; one entry a reason.
    """

    sources: tuple[Source, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, int], Share]
    left_out: tuple[tuple[tuple[str, ...], str], ...]
    partial: tuple[tuple[tuple[str, ...], str], ...] = ()

    def cell(self, source: Source, column: Column) -> Share | None:
        """The share where a row and a column meet, if there is one."""
        return self.cells.get((source.label, column.number))


def build_shares(table: Table) -> Shares:
    """The shares of a table; without columns when the runs had no ceiling and floor."""
    columns: list[Column] = []
    cells: dict[tuple[str, int], Share] = {}
    left_out: list[tuple[str, str]] = []
    partial: list[tuple[str, str]] = []
    for column in table.columns:
        rows = {source.label: row for source in table.sources if (row := _row(table, source, column)) is not None}
        found = {label: share for label, row in rows.items() if (share := _share(row, column)) is not None}
        notes = dict.fromkeys(row.normalised_note for row in rows.values() if row.normalised_note)
        if found:
            columns.append(column)
            cells |= {(label, column.number): share for label, share in found.items()}
            partial += [(column.metric.name, note) for note in notes]
        elif notes:
            left_out.append((column.metric.name, next(iter(notes))))
    labels = {label for label, _ in cells}
    sources = tuple(source for source in table.sources if source.label in labels)
    return Shares(sources, tuple(columns), cells, _by_reason(left_out), _by_reason(partial))


def _by_reason(entries: Sequence[tuple[str, str]]) -> tuple[tuple[tuple[str, ...], str], ...]:
    metrics: dict[str, list[str]] = {}
    for metric, reason in entries:
        metrics.setdefault(reason, []).append(metric)
    return tuple((tuple(names), reason) for reason, names in metrics.items())


def _row(table: Table, source: Source, column: Column) -> Row | None:
    cell = table.cell(source, column)
    return cell.row if table.belongs(source, column) and cell.value is not None else None


def _share(row: Row, column: Column) -> Share | None:
    if row.normalised is None:
        return None
    objects = row.normalised_n if row.normalised_n != column.n_objects else None
    low, high = row.normalised_ci_low, row.normalised_ci_high
    if low == high:  # a yardstick against itself: nothing varies, so there is nothing to say
        low = high = None
    return Share(row.normalised, low, high, objects)
