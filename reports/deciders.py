"""The duels that decide: the best contestant of each primary metric against the next best, and the loudest objects.

A mean over forty objects may rest on three of them. `bench.results.deciding` says how they are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.results.deciding import Decider, gains_of_distances, gains_of_values, loudest, ranked
from bench.results.leave_one_out import read_leave_one_out
from bench.results.read import RunResults
from bench.results.summary import Comparison
from reports.table import Column, Source, Table


@dataclass(frozen=True)
class Duel:
    """The best contestant `a` against the next best, `b`, under one primary metric.

    `objects` are the loudest for a, then those against; `won`, `lost` and `even` count all objects that both have.
    """

    column: Column
    a: Source
    b: Source
    pair: Comparison | None
    objects: tuple[Decider, ...]
    won: int
    lost: int
    even: int

    @property
    def of_sets(self) -> bool:
        """Whether the metric is a distance between sets, so that objects have weights in place of values."""
        return any(item.values is None for item in self.objects)


def duels(table: Table) -> tuple[Duel, ...]:
    """One for each primary metric that ranks at least two contestants; none for joined runs."""
    if len(table.runs) > 1:
        return ()
    run = table.runs[0]
    without = read_leave_one_out(run.layout.leave_one_out)
    found = []
    for column in table.columns:
        best = contestants(table, column)
        if column.primary and not column.refused and len(best) > 1:
            a, b = best[:2]
            gains = _gains(run, column, a, b, without)
            found.append(_duel(column, a, b, gains, run))
    return tuple(found)


def contestants(table: Table, column: Column) -> list[Source]:
    """Those of a single run that have a value, best first; calibration generators only where nobody contests."""
    sources = {source.generator.name: source for source in table.sources}
    run = table.runs[0]
    return [sources[name] for name in ranked(run.summary.rows, run.generators, column.metric.name)]


def _duel(column: Column, a: Source, b: Source, gains: list[Decider], run: RunResults) -> Duel:
    names = {a.generator.name, b.generator.name}
    pair = next(
        (p for p in run.summary.comparisons if p.metric == column.metric.name and {p.a, p.b} == names),
        None,
    )
    won, lost = (sum(sign * item.gain > 0 for item in gains) for sign in (1, -1))
    return Duel(column, a, b, pair, loudest(gains), won, lost, len(gains) - won - lost)


def _gains(
    run: RunResults, column: Column, a: Source, b: Source, without: Mapping[tuple[str, str], Mapping[str, float]]
) -> list[Decider]:
    name, sign = column.metric.name, 1.0 if column.metric.direction == "up" else -1.0
    values = run.object_values(name)
    first, second = (values.get(source.generator.name, {}) for source in (a, b))
    if first and second:
        return gains_of_values(first, second, sign)
    first, second = (dict(without.get((source.generator.name, name), {})) for source in (a, b))
    return gains_of_distances(first, second, _lead(run, name, sign, a, b), sign)


def _lead(run: RunResults, metric: str, sign: float, a: Source, b: Source) -> float:
    values = {row.generator: row.value for row in run.summary.rows if row.metric == metric}
    first, second = values[a.generator.name], values[b.generator.name]
    assert first is not None and second is not None  # both are ranked
    return sign * (first - second)
