"""Who beats whom: a matrix for each primary metric in place of a list of pairs."""

from __future__ import annotations

from dataclasses import dataclass

from bench.results.numbers import format_p, format_value
from bench.results.summary import Comparison
from reports.table import Column, Table
from reports.verdict import ALPHA, p_of

MARKS = {"better": "+", "worse": "−", "level": "=", "untested": "?"}


@dataclass(frozen=True)
class Win:
    """The row's generator against the column's: 'better', 'worse', 'level' (not told apart) or 'untested'."""

    outcome: str
    title: str

    @property
    def mark(self) -> str:
        """The sign in the matrix."""
        return MARKS[self.outcome]


@dataclass(frozen=True)
class Wins:
    """A metric's matrix; `cells[row][column]` is None on the diagonal and for pairs that were not compared."""

    column: Column
    names: tuple[str, ...]
    cells: tuple[tuple[Win | None, ...], ...]


def win_matrices(table: Table) -> tuple[Wins, ...]:
    """For each primary metric with comparisons, generators from the best value down; none for joined runs."""
    if len(table.runs) > 1:
        return ()
    found = []
    for column in table.columns:
        pairs = {
            frozenset((pair.a, pair.b)): pair
            for pair in table.runs[0].summary.comparisons
            if pair.metric == column.metric.name
        }
        values = {
            source.generator.name: value
            for source in table.sources
            if (value := table.cell(source, column).value) is not None
        }
        if column.primary and not column.refused and pairs and len(values) > 1:
            names = tuple(sorted(values, key=lambda name: values[name], reverse=column.metric.direction == "up"))
            cells = tuple(tuple(_win(pairs.get(frozenset((a, b))), a, b, column) for b in names) for a in names)
            found.append(Wins(column, names, cells))
    return tuple(found)


def _win(pair: Comparison | None, a: str, b: str, column: Column) -> Win | None:
    if pair is None or a == b or pair.difference is None:
        return None
    difference = pair.difference if pair.a == a else -pair.difference
    p = p_of(pair)
    gap = format_value(difference, column.metric.unit, signed=True)
    if p is None:
        return Win("untested", f"{a} against {b}: {gap}, {pair.method}")
    favoured = "better" if (difference > 0) == (column.metric.direction == "up") else "worse"
    outcome = "level" if p >= ALPHA else favoured
    return Win(outcome, f"{a} against {b}: {gap}, p {format_p(p)}")
