"""Leaving rows out by determinants against measuring what remains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench.metrics import frechet_jackknife
from bench.metrics.frechet import frechet_distance
from bench.metrics.frechet_jackknife import leave_rows_out

Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def _sets(n1: int, n2: int, d: int) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(n1 + n2 + d)
    mix = rng.normal(size=(d, d)) * np.geomspace(1, 1e-3, d)  # spectra of features fall by orders of magnitude
    return rng.gamma(1.0, 1.0, (n1, d)) @ mix + 5, rng.gamma(1.5, 0.8, (n2, d)) @ mix + 5.2


def _one_by_one(x: Matrix, out: list[Indices], y: Matrix, y_out: list[Indices]) -> Matrix:
    rest = [(np.delete(x, a, axis=0), np.delete(y, b, axis=0)) for a, b in zip(out, y_out, strict=True)]
    return np.array([frechet_distance(a, b) if min(len(a), len(b)) > 1 else np.nan for a, b in rest])


def _assert_equal(found: Matrix, expected: Matrix, x: Matrix, y: Matrix) -> None:
    traces = float(x.var(axis=0, ddof=1).sum() + y.var(axis=0, ddof=1).sum())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * traces)
    assert np.nanstd(expected) > 1e-4 * traces  # there is something to get right


@pytest.mark.parametrize(
    ("n1", "n2", "d"), [(40, 50, 8), (40, 50, 64), (40, 20, 64), (12, 60, 30), (60, 12, 30), (36, 36, 36), (8, 200, 5)]
)
@pytest.mark.parametrize("views", [1, 4])
def test_equals_measuring_what_remains(n1: int, n2: int, d: int, views: int) -> None:
    x, y = _sets(n1, n2, d)
    out = [np.arange(start, min(start + views, n1)) for start in range(0, n1, views)]
    nothing = [np.zeros(0, dtype=np.intp)] * len(out)
    _assert_equal(leave_rows_out(x, out, y), _one_by_one(x, out, y, nothing), x, y)


@pytest.mark.parametrize(("n1", "n2", "d"), [(24, 24, 8), (24, 36, 8), (24, 24, 50), (24, 12, 50), (24, 36, 12)])
def test_both_sides_lose_their_rows(n1: int, n2: int, d: int) -> None:
    x, y = _sets(n1, n2, d)
    # unlike numbers of views, and an object that the reference does not show
    out = [np.array([0, 5]), np.array([1]), np.array([2, 3, 7]), np.array([20, 21])]
    y_out = [np.array([0, 1]), np.array([4, 9, 10]), np.zeros(0, dtype=np.intp), np.array([11])]
    _assert_equal(leave_rows_out(x, out, y, y_out), _one_by_one(x, out, y, y_out), x, y)


def test_repeated_and_constant_pictures() -> None:
    """Ranks that drop by less than the rows that leave, or not at all."""
    x, y = _sets(20, 25, 30)
    x[4:8] = x[3]
    x[12:] *= np.array([1.0] * 10 + [0.0] * 20)
    out = [np.arange(start, start + 4) for start in range(0, 20, 4)]
    nothing = [np.zeros(0, dtype=np.intp)] * len(out)
    _assert_equal(leave_rows_out(x, out, y), _one_by_one(x, out, y, nothing), x, y)
    constant = np.ones((10, 30))
    found = leave_rows_out(constant, [np.arange(2)], y)
    assert found[0] == pytest.approx(frechet_distance(constant[2:], y), rel=1e-9)


def test_too_few_remain() -> None:
    x, y = _sets(5, 6, 3)
    found = leave_rows_out(x, [np.arange(4), np.arange(3)], y)
    assert np.isnan(found[0]) and np.isfinite(found[1])
    assert np.isnan(leave_rows_out(x, [np.arange(1)], y, [np.arange(5)])[0])
    assert leave_rows_out(x, [], y).shape == (0,)


def test_chunks_and_large_objects_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _sets(40, 30, 12)
    out = [np.arange(start, start + 4) for start in range(0, 40, 4)]
    expected = leave_rows_out(x, out, y)
    for values in (16 * 12 * 3, 100):  # three objects at once; none, so that each is measured on its own
        monkeypatch.setattr(frechet_jackknife, "_CHUNK_VALUES", values)
        np.testing.assert_allclose(leave_rows_out(x, out, y), expected, rtol=1e-9)
