"""Which objects decide a comparison: the largest paired differences for the best generator and against it.

A mean over forty objects may rest on three of them. A distance between sets has no value for one object; there an
object weighs what the lead would lose without it (pseudo-values of the jackknife, as in the test of two distances).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.results.leave_one_out import read_leave_one_out
from bench.results.read import RunResults
from bench.results.summary import Comparison
from reports.table import Column, Source, Table

FOR, AGAINST = 2, 1  # objects shown of each duel, at most


@dataclass(frozen=True)
class Decider:
    """An object and how far it speaks for `a`, in the metric's unit (negative: for `b`).

    `values` are those of a and b; None for distances between sets.
    """

    case: str
    gain: float
    values: tuple[float, float] | None


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
        ranked = _ranked(table, column)
        if column.primary and not column.refused and len(ranked) > 1:
            a, b = ranked[:2]
            gains = _gains(run, column, a, b, without)
            found.append(_duel(column, a, b, gains, run))
    return tuple(found)


def _ranked(table: Table, column: Column) -> list[Source]:
    """The contestants that have a value, best first; all where nobody contests."""
    sign = 1.0 if column.metric.direction == "up" else -1.0
    values = {
        source.label: sign * value
        for source in table.sources
        if not source.calibrates and (value := table.cell(source, column).value) is not None
    }
    return sorted((s for s in table.sources if s.label in values), key=lambda source: -values[source.label])


def _duel(column: Column, a: Source, b: Source, gains: list[Decider], run: RunResults) -> Duel:
    names = {a.generator.name, b.generator.name}
    pair = next(
        (p for p in run.summary.comparisons if p.metric == column.metric.name and {p.a, p.b} == names),
        None,
    )
    loudest = sorted(gains, key=lambda item: -item.gain)
    chosen = [item for item in loudest[:FOR] if item.gain > 0]
    chosen += [item for item in loudest[: -AGAINST - 1 : -1] if item.gain < 0]
    won, lost = (sum(sign * item.gain > 0 for item in gains) for sign in (1, -1))
    return Duel(column, a, b, pair, tuple(chosen), won, lost, len(gains) - won - lost)


def _gains(
    run: RunResults, column: Column, a: Source, b: Source, without: Mapping[tuple[str, str], Mapping[str, float]]
) -> list[Decider]:
    name, sign = column.metric.name, 1.0 if column.metric.direction == "up" else -1.0
    values = run.object_values(name)
    first, second = (values.get(source.generator.name, {}) for source in (a, b))
    if first and second:
        return [
            Decider(case, sign * (first[case] - second[case]), (first[case], second[case]))
            for case in first
            if case in second
        ]
    first, second = (dict(without.get((source.generator.name, name), {})) for source in (a, b))
    leads = {case: sign * (first[case] - second[case]) for case in first if case in second}
    left = {case: lead for case, lead in leads.items() if math.isfinite(lead)}
    if not left:
        return []
    # pseudo-values around the lead itself: their mean is the lead, whatever the distance's bias at n - 1 objects
    mean, whole = math.fsum(left.values()) / len(left), _lead(run, name, sign, a, b)
    return [Decider(case, whole + (len(left) - 1) * (mean - lead), None) for case, lead in left.items()]


def _lead(run: RunResults, metric: str, sign: float, a: Source, b: Source) -> float:
    values = {row.generator: row.value for row in run.summary.rows if row.metric == metric}
    first, second = values[a.generator.name], values[b.generator.name]
    assert first is not None and second is not None  # both are ranked
    return sign * (first - second)
