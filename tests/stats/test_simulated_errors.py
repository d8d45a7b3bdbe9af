"""A part of the tables of docs/statistics.md measured again: every test has the error that the page states for it."""

from __future__ import annotations

import pytest
from simulations import (
    BOUNDED,
    error_of_distances,
    error_of_frechet,
    error_of_means,
    error_of_page,
    misses_of_intervals,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "n", "two_sided", "one_sided"),
    [
        ("normal", 4, 0.05, 0.05),
        ("uniform", 6, 0.05, 0.05),
        ("heavy tails (t, 3 degrees)", 10, 0.05, 0.05),
        ("in [0, 1] near 1 (beta 9, 1)", 4, 0.06, 0.085),
        ("skewness 2 (exponential)", 4, 0.06, 0.085),
        ("skewness 2 (exponential)", 6, 0.055, 0.07),
        ("skewness 2 (exponential)", 10, 0.05, 0.06),
        ("skewness 2 (exponential)", 40, 0.05, 0.06),
    ],
)
def test_means_are_rejected_no_more_often_than_stated(name: str, n: int, two_sided: float, one_sided: float) -> None:
    both, side, student = error_of_means(name, n, trials=40_000)
    assert 0.01 < both < two_sided + 0.004 and 0.015 < side < one_sided + 0.004
    if "skewness" in name:
        assert student > both + 0.02  # what the correction is there for


@pytest.mark.parametrize("n", [4, 6, 10])
@pytest.mark.parametrize("name", ["same, half a deviation off", "equally far on opposite sides"])
def test_equal_distances_are_told_apart_no_more_often_than_stated(name: str, n: int) -> None:
    two_sided, one_sided, labels = error_of_distances(name, n, trials=800)
    assert 0.015 < two_sided < 0.085 and 0.02 < one_sided < 0.085  # 5 to 7 %, and three standard errors of 800 trials
    if n > 5 and "opposite" in name:
        assert labels > 0.2  # what was in its place


@pytest.mark.parametrize("seldom", [0.0, 0.02])
def test_a_page_of_equals_claims_no_more_often_than_one_test(seldom: float) -> None:
    """Also where a metric tells nothing of most pairs, which then are not corrected for."""
    page_wide, by_pair = error_of_page(8, 20, trials=150, seldom=seldom)
    assert page_wide < 0.11 and by_pair > 0.3


def test_power_is_near_that_of_swapped_labels_where_those_are_valid() -> None:
    found, _, labels = error_of_distances("*as the reference, and .3 off*", 20, trials=200)
    assert found > 0.85 and labels > 0.9


@pytest.mark.parametrize("n", [4, 10, 40])
@pytest.mark.parametrize("name", BOUNDED)
def test_intervals_within_a_range_hold_the_mean(name: str, n: int) -> None:
    missed, before, beyond = misses_of_intervals(name, n, trials=1500)
    assert missed < 0.067  # 5 %, and three standard errors
    if "twenty" in name and n < 40:
        assert before > 0.5  # equal values were given no room
    if n == 4 and "near 1" in name:
        assert beyond > 0.5


@pytest.mark.parametrize("n", [4, 10])
def test_frechet_distances_are_told_apart_no_more_often_than_stated(n: int) -> None:
    two_sided, one_sided = error_of_frechet("equally far on opposite sides", n, trials=500)
    assert two_sided < 0.08 and one_sided < 0.095  # 5 and 7 %, and three standard errors
