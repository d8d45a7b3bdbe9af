"""The record of one comparison: two generators, one metric, and all that a table prints about the difference."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.stats.difference import Difference, difference_of_means
from bench.stats.intervals import Interval
from bench.stats.paired import effect_size, holm


@dataclass(frozen=True)
class Comparison:
    """`difference` is a - b in the metric's unit; `p_value` is two-sided, None without a test (`method` says why).

    `effect_size` is d_z, None for distances, which have no value per object; `detectable` the least true difference in
    the metric's unit that this test on so many objects would have revealed with 80 % power. `p_holm` is set for primary
    metrics only, by `holm_over_page`.
    """

    metric: str
    a: str
    b: str
    difference: float
    p_value: float | None
    method: str
    n_objects: int
    interval: Interval | None = None
    effect_size: float | None = None
    detectable: float | None = None
    p_holm: float | None = None

    @property
    def identical(self) -> bool:
        """Whether both have the same value on every object, so that there is nothing for a test to find."""
        return self.difference == 0 and self.interval is not None and self.interval.low == self.interval.high == 0

    def to_dict(self) -> dict[str, object]:
        """For JSON: the interval as `ci_low`, `ci_high`; every number that is not finite as None."""
        record = asdict(self)
        del record["interval"]
        record["ci_low"] = self.interval.low if self.interval else None
        record["ci_high"] = self.interval.high if self.interval else None
        return {key: None if _not_finite(value) else value for key, value in record.items()}


def compare_means(metric: str, a: str, b: str, a_values: npt.ArrayLike, b_values: npt.ArrayLike) -> Comparison:
    """Compare generators `a` and `b` on one value per object each, (objects,) in the same order.

    Raises `InputError` when the values are not finite pairs.
    """
    found = difference_of_means(a_values, b_values)
    return replace(_comparison(metric, a, b, found), effect_size=_known(effect_size(a_values, b_values)))


def compare_distances(metric: str, a: str, b: str, found: Difference) -> Comparison:
    """Compare two set distances, given their `difference`."""
    return _comparison(metric, a, b, found)


def holm_over_page(
    comparisons: Sequence[Comparison], primary: Collection[str], calibration: Collection[str] = ()
) -> tuple[Comparison, ...]:
    """The comparisons with `p_holm` filled in: Holm over all comparisons of primary metrics on the page.

    Pairs with a calibration generator are a family of their own: how many yardsticks a suite has must not decide what
    is said of the methods. Other metrics are descriptive and keep None. A primary comparison without a p-value still
    counts as one of its family, one of identical values does not (`holm`).
    """
    adjusted = list(comparisons)
    for calibrates in (False, True):
        family = [
            index
            for index, comparison in enumerate(comparisons)
            if comparison.metric in primary
            and (comparison.a in calibration or comparison.b in calibration) == calibrates
        ]
        p_values = [math.nan if (p := comparisons[index].p_value) is None else p for index in family]
        identical = {place for place, index in enumerate(family) if comparisons[index].identical}
        for index, p_holm in zip(family, holm(p_values, identical), strict=True):
            adjusted[index] = replace(comparisons[index], p_holm=_known(p_holm))
    return tuple(adjusted)


def _comparison(metric: str, a: str, b: str, found: Difference) -> Comparison:
    return Comparison(
        metric=metric,
        a=a,
        b=b,
        difference=found.estimate,
        p_value=found.p_value(),
        method=found.method,
        n_objects=found.n_objects,
        interval=found.interval(),
        detectable=found.detectable(),
    )


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
