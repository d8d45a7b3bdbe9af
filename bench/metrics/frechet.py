"""The Fréchet distance between two sets of features, without a matrix square root.

The usual formula takes tr (S1 S2)^(1/2) from `sqrtm` of a d x d product: slow, and at n < d singular, so that tools add
an epsilon or drop imaginary parts. With S1 = A^T A and S2 = B^T B, the same trace is the nuclear norm of A B^T (the sum
of its singular values), which exists for any n and d. Small sets bring their own factors, sets larger than d Cholesky
factors unless the other set is small, so that no decomposed matrix is larger than the smaller of n and d.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.metrics.feature_pair import Matrix, feature_pair
from bench.metrics.moments import Moments

ROUNDING = 2e-9  # of the trace of the root: what eigenvalues in place of singular values may cost


def frechet_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to x (n1, d) and y (n2, d): FID of Heusel et al. (2017).

    ||mu_x - mu_y||^2 + tr S_x + tr S_y - 2 tr (S_x S_y)^(1/2), covariances with n - 1, in float64. Symmetric, and 0 for
    equal sets up to rounding: 1e-10 of the traces are usual, `ROUNDING` is the bound (never cut off at 0).
    Small n raises it: compare equal n only.

    Raises `InputError` for fewer than two rows, unequal d or values that are not finite.

    >>> round(frechet_distance([[0.0], [2.0]], [[3.0], [5.0]]), 12)
    9.0
    """
    rows, reference = feature_pair(x, y)
    mean = rows.mean(axis=0)
    shift = mean - reference.mean(axis=0)
    first, second = centred_factor(rows, len(reference)), centred_factor(reference, len(rows))
    traces = sum(float(np.einsum("nd,nd->", factor, factor)) for factor in (first, second))
    return float(shift @ shift) + traces - 2 * nuclear_norm(first @ second.T)


def frechet_distance_to(rows: Matrix, reference: Moments) -> float:
    """`frechet_distance` of rows (n, d) to a reference of which only the moments are known; equal to it within 1e-9 of
    the traces.
    """
    shift = rows.mean(axis=0) - reference.mean
    first, second = centred_factor(rows, rows.shape[1]), reference.factor() / np.sqrt(reference.count - 1)
    traces = float(np.einsum("nd,nd->", first, first)) + reference.trace
    return float(shift @ shift) + traces - 2 * nuclear_norm(first @ second.T)


def nuclear_norm(matrix: Matrix) -> float:
    """The sum of the singular values of a matrix (m, n), within `ROUNDING` of itself.

    Eigenvalues of M M^T are had in a third of the time, but rounding them, by about eps s_max^2, hides singular values
    under sqrt(eps) s_max. Where so many are that small that it would show in the sum, an SVD finds them.
    """
    squares = np.linalg.eigvalsh(matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix)
    values = np.sqrt(squares.clip(0.0))
    rounding = np.finfo(np.float64).eps * squares[-1]
    # sqrt(a + d) - sqrt(a) is at most sqrt(d), and about d / (2 sqrt(a)) where a is larger
    error = np.minimum(np.sqrt(rounding), rounding / np.maximum(values, np.finfo(np.float64).tiny)).sum()
    if error > ROUNDING * values.sum():
        values = np.linalg.svd(matrix, compute_uv=False)
    return float(values.sum())


def centred_factor(rows: Matrix, others: int) -> Matrix:
    """F with F^T F the covariance of rows (n, d), to be multiplied with `others` rows: the centred rows themselves, or
    (d, d) where these are many.
    """
    from scipy import linalg

    centred: Matrix = (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)
    # their covariance takes n d^2 multiplications (half of it is known from the other), which their product with few
    # rows does not
    if len(rows) <= rows.shape[1] or others <= rows.shape[1] // 2:
        return centred
    try:
        return np.asarray(linalg.cholesky(centred.T @ centred), dtype=np.float64)
    except linalg.LinAlgError:  # features that never change, or copies of others
        return narrow(centred.T).T


def narrow(matrix: Matrix) -> Matrix:
    """A matrix M' with M' M'^T = M M^T and at most as many columns as rows: the triangular factor of M^T."""
    from scipy import linalg

    rows, columns = matrix.shape
    if columns <= rows:
        return matrix
    (triangular,) = linalg.qr(matrix.T, mode="r")  # unlike numpy's, padded with zero rows
    return np.asarray(triangular[:rows].T, dtype=np.float64)
