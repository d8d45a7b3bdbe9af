"""The answer in words, for a reader with one minute: who is best on each axis, and how sure that is.

Every sentence is put together from the table's cells and its paired comparisons, so that it cannot say other than they
do: no test, no claim; not told apart is said as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.results.numbers import format_p
from bench.results.summary import Comparison
from bench.results.terms import Axis
from reports.table import Column, Source, Table

ALPHA = 0.05
_ROUNDED = 0.0495  # from here on three decimals would say 0.050, which is not below
_MORE: dict[Axis, str] = {
    "realism": "more realistic than",
    "consistency": "more consistent than",
    "control": "truer to the control than",
    "text": "truer to the prompt than",
    "speed": "faster than",
}
Outcome = Literal["shown", "open", "same", "untested", "refused", "alone"]


@dataclass(frozen=True)
class Verdict:
    """What one primary metric says. `leader` has the best value (None where nobody has one).

    `beaten` and `level` are the others, with the p-value of their comparison with the leader (None: not tested). `last`
    is the one that every other beats, with the largest p-value of those tests; None with fewer than three.
    """

    column: Column
    outcome: Outcome
    leader: str | None = None
    beaten: tuple[tuple[str, float], ...] = ()
    level: tuple[tuple[str, float | None], ...] = ()
    last: tuple[str, float] | None = None

    @property
    def axis(self) -> Axis:
        """What the metric judges."""
        return self.column.metric.axis

    @property
    def sentence(self) -> str:
        """In words, without a full stop's worth of hedging."""
        if self.outcome == "refused":
            return "The values were not measured alike, so nobody is ranked."
        if self.leader is None:
            return "Nobody has a value."
        if self.outcome == "alone":
            return f"{self.leader} is the only one measured."
        if self.outcome == "same":
            return "No difference: all that have a value have the same one on every object."
        if self.outcome == "untested":
            return f"{self.leader} has the best value; the differences were not tested."
        if not self.beaten:
            p = min(p for _, p in self.level if p is not None)
            open_ = f"{self.leader} has the best value, but {_level(self.level)} (p {_at_least(p)})"
            return f"No difference is shown: {open_}."
        text = f"{self.leader} is {_MORE[self.axis]} {_names(self.beaten)} (p {_p_values(self.beaten)})"
        if self.level:
            text += f"; {_level(self.level)}"
        return f"{text}.{self._behind}"

    @property
    def _behind(self) -> str:
        if self.last is None:
            return ""
        name, p = self.last
        return f" {name} is behind all others (p {_at_most(p)})."


def verdicts(table: Table) -> tuple[Verdict, ...]:
    """One for each primary metric, in the table's order; none for joined runs, whose pairs are not tested."""
    if len(table.runs) > 1:
        return ()
    contestants = [source for source in table.sources if not source.calibrates]
    return tuple(_verdict(table, column, contestants) for column in table.columns if column.primary)


def p_of(pair: Comparison) -> float | None:
    """The p-value that counts: corrected for the page where it is."""
    return pair.p_value if pair.p_holm is None else pair.p_holm


def _verdict(table: Table, column: Column, contestants: Sequence[Source]) -> Verdict:
    if column.refused:
        return Verdict(column, "refused")
    values = {s.generator.name: v for s in contestants if (v := table.cell(s, column).value) is not None}
    if len(values) < 2:
        return Verdict(column, "alone", next(iter(values), None))
    leader = (max if column.metric.direction == "up" else min)(values, key=lambda name: values[name])
    pairs = {
        pair.b if pair.a == leader else pair.a: pair
        for pair in table.runs[0].summary.comparisons
        if pair.metric == column.metric.name and leader in (pair.a, pair.b)
    }
    tests = {name: p_of(pair) for name, pair in pairs.items()}
    others = [(name, tests.get(name)) for name in values if name != leader]
    beaten = tuple((name, p) for name, p in others if p is not None and p < ALPHA)
    level = tuple((name, p) for name, p in others if p is None or p >= ALPHA)
    if all(name in pairs and pairs[name].identical for name, _ in others):
        return Verdict(column, "same", leader, level=level)
    if all(p is None for _, p in others):
        return Verdict(column, "untested", leader, level=level)
    return Verdict(column, "shown" if beaten else "open", leader, beaten, level, _last(table, column, values))


def _last(table: Table, column: Column, values: Mapping[str, float]) -> tuple[str, float] | None:
    """The contestant with the worst value where every other one is shown to be better."""
    worst = (min if column.metric.direction == "up" else max)(values, key=lambda name: values[name])
    tests = [
        p
        for pair in table.runs[0].summary.comparisons
        if pair.metric == column.metric.name
        and worst in (pair.a, pair.b)
        and {pair.a, pair.b} <= values.keys()
        and (p := p_of(pair)) is not None
    ]
    shown = len(values) > 2 and len(tests) == len(values) - 1 and max(tests) < ALPHA
    return (worst, max(tests)) if shown else None


def _names(entries: Sequence[tuple[str, float | None]]) -> str:
    names = [name for name, _ in entries]
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _level(entries: Sequence[tuple[str, float | None]]) -> str:
    return f"{_names(entries)} cannot be told apart from it"


def _p_values(entries: Sequence[tuple[str, float]]) -> str:
    worst = max(p for _, p in entries)
    return f"= {format_p(worst)}" if len(entries) == 1 and 0.001 <= worst < _ROUNDED else _at_most(worst)


def _at_most(p: float) -> str:
    """For p-values below `ALPHA`; one that would be printed as that is said to be below it."""
    if p >= _ROUNDED:
        return f"< {ALPHA:g}"
    text = format_p(p)
    return text if text.startswith("<") else f"≤ {text}"


def _at_least(p: float) -> str:
    return f"≥ {p:.2f}" if p < 0.99 else "> 0.99"
