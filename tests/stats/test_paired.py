"""Paired tests against scipy, and the numbers that the protocol quotes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.errors import InputError
from bench.stats.label_swaps import Alternative
from bench.stats.paired import effect_size, holm, minimum_detectable_effect, paired_t, sign_flip

ALTERNATIVES = pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])


def pairs(n: int, shift: float = 0.4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=n)
    return base + shift + 0.5 * rng.normal(size=n), base


@ALTERNATIVES
@pytest.mark.parametrize("n", [2, 8, 40])
def test_paired_t_equals_scipy(n: int, alternative: Alternative) -> None:
    a, b = pairs(n)
    assert paired_t(a, b, alternative) == pytest.approx(stats.ttest_rel(a, b, alternative=alternative).pvalue)


@ALTERNATIVES
@pytest.mark.parametrize("n", [3, 8, 12])
def test_exact_sign_flip_equals_scipy(n: int, alternative: Alternative) -> None:
    a, b = pairs(n, shift=0.2)
    theirs = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf, alternative=alternative
    )
    assert sign_flip(a, b, alternative=alternative) == (
        pytest.approx(theirs.pvalue, abs=1e-12),
        f"sign flip, exact ({2**n})",
    )


@ALTERNATIVES
def test_drawn_sign_flip_agrees_with_scipy(alternative: Alternative) -> None:
    a, b = pairs(20, shift=0.15)
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        alternative=alternative,
        vectorized=True,
        rng=np.random.default_rng(1),
    )
    p_value, method = sign_flip(a, b, alternative=alternative)
    assert method == "sign flip, 9999 draws"
    assert p_value == pytest.approx(theirs.pvalue, abs=0.02)
    assert sign_flip(a, b, alternative=alternative) == (p_value, method)
    assert sign_flip(a, b, seed=1, alternative=alternative) != (p_value, method)


def test_sign_flip_by_hand_with_ties() -> None:
    # differences 1, 2, 3: the eight signed sums are +-6, +-4, +-2, +-0, and only +-6 are as extreme
    assert sign_flip([1, 2, 3], [0, 0, 0]) == (2 / 8, "sign flip, exact (8)")
    # differences .1, .2, -.3 sum to 0 but for rounding, so that every sum is as extreme
    assert sign_flip([0.1, 0.2, -0.3], [0, 0, 0])[0] == 1.0
    assert sign_flip([1, 2, 3], [1, 2, 3])[0] == 1.0


def test_both_tests_keep_their_level() -> None:
    rng = np.random.default_rng(2)
    t_hits = flip_hits = 0
    for _ in range(500):
        a, b = rng.normal(size=(2, 9))
        t_hits += paired_t(a, b) <= 0.1
        flip_hits += sign_flip(a, b)[0] <= 0.1
    assert 0.06 < t_hits / 500 < 0.145
    assert 0.06 < flip_hits / 500 < 0.145


def test_differences_without_spread() -> None:
    assert paired_t([1, 2, 3], [1, 2, 3]) == 1.0
    assert effect_size([1, 2, 3], [1, 2, 3]) == 0.0
    # a constant difference, up to rounding: the t statistic has no denominator, the permutation needs none
    a, b = [0.1, 0.2, 0.3, 0.7], [0.0, 0.1, 0.2, 0.6]
    assert math.isnan(paired_t(a, b)) and math.isnan(effect_size(a, b))
    assert sign_flip(a, b)[0] == 2 / 16
    assert math.isnan(paired_t([1.0], [0.0])) and math.isnan(effect_size([1.0], [0.0]))


def test_effect_size_by_hand() -> None:
    assert effect_size([3, 5, 7], [2, 3, 4]) == pytest.approx(2.0)  # differences 1, 2, 3
    assert effect_size([2, 3, 4], [3, 5, 7]) == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2], [1]), ([], []), ([1, math.nan], [1, 2]), ([1, 2], [1, math.inf]), ([[1, 2]], [[1, 2]])]
)
def test_what_is_not_pairs_is_refused(a: list[float], b: list[float]) -> None:
    for test in (paired_t, sign_flip, effect_size):
        with pytest.raises(InputError):
            test(a, b)


def test_the_protocol_quotes_the_detectable_effect_of_40_objects() -> None:
    assert minimum_detectable_effect(40) == pytest.approx(0.454, abs=5e-4)


@pytest.mark.parametrize(("n", "power", "alpha"), [(5, 0.8, 0.05), (12, 0.9, 0.01), (40, 0.8, 0.05)])
def test_the_detectable_effect_is_detected_that_often(n: int, power: float, alpha: float) -> None:
    rng = np.random.default_rng(3)
    effect = minimum_detectable_effect(n, power, alpha)
    differences = rng.normal(effect, 1.0, (20_000, n))
    found = stats.ttest_1samp(differences, 0, axis=1).pvalue <= alpha
    assert np.mean(found) == pytest.approx(power, abs=0.012)


def test_detectable_effects_at_the_edges() -> None:
    assert math.isnan(minimum_detectable_effect(1))
    assert minimum_detectable_effect(10, power=0.05, alpha=0.05) == 0.0
    assert minimum_detectable_effect(2) > minimum_detectable_effect(3) > minimum_detectable_effect(4) > 2
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert minimum_detectable_effect(100_000) == pytest.approx(normal / math.sqrt(100_000), rel=1e-3)


def test_holm_by_hand() -> None:
    # sorted .005, .01, .03, .04 times 4, 3, 2, 1, then the running maximum
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.5]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()


def test_holm_counts_a_missing_test_as_one_of_the_family() -> None:
    adjusted = holm([0.01, math.nan, 0.02])
    assert (adjusted[0], adjusted[2]) == pytest.approx((0.03, 0.04))
    assert math.isnan(adjusted[1])
