"""Which generators of a table column are printed bold: the best one, and all that cannot be told from it.

The rule. The best is the finite value that is first in the metric's direction. Another generator is bold as well when
its paired comparison with the best has p >= alpha, Holm-adjusted over the comparisons with the best; where no such
p-value exists, or the objects are too few for any p-value to fall below alpha, when its interval and the best's
overlap; where an interval is missing too, only when the values are equal. Without a finite value it is never bold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.comparison import Comparison
from bench.stats.intervals import Interval
from bench.stats.label_swaps import DRAWS, EXACT_LIMIT
from bench.stats.paired import holm

if TYPE_CHECKING:
    from bench.metrics.declaration import Direction  # brings torch, which tables do without


@dataclass(frozen=True)
class Entry:
    """One generator's number in one column."""

    generator: str
    value: float
    interval: Interval | None = None


def bold_generators(
    entries: Sequence[Entry], direction: Direction, comparisons: Sequence[Comparison] = (), alpha: float = 0.05
) -> frozenset[str]:
    """Names of the generators to set in bold in one column; `comparisons` are those of that column's metric.

    Of equal best values the first entry leads; the others tie with it by the rule.
    """
    finite = [entry for entry in entries if math.isfinite(entry.value)]
    if not finite:
        return frozenset()
    best = (max if direction == "up" else min)(finite, key=lambda entry: entry.value)
    others = [entry for entry in finite if entry.generator != best.generator]
    p_values = _p_values_against(best.generator, comparisons)
    tested = [entry.generator for entry in others if entry.generator in p_values]
    if len(tested) * max((_least_p(c.n_objects) for c in comparisons), default=0.0) >= alpha:
        # a test that cannot reject would call any difference a tie
        tested = []
    adjusted = dict(zip(tested, holm([p_values[name] for name in tested]), strict=True))

    def tied(entry: Entry) -> bool:
        if entry.value == best.value:
            return True
        if entry.generator in adjusted:
            return adjusted[entry.generator] >= alpha
        return entry.interval is not None and best.interval is not None and entry.interval.overlaps(best.interval)

    return frozenset({best.generator, *(entry.generator for entry in others if tied(entry))})


def _least_p(n_objects: int) -> float:
    """The smallest two-sided p-value that swapping labels over so many objects can give."""
    return 2 / 2**n_objects if 2**n_objects <= EXACT_LIMIT else 1 / (DRAWS + 1)


def _p_values_against(best: str, comparisons: Sequence[Comparison]) -> dict[str, float]:
    """The known two-sided p-value of each generator compared with `best`, whichever of the two was named first."""
    return {
        comparison.b if comparison.a == best else comparison.a: comparison.p_value
        for comparison in comparisons
        if best in (comparison.a, comparison.b) and comparison.p_value is not None and math.isfinite(comparison.p_value)
    }
