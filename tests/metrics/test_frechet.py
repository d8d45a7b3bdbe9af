"""The Fréchet distance against matrix square roots, other people's implementations and closed forms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import linalg

from bench.errors import InputError
from bench.metrics.frechet import frechet_distance

Matrix = npt.NDArray[np.float64]


def sets(n1: int, n2: int, d: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Two correlated, shifted sets far from the origin, like features after a ReLU."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d)) / np.sqrt(d)
    return rng.gamma(1.0, 1.0, (n1, d)) @ mix + 5, rng.gamma(1.5, 0.8, (n2, d)) @ mix.T + 5.2


def moments(x: Matrix) -> tuple[Matrix, Matrix]:
    return x.mean(axis=0), np.cov(x, rowvar=False)


def by_sqrtm(x: Matrix, y: Matrix) -> float:
    (mu_x, s_x), (mu_y, s_y) = moments(x), moments(y)
    root = linalg.sqrtm(s_x @ s_y)
    # scipy returned (root, error) under `disp=False` only; plain calls return the root in every version
    return float(np.square(mu_x - mu_y).sum() + np.trace(s_x + s_y) - 2 * np.trace(root).real)


@pytest.mark.parametrize(("n1", "n2", "d"), [(40, 60, 12), (300, 25, 12), (25, 300, 12), (64, 64, 16), (400, 500, 30)])
def test_equals_the_matrix_square_root(n1: int, n2: int, d: int) -> None:
    x, y = sets(n1, n2, d)
    assert frechet_distance(x, y) == pytest.approx(by_sqrtm(x, y), rel=1e-6)


@pytest.mark.parametrize(("n1", "n2", "d"), [(12, 15, 40), (2, 3, 5), (12, 90, 40), (90, 12, 40)])
def test_fewer_pictures_than_dimensions(n1: int, n2: int, d: int) -> None:
    # a symmetric root is well-defined for singular covariances, where sqrtm of their product is not
    x, y = sets(n1, n2, d)
    (mu_x, s_x), (mu_y, s_y) = moments(x), moments(y)
    values, vectors = np.linalg.eigh(s_x)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    fidelity = np.sqrt(np.linalg.eigvalsh(root @ s_y @ root).clip(0)).sum()
    expected = np.square(mu_x - mu_y).sum() + np.trace(s_x + s_y) - 2 * fidelity
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_large_sets_with_features_that_never_change() -> None:
    # more pictures than dimensions, and yet no Cholesky factor
    x, y = sets(60, 80, 10)
    x[:, 3] = 0.0
    y[:, 5] = y[:, 4]
    rest = frechet_distance(np.delete(x, 3, axis=1), np.delete(y, 3, axis=1))
    expected = rest + y[:, 3].var(ddof=1) + y[:, 3].mean() ** 2
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-7)


def test_equals_torchmetrics() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid", exc_type=ImportError)
    x, y = sets(200, 150, 24)
    parts = [torch.from_numpy(part) for part in (*moments(x), *moments(y))]
    assert frechet_distance(x, y) == pytest.approx(float(fid._compute_fid(*parts)), rel=1e-6)


def test_equals_clean_fid(monkeypatch: pytest.MonkeyPatch) -> None:
    cleanfid = pytest.importorskip("cleanfid.fid", exc_type=ImportError)
    # its call sqrtm(..., disp=False) expects a pair, which scipy stopped returning
    root_of = linalg.sqrtm
    monkeypatch.setattr(cleanfid.linalg, "sqrtm", lambda product, disp: (root_of(product), 0.0))
    x, y = sets(200, 150, 24)
    assert frechet_distance(x, y) == pytest.approx(cleanfid.frechet_distance(*moments(x), *moments(y)), rel=1e-6)


def test_closed_form_of_scaled_and_shifted_copies() -> None:
    # y = x D + t with diagonal sample covariances: sum t^2 + sum (s_i - s_i d_i)^2, exactly and at any n
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(50, 8))
    white = linalg.orth(draws - draws.mean(axis=0)) * np.sqrt(49)  # sample covariance: the identity
    spread, scale, shift = rng.uniform(0.5, 2, 8), rng.uniform(0.2, 3, 8), rng.normal(size=8)
    x = white * spread
    y = x * scale + shift
    expected = np.square(shift).sum() + np.square(spread - spread * scale).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-10)


def test_gaussians_of_diagonal_covariance_at_large_n() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0, [1, 2, 3], (100_000, 3)), rng.normal([1, 0, 0], [2, 2, 1], (100_000, 3))
    assert frechet_distance(x, y) == pytest.approx(1 + 1 + 0 + 4, rel=0.02)


@pytest.mark.parametrize(("n", "d"), [(30, 8), (12, 64), (2, 3)])
def test_identical_sets_have_distance_zero(n: int, d: int) -> None:
    x, _ = sets(n, n, d)
    assert abs(frechet_distance(x, x)) < 1e-6
    assert abs(frechet_distance(x + 1e4, x + 1e4)) < 1e-6  # a common offset must cost no digits


@pytest.mark.parametrize(("n1", "n2", "d"), [(30, 50, 8), (12, 20, 64), (12, 200, 64)])
def test_symmetric_and_invariant(n1: int, n2: int, d: int) -> None:
    x, y = sets(n1, n2, d)
    value = frechet_distance(x, y)
    rotation = linalg.qr(np.random.default_rng(3).normal(size=(d, d)))[0]
    assert frechet_distance(y, x) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(x @ rotation + 2, y @ rotation + 2) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(x[::-1], y) == pytest.approx(value, rel=1e-9)
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * value, rel=1e-9)


def test_single_precision_features_are_computed_in_double() -> None:
    x, y = sets(40, 60, 12)
    x, y = x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64)
    assert frechet_distance(x.astype(np.float32), y.astype(np.float32)) == frechet_distance(x, y)


def test_unusable_features_are_refused() -> None:
    x, y = sets(5, 6, 4)
    with pytest.raises(InputError, match="at least 2 pictures, got 1"):
        frechet_distance(x[:1], y)
    with pytest.raises(InputError, match="4 and 3 dimensions"):
        frechet_distance(x, y[:, :3])
    with pytest.raises(InputError, match="1 of 6 pictures"):
        frechet_distance(x, np.where(np.arange(6)[:, None] == 2, np.nan, y))
    with pytest.raises(InputError, match="shape"):
        frechet_distance(x[0], y)
