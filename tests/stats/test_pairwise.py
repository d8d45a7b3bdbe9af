"""Tests of all pairs at once give the numbers of one test after the other."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats.difference import difference_of_distances, difference_of_means
from bench.stats.pairwise import p_values_of_distances, p_values_of_means


@pytest.fixture
def values() -> np.ndarray:
    """Seven generators on twelve objects, skewed; two that differ by a constant, two that are equal."""
    rng = np.random.default_rng(5)
    found = rng.exponential(size=(7, 12)) + np.linspace(0, 1, 7)[:, None]
    found[3] = found[2] + 0.5
    found[5] = found[4]
    return found


def test_means(values: np.ndarray) -> None:
    p = p_values_of_means(values)
    for i in range(7):
        for j in range(7):
            assert p[i, j] == pytest.approx(difference_of_means(values[i], values[j]).p_value(), rel=1e-12)


def test_distances(values: np.ndarray) -> None:
    distances = values.mean(axis=1)
    values[6, 3] = np.nan  # a distance that does not exist without this object
    p = p_values_of_distances(distances, values)
    for i in range(7):
        for j in range(7):
            wanted = difference_of_distances(distances[i] - distances[j], values[i], values[j]).p_value()
            if i != j and wanted is None:
                assert np.isnan(p[i, j])
            elif i != j:
                assert p[i, j] == pytest.approx(wanted, rel=1e-12)


def test_too_few_objects_tell_nothing(values: np.ndarray) -> None:
    few = values[:, :3]
    for p in (p_values_of_means(few), p_values_of_distances(few.mean(axis=1), few)):
        assert np.isnan(p[~np.eye(7, dtype=bool)]).all()
