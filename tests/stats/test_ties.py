"""The rule of bold numbers, case by case."""

from __future__ import annotations

import math

from bench.stats.comparison import Comparison
from bench.stats.intervals import Interval
from bench.stats.ties import Entry, bold_generators


def entry(name: str, value: float, reach: float | None = None) -> Entry:
    interval = None if reach is None else Interval(value - reach, value + reach, 0.95, "test")
    return Entry(name, value, interval)


def against(a: str, b: str, p: float | None) -> Comparison:
    return Comparison("cde", a, b, 0.0, p, "test", 40)


def test_best_alone_in_either_direction() -> None:
    entries = [entry("x", 1.0), entry("y", 2.0)]
    assert bold_generators(entries, "up") == {"y"}
    assert bold_generators(entries, "down") == {"x"}


def test_not_significant_is_a_tie_whoever_was_named_first() -> None:
    entries = [entry("x", 1.0), entry("y", 2.0), entry("z", 1.5)]
    comparisons = [against("x", "y", 0.001), against("y", "z", 0.4), against("x", "z", 0.9)]
    assert bold_generators(entries, "up", comparisons) == {"y", "z"}
    assert bold_generators(entries, "up", [against("z", "y", 0.4), against("x", "y", 0.4)]) == {"x", "y", "z"}


def test_p_values_are_adjusted_over_the_comparisons_with_the_best() -> None:
    entries = [entry("x", 1.0), entry("y", 2.0), entry("z", 1.5)]
    # .03 alone is significant; beside a second .03 Holm makes it .06
    assert bold_generators(entries, "up", [against("x", "y", 0.03), against("z", "y", 0.001)]) == {"y"}
    assert bold_generators(entries, "up", [against("x", "y", 0.03), against("z", "y", 0.03)]) == {"x", "y", "z"}
    # a comparison between losers is none of it
    assert bold_generators(entries[:2], "up", [against("x", "y", 0.03), against("x", "z", 0.03)]) == {"y"}


def test_a_p_value_counts_more_than_intervals() -> None:
    entries = [entry("x", 1.0, reach=5), entry("y", 2.0, reach=5)]
    assert bold_generators(entries, "up", [against("x", "y", 0.001)]) == {"y"}


def test_intervals_decide_where_nothing_was_tested() -> None:
    entries = [entry("x", 1.0, reach=0.6), entry("y", 2.0, reach=0.6), entry("z", 0.5, reach=0.1), entry("w", 1.9)]
    assert bold_generators(entries, "up") == {"x", "y"}
    assert bold_generators(entries, "up", [against("x", "y", None), against("y", "z", math.nan)]) == {"x", "y"}


def test_equal_values_tie() -> None:
    assert bold_generators([entry("x", 2.0), entry("y", 2.0), entry("z", 1.0)], "up") == {"x", "y"}


def test_missing_values_are_never_bold() -> None:
    entries = [entry("x", math.nan), entry("y", 1.0), entry("z", math.inf)]
    assert bold_generators(entries, "up", [against("x", "y", 0.9)]) == {"y"}
    assert bold_generators([entry("x", math.nan)], "down") == frozenset()
    assert bold_generators([], "up") == frozenset()


def test_too_few_objects_for_any_p_value_fall_back_to_intervals() -> None:
    """With four objects the least p is 1 / 8: a test that cannot reject must not call everything a tie."""
    clear = Comparison("cde", "x", "y", 0.0, 1 / 8, "test", 4)
    assert bold_generators([entry("x", 40.0, 1.0), entry("y", 20.0, 1.0)], "up", [clear]) == {"x"}
    assert bold_generators([entry("x", 40.0, 1.0), entry("y", 38.5, 1.0)], "up", [clear]) == {"x", "y"}
