"""Object-level intervals against scipy, closed forms and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.metrics.kernel import ObjectGram, cubic_kernel
from bench.stats.intervals import jackknife_interval, mean_interval


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, math.nan], [1.0, 2.0, math.inf]])
def test_no_interval_from_too_little(values: list[float]) -> None:
    assert all(map(math.isnan, jackknife_interval(1.0, values)))


def test_equal_values_give_a_point() -> None:
    assert jackknife_interval(0.1, [0.1] * 7) == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_mean_of_repeats_has_the_t_interval(level: float) -> None:
    sample = np.random.default_rng(5).normal(size=6)
    assert mean_interval(sample, level) == pytest.approx(stats.t.interval(level, 5, sample.mean(), stats.sem(sample)))
    assert all(map(math.isnan, mean_interval([1.0, 2.0])))


def test_ends_stay_in_the_range_of_the_statistic() -> None:
    left_out = [0.9, 1.0, 1.0, 1.0]
    low, high = jackknife_interval(0.97, left_out)
    assert high > 1.0
    assert jackknife_interval(0.97, left_out, limits=(0.0, 1.0)) == (low, 1.0)
    assert jackknife_interval(0.01, [0.0, 0.0, 0.04], limits=(0.0, math.inf))[0] == 0.0


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_jackknife_of_a_mean_is_the_t_interval(level: float) -> None:
    sample = np.random.default_rng(3).normal(size=12)
    left_out = (sample.sum() - sample) / 11
    expected = stats.t.interval(level, 11, sample.mean(), stats.sem(sample))
    assert jackknife_interval(sample.mean(), left_out, level) == pytest.approx(expected)


def test_jackknife_covers_a_kernel_distance() -> None:
    # Four correlated views an object, each N(m, I). The reference is part of the protocol and not drawn anew, so that
    # the expected distance is conditional on it.
    shift, d, n_objects, rng = 0.5, 16, 30, np.random.default_rng(4)
    reference = rng.normal(size=(150, d))

    def mean_kernel(y: np.ndarray) -> float:
        # x . y ~ N(m . y, |y|^2), and E (a + s z)^3 = a^3 + 3 a s^2
        centre, variance = 1 + shift * y.sum(axis=1) / d, np.square(y).sum(axis=1) / d**2
        return float(np.mean(centre**3 + 3 * centre * variance))

    own = cubic_kernel(reference, reference)
    among_reference = (own.sum() - np.trace(own)) / (150 * 149)
    truth = mean_kernel(rng.normal(shift, 1, (200_000, d))) + among_reference - 2 * mean_kernel(reference)
    values, errors, covered = [], [], []
    for _ in range(300):
        centres = rng.normal(shift, math.sqrt(0.7), (n_objects, d))
        pictures = np.repeat(centres, 4, axis=0) + rng.normal(0, math.sqrt(0.3), (4 * n_objects, d))
        names = [index // 4 for index in range(4 * n_objects)]
        gram = ObjectGram.fold(pictures, names, reference, range(150), clustered=True, shared=False)
        low, high = jackknife_interval(gram.distance(), gram.leave_one_object_out())
        values.append(gram.distance())
        errors.append((high - low) / (2 * stats.t.ppf(0.975, n_objects - 1)))
        covered.append(low <= truth <= high)
    assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / math.sqrt(300))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.15)
    assert 0.91 <= np.mean(covered) <= 0.98
