"""The rule: harm against what is tolerated, corrected over the page."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.harm import LEVEL, harm_of_distances, harm_of_means, objects_to_decide
from bench.gate.verdicts import VERDICTS, corrected, exit_code, judge, worst

NOISE = np.random.default_rng(5).normal(0, 0.2, 20)
BASE = np.random.default_rng(6).normal(25, 3, 20)


def verdict(change: float, delta: float) -> str:
    harm = harm_of_means(BASE, BASE - change + NOISE - NOISE.mean(), True)
    return judge(harm, delta, *corrected([harm])[0])


@pytest.mark.parametrize(
    ("change", "delta", "expected"),
    [
        (0.0, 0.5, "pass"),
        (1.0, 0.5, "regression"),
        (0.3, 0.5, "pass"),  # harm is shown, and all of it is tolerated
        (0.49, 0.5, "inconclusive"),  # harm is shown, and may exceed what is tolerated
        (-1.0, 0.5, "improved"),
        (0.0, 0.0, "inconclusive"),  # nothing is tolerated, and nothing can be shown
        (-1.0, 0.0, "improved"),
        (1.0, 0.0, "regression"),
    ],
)
def test_the_rule(change, delta, expected):
    assert verdict(change, delta) == expected


def test_equal_values_pass_however_few_the_objects_are_and_whatever_is_tolerated():
    for n in (1, 2, 5, 20):
        harm = harm_of_means(BASE[:n], BASE[:n], True)
        assert harm.unchanged
        assert judge(harm, 0.0, *corrected([harm])[0]) == "pass"


def test_what_did_not_change_makes_nothing_else_harder_to_show():
    changed, unchanged = harm_of_means(BASE, BASE - 0.1 + NOISE, True), harm_of_means(BASE, BASE, True)
    assert corrected([changed, unchanged])[0] == corrected([changed])[0]
    assert corrected([unchanged, changed])[0] == (unchanged.p_worse, unchanged.p_better)
    untested = harm_of_means(BASE[:3], BASE[:3], True)
    for other in (None, untested):  # what is missing does, and what could not be tested
        assert corrected([other, changed])[1][0] == pytest.approx(2 * changed.p_worse)


def test_three_objects_show_nothing():
    harm = harm_of_means(BASE[:3], BASE[:3] - 5, True)
    assert judge(harm, 0.1, *corrected([harm])[0]) == "inconclusive"
    assert math.isinf(harm.upper)


@given(st.lists(st.floats(-10, 10), min_size=4, max_size=15), st.floats(0, 5), st.floats(0.1, 5))
def test_tolerating_more_never_makes_a_verdict_worse(changes, delta, more):
    harm = harm_of_means(np.zeros(len(changes)), -np.array(changes), True)
    p = corrected([harm])[0]
    order = ["regression", "inconclusive", "pass", "improved"]
    assert order.index(judge(harm, delta + more, *p)) >= order.index(judge(harm, delta, *p))


@given(st.lists(st.floats(-3, 3), min_size=5, max_size=12))
def test_what_is_a_regression_forth_is_an_improvement_back(changes):
    forth = harm_of_means(np.zeros(len(changes)), np.array(changes), True)
    back = harm_of_means(np.array(changes), np.zeros(len(changes)), True)
    first, second = (judge(one, 0.0, *corrected([one])[0]) for one in (forth, back))
    assert (first == "regression") == (second == "improved")
    assert (first == "improved") == (second == "regression")


def test_the_direction_decides_what_harm_is():
    assert harm_of_means([1.0, 2.0, 3.0, 5.0], [2.0, 3.0, 4.0, 6.5], True).estimate == pytest.approx(-1.125)
    assert harm_of_means([1.0, 2.0, 3.0, 5.0], [2.0, 3.0, 4.0, 6.5], False).estimate == pytest.approx(1.125)


def test_distances_of_a_mean_are_tested_as_the_mean():
    """A mean is a statistic of the set too: its leave-one-out values give back what each object adds."""
    before, after = BASE, BASE + NOISE + 0.4
    without = [(side.sum() - side) / (len(side) - 1) for side in (before, after)]
    found = harm_of_distances(before.mean(), after.mean(), *without, higher_is_better=False)
    direct = harm_of_means(before, after, higher_is_better=False)
    assert found.by_object == pytest.approx(direct.by_object)
    assert found.estimate == pytest.approx(direct.estimate)
    assert found.found.standard_error == pytest.approx(direct.found.standard_error)


def test_more_gated_results_ask_for_more():
    harm = harm_of_means(BASE, BASE - 0.1 + NOISE, True)
    alone, among = corrected([harm])[0][0], corrected([harm, None, None, None])[0][0]
    assert among == pytest.approx(min(1.0, 4 * alone))  # results without a test count too


def test_the_worst_verdict_is_the_page_s():
    assert [worst([one, "pass"]) for one in VERDICTS] == [
        "pass", "pass", "inconclusive", "regression", "incomparable", "missing",
    ]  # fmt: skip
    assert worst(["improved", "improved"]) == "improved"
    assert [exit_code(one) for one in VERDICTS] == [0, 0, 0, 1, 2, 3]
    assert exit_code("inconclusive", strict=True) == 1


def test_so_many_objects_would_decide():
    """With as many objects as it says, the same harm and spread are decided about four times of five."""
    rng = np.random.default_rng(1)
    first = rng.normal(0.0, 1.0, 20)
    first += 0.1 - first.mean()
    needed = objects_to_decide(harm_of_means(np.zeros(20), -first, True), 0.5, LEVEL)
    assert needed is not None and 20 < needed < 100
    spread, decided = first.std(ddof=1), 0
    for _ in range(300):
        harm = harm_of_means(np.zeros(needed), -rng.normal(0.1, spread, needed), True)
        decided += judge(harm, 0.5, *corrected([harm])[0]) != "inconclusive"
    assert 0.7 < decided / 300 < 0.95


def test_harm_as_large_as_what_is_tolerated_is_never_decided():
    harm = harm_of_means(np.zeros(20), -(0.5 + NOISE - NOISE.mean()), True)
    assert objects_to_decide(harm, float(harm.estimate), LEVEL) is None
