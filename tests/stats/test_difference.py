"""Differences of means and of distances: against scipy, by hand, and that tests, intervals and bounds say one thing."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from bench.errors import InputError
from bench.stats.difference import (
    Alternative,
    Difference,
    difference_of_distances,
    difference_of_means,
    interval_of_mean,
    mean_difference,
)
from bench.stats.skewed_t import critical_values, mean_statistics, tails

ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


def skewed(n: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n) + shift


def without_each(values: np.ndarray) -> np.ndarray:
    return (values.sum() - values) / (len(values) - 1)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_symmetric_values_have_the_t_test_with_one_degree_less(alternative: Alternative) -> None:
    values = np.array([-3.0, -1.0, -0.5, 0.5, 1.0, 3.0]) + 0.8
    statistic = stats.ttest_1samp(values, 0.0).statistic
    expected = {"greater": stats.t.sf(statistic, 4), "less": stats.t.cdf(statistic, 4)}
    expected["two-sided"] = 2 * expected["greater"]
    assert mean_difference(values).p_value(alternative) == pytest.approx(expected[alternative])


def test_correction_is_halls_with_amplified_skewness() -> None:
    values = skewed(12)
    found = mean_statistics(values)
    assert float(found.correction) == pytest.approx((1 + 4 / 12) * stats.skew(values, bias=False) / math.sqrt(12))
    assert float(found.error) == pytest.approx(stats.sem(values))
    t, a = -1.7, float(found.correction)
    corrected = t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6
    below, above = tails(t, a, 10)
    assert float(below) == pytest.approx(max(stats.t.cdf(t, 10), stats.t.cdf(corrected, 10)))
    assert float(above) == pytest.approx(max(stats.t.sf(t, 10), stats.t.sf(corrected, 10)))


@pytest.mark.parametrize("a", [-2.0, -0.3, 0.0, 0.3, 2.0])
def test_critical_values_are_where_the_tails_reach_the_level(a: float) -> None:
    low, high = critical_values(a, 6, 0.025)
    assert float(tails(low, a, 6)[0]) == pytest.approx(0.025)
    assert float(tails(high, a, 6)[1]) == pytest.approx(0.025)
    assert float(low) <= stats.t.ppf(0.025, 6) + 1e-12 and float(high) >= stats.t.ppf(0.975, 6) - 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_bounds_and_intervals_exclude_what_the_tests_reject(seed: int) -> None:
    a, b = skewed(9, seed, 0.5), skewed(9, seed + 100)
    without = without_each(a), without_each(b)
    for found in (difference_of_means(a, b), difference_of_distances(float((a - b).mean()), *without)):
        low, high = found.lower_bound(0.9), found.upper_bound(0.9)
        assert found.p_value("greater", null=low) == pytest.approx(0.1)
        assert found.p_value("less", null=high) == pytest.approx(0.1)
        interval = found.interval(0.8)
        assert (interval.low, interval.high) == pytest.approx((low, high))
        assert found.p_value("two-sided", null=high) == pytest.approx(0.2)


@pytest.mark.parametrize("scale", [1e-160, 1.0, 1e100])
def test_the_scale_of_values_does_not_matter(scale: float) -> None:
    values = skewed(8)
    assert mean_difference(scale * values).p_value() == pytest.approx(mean_difference(values).p_value())


def test_alternatives_point_the_right_way() -> None:
    a, b = skewed(20, 1, 2.0), skewed(20, 2)
    found = difference_of_means(a, b)
    greater, less, both = (found.p_value(alternative) for alternative in ("greater", "less", "two-sided"))
    assert found.estimate == pytest.approx((a - b).mean()) and found.estimate > 1
    assert greater is not None and less is not None and both == pytest.approx(2 * greater)
    assert greater < 0.001 < 0.9 < less
    back = difference_of_means(b, a)
    assert (back.estimate, back.p_value("less")) == pytest.approx((-found.estimate, greater))
    assert found.reversed() == back
    # non-inferiority: worse by less than the tolerated harm
    assert found.p_value("greater", null=1.0) > greater  # type: ignore[operator]


def test_jackknife_of_means_is_the_paired_t_test() -> None:
    a, b = skewed(11, 3), skewed(11, 4)
    found = difference_of_distances(float((a - b).mean()), without_each(a), without_each(b))
    assert found.p_value() == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert found.df == 10 and not found.skewed


def test_excess_of_the_jackknife_is_taken_off_but_never_more_than_half() -> None:
    a, b = skewed(11, 3), skewed(11, 4)
    plain = difference_of_distances(0.3, without_each(a), without_each(b))
    error = plain.standard_error
    less = difference_of_distances(0.3, without_each(a), without_each(b), excess=0.2 * error**2)
    most = difference_of_distances(0.3, without_each(a), without_each(b), excess=0.9 * error**2)
    assert less.standard_error == pytest.approx(math.sqrt(1 - 9 / 11 * 0.2) * error)
    assert most.standard_error == pytest.approx(math.sqrt(0.5) * error)


@pytest.mark.parametrize(
    "found",
    [
        difference_of_means([1.0, 2.0, 4.0], [0.0, 0.0, 0.0]),
        difference_of_distances(1.0, [1.0, 2.0, 4.0], [0.0, 0.0, 0.0]),
        difference_of_distances(1.0, [1.0, 2.0, math.nan, 3.0], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_refusals_prove_nothing(found: Difference) -> None:
    assert found.refusal and found.refusal in found.method
    assert [found.p_value(alternative) for alternative in ALTERNATIVES] == [None] * 3
    assert (found.lower_bound(), found.upper_bound()) == (-math.inf, math.inf)
    assert not found.interval().known and found.detectable() is None


def test_differences_without_spread_have_a_sign_test() -> None:
    found = difference_of_means([0.3] * 6, [0.1] * 6)
    assert found.p_value() == pytest.approx(2 / 2**6) and found.p_value("greater") == pytest.approx(1 / 2**6)
    assert found.p_value("less") == 1.0 and found.p_value("less", null=0.5) == pytest.approx(1 / 2**6)
    assert found.interval().low == found.interval().high == pytest.approx(0.2) and found.detectable() is None
    assert difference_of_means([0.3] * 6, [0.3] * 6).p_value() == 1.0
    still = difference_of_distances(0.2, [0.5] * 5, [0.3] * 5)
    assert still.p_value() == pytest.approx(2 / 2**5)


@pytest.mark.parametrize("n", [4, 10, 40])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_detectable_effect_is_found_as_often_as_it_says(n: int, alternative: Alternative) -> None:
    rng = np.random.default_rng(n)
    errors = 1 / math.sqrt(n)
    shape = mean_difference(rng.normal(size=n))
    least = shape.detectable(0.8, 0.05, alternative)
    assert least is not None
    shift = least / shape.standard_error * errors  # for values of unit spread
    shift = -shift if alternative == "less" else shift
    found = mean_statistics(rng.normal(shift, 1.0, (4000, n)))
    below, above = tails(found.mean / found.error, found.correction, found.freedom)
    p = {"two-sided": 2 * np.minimum(below, above), "greater": above, "less": below}[alternative]
    assert np.mean(p <= 0.05) == pytest.approx(0.8, abs=0.025)


def test_detectable_difference_of_distances_is_that_of_the_t_test() -> None:
    a, b = skewed(10, 3), skewed(10, 4)
    found = difference_of_distances(0.3, without_each(a), without_each(b))
    least = found.detectable(0.8, 0.05)
    assert least is not None
    critical, shift = stats.t.ppf(0.975, 9), least / found.standard_error
    assert stats.nct.sf(critical, 9, shift) == pytest.approx(0.8, abs=1e-6)


def test_values_that_are_no_pairs_are_refused() -> None:
    for a, b in (([1.0, 2.0], [1.0]), ([], []), ([1.0, math.nan], [1.0, 2.0]), ([[1.0]], [[2.0]])):
        with pytest.raises(InputError):
            difference_of_means(a, b)
    with pytest.raises(InputError):
        difference_of_distances(0.0, [1.0, 2.0], [1.0])


def test_the_tests_need_neither_torch_nor_scipy_stats() -> None:
    code = "import sys, bench.stats.difference as d; print('torch' in sys.modules, 'scipy.stats' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_an_interval_does_not_leave_the_range() -> None:
    values = [0.97, 0.99, 1.0, 0.93, 1.0]
    plain, printed = mean_difference(values).interval(), interval_of_mean(values, (0.0, 1.0))
    assert plain.high > 1.0 == printed.high and printed.low == plain.low
    assert interval_of_mean(values, (-math.inf, math.inf)).ends == plain.ends
    assert not interval_of_mean(values[:3], (0.0, 1.0)).known


def test_equal_values_leave_room_for_what_was_not_seen() -> None:
    """Ten times 1: an object in three could be otherwise (.025 = (1 - .31)^10), and would count 0 at worst."""
    found = interval_of_mean([1.0] * 10, (0.0, 1.0))
    assert found.high == 1.0 and found.low == pytest.approx(0.025**0.1)
    assert interval_of_mean([1.0] * 10, (-math.inf, math.inf)).ends == (1.0, 1.0)
    middle = interval_of_mean([0.5] * 10, (0.0, 1.0))
    assert middle.high - 0.5 == pytest.approx(0.5 - middle.low) and middle.low == pytest.approx(0.5 * 0.025**0.1)
