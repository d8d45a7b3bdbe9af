"""Nearest reference pictures: against scipy's tree, and in chunks as at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from bench.errors import InputError
from bench.metrics import nearest as room
from bench.metrics.nearest import nearest, usual_distance


def test_the_nearest_are_those_of_an_independent_search(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    generated, reference = (rng.normal(size=(n, 12)).astype(np.float32) for n in (53, 40))
    monkeypatch.setattr(room, "_ROWS", 7)
    rows, distances = nearest(generated, reference, 3)
    wanted, which = cKDTree(reference.astype(np.float64)).query(generated.astype(np.float64), k=3)
    assert np.array_equal(rows, which)
    assert distances == pytest.approx(wanted / math.sqrt(12), abs=1e-6)  # root mean square, not the sum


def test_a_small_reference_gives_what_it_has_and_ties_keep_its_order() -> None:
    rows, distances = nearest(np.zeros((2, 3)), np.array([[1.0, 0, 0], [0, 1.0, 0]]), 5)
    assert rows.tolist() == [[0, 1], [0, 1]] and distances.shape == (2, 2)
    with pytest.raises(InputError, match="NaN or infinite"):
        nearest(np.full((2, 3), np.nan), np.eye(3), 1)


def test_the_usual_distance_is_between_objects_alone() -> None:
    places = np.array([[0.0], [0.1], [4.0], [4.1], [9.0]])
    assert usual_distance(places, ["a", "a", "b", "b", "c"]) == pytest.approx(np.median([4.0, 3.9, 3.9, 4.0, 4.9]))
    assert math.isnan(usual_distance(places, ["a"] * 5))
