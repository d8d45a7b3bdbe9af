"""Which generators of a table column are printed bold: the best one, and all that the test cannot tell from it.

The rule. The best is the finite value that is first in the metric's direction; the others follow in that order. One
after the other is bold as long as its test against the best has a corrected p-value of alpha or more; the first that is
told apart ends the list, so that nobody is bold behind somebody who is not. Corrected means over the page for primary
metrics (`p_holm`), else by Holm over the tests against the best of the column. Where nothing was tested, only values
equal to the best are bold with it.

A generator with gaps is bold only as the best. It cannot tie: the floor in the place of what it owes makes its
differences so uneven that no test would tell it from anybody, and failing on one object would win what trying on all
had lost. It is passed over without ending the list, so that its gaps decide nothing for others. Which rows take part,
such as no calibration rows, is the caller's to decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.comparison import Comparison
from bench.stats.paired import holm

if TYPE_CHECKING:
    from bench.metrics.declaration import Direction  # brings torch, which tables do without

ALPHA = 0.05


@dataclass(frozen=True)
class Entry:
    """One generator's number in one column."""

    generator: str
    value: float
    gaps: bool = False  # whether it owes samples, which count as the floor in `value`


def bold_generators(
    entries: Sequence[Entry], direction: Direction, comparisons: Sequence[Comparison] = (), alpha: float = ALPHA
) -> frozenset[str]:
    """Names of the generators to set in bold in one column; `comparisons` are those of that column's metric.

    Of equal best values the first entry leads. Without a finite value a generator is never bold.
    """
    finite = [entry for entry in entries if math.isfinite(entry.value)]
    if not finite:
        return frozenset()
    ranked = sorted(finite, key=lambda entry: entry.value, reverse=direction == "up")  # keeps the order of equals
    best, *others = ranked
    corrected = _corrected(best.generator, [entry.generator for entry in others], comparisons)
    bold = [best.generator]
    for entry in others:
        if shares_place(entry, best, corrected.get(entry.generator, 0.0), alpha):
            bold.append(entry.generator)
        elif not entry.gaps:
            break
    return frozenset(bold)


def shares_place(entry: Entry, best: Entry, p_value: float, alpha: float = ALPHA) -> bool:
    """Whether `entry`, whose value is no better, ties with `best`: it owes nothing and is equal or not told apart."""
    return not entry.gaps and (entry.value == best.value or p_value >= alpha)


def _corrected(best: str, others: Sequence[str], comparisons: Sequence[Comparison]) -> Mapping[str, float]:
    """The corrected p-value of each of `others` against `best`, whichever of the two was named first, where known."""
    against: dict[str, Comparison] = {}
    for comparison in comparisons:
        pair = {comparison.a, comparison.b}
        against |= {name: comparison for name in others if pair == {best, name}}
    tested = {name: p for name, one in against.items() if (p := one.p_value) is not None and math.isfinite(p)}
    identical = {index for index, name in enumerate(tested) if against[name].identical}
    in_column = dict(zip(tested, holm(list(tested.values()), identical), strict=True))
    return {name: p if (page := against[name].p_holm) is None else page for name, p in in_column.items()}
