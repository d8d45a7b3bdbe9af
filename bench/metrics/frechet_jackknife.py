"""The Fréchet distance without each object in turn, from one decomposition instead of one for each object.

Leaving rows out, and centring again, compresses a matrix to a subspace that lost a few directions. How much its nuclear
norm shrinks can be told from those directions alone. With M = V diag(sigma) W^T, C = I - 1 1^T / n and the rows V_o of
an object,

    f(s) = log det(C_oo - V_o diag(sigma^2 / (sigma^2 + s^2)) V_o^T) - log det C_oo

is the sum of log(s^2 + sigma'^2) over the new singular values, padded with zeros, minus that over the old ones, since
determinants of a compressed matrix are determinants of a corner of the inverse (Jacobi). The integral of
log(1 + sigma^2 / s^2) over s > 0 is pi sigma, so the integral of f is pi times the change of the nuclear norm. Where an
object leaves the columns too, the same holds for [[0, M], [M^T, 0]], whose corner has a block for either side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.metrics.feature_pair import Matrix
from bench.metrics.frechet import frechet_distance, frechet_distance_to, narrow
from bench.metrics.moments import Moments

Indices = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]

# In log s, f is smooth as far as pi / 2 off the real line: the trapezoidal rule errs by exp(-pi^2 / step), 6e-13.
_STEP = 0.35
_LOWEST, _HIGHEST = 1e-13, 1e4  # in largest singular values; what lies beyond adds some 1e-11 of them

_CHUNK_VALUES = 2**23  # products of singular vectors held at once: 64 MiB


def leave_rows_out(
    rows: Matrix,
    left_out: Sequence[Indices],
    reference: Matrix | Moments,
    reference_left_out: Sequence[Indices] | None = None,
) -> npt.NDArray[np.float64]:
    """Fréchet distances of rows (n1, d) to a reference (n2, d) without the rows `left_out[i]`, for each i.

    Of a reference that loses no rows the moments do. With `reference_left_out`, the reference loses rows as well. NaN
    where fewer than two rows remain on a side. Equal to `frechet_distance` of what remains within 1e-9 of the traces.
    """
    none: Sequence[Indices] = [np.zeros(0, dtype=np.intp)] * len(left_out)
    outs = (left_out, none if reference_left_out is None else reference_left_out)
    second: _Side | _Whole
    if isinstance(reference, Moments):
        assert reference_left_out is None
        first, second, count = _Side(rows - reference.mean), _Whole(reference), reference.count
        norms = _NuclearNorms(_within_centred(first.centred), reference.factor(), narrowed=True)
    else:
        origin, count = reference.mean(axis=0), len(reference)
        first, second = _Side(rows - origin), _Side(reference - origin)
        within = _within_centred(first.centred), _within_centred(second.centred)
        norms = _NuclearNorms(*within, narrowed=reference_left_out is None)
    distances = np.full(len(left_out), np.nan)
    sizes = np.array([(len(a), len(b)) for a, b in zip(*outs, strict=True)], dtype=np.intp).reshape(-1, 2)
    for size in np.unique(sizes, axis=0):
        n1, n2 = len(rows) - size[0], count - size[1]
        if min(n1, n2) < 2:
            continue
        same_size = np.flatnonzero((sizes == size).all(axis=1))
        if (step := _CHUNK_VALUES // (int(size.sum()) ** 2 * norms.rank + 1)) < 1:
            # objects with this many pictures are few: each may have its own decomposition
            for i in same_size.tolist():
                remaining = np.delete(rows, left_out[i], axis=0)
                if isinstance(reference, Moments):
                    distances[i] = frechet_distance_to(remaining, reference)
                else:
                    distances[i] = frechet_distance(remaining, np.delete(reference, outs[1][i], axis=0))
            continue
        for chunk in np.split(same_size, range(step, len(same_size), step)):
            out, reference_out = (np.stack([side[i] for i in chunk.tolist()]) for side in outs)
            means, traces = first.without(out)
            reference_means, reference_traces = second.without(reference_out)
            gaps = np.square(means - reference_means).sum(axis=1)
            norm = norms.without(out, reference_out) / np.sqrt((n1 - 1) * (n2 - 1))
            distances[chunk] = gaps + traces + reference_traces - 2 * norm
    return distances


class _Side:
    """Means and traces of covariances of rows (n, d) without some of them."""

    def __init__(self, rows: Matrix) -> None:
        self._mean = rows.mean(axis=0)
        self.centred = rows - self._mean
        self._squares = np.einsum("nd,nd->n", self.centred, self.centred)

    def without(self, out: Indices) -> tuple[Matrix, Values]:
        """Means (G, d) and traces (G,) without the rows out (G, k)."""
        remaining = len(self.centred) - out.shape[1]
        step = -self.centred[out].sum(axis=1) / remaining  # from the old mean to the new one
        total = self._squares.sum() - self._squares[out].sum(axis=1)
        return self._mean + step, (total - remaining * np.square(step).sum(axis=1)) / (remaining - 1)


class _Whole:
    """Mean and trace of a reference that loses nothing, about its mean."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments

    def without(self, out: Indices) -> tuple[Matrix, Values]:
        """As of a `_Side`; out (G, 0)."""
        return np.zeros((len(out), len(self._moments.mean))), np.full(len(out), self._moments.trace)


class _NuclearNorms:
    """Nuclear norms of A B^T, for centred A (n1, d) and B (n2, d), when rows leave and what remains is centred again.

    Both are given `_within_centred`. `narrowed` says that B loses no rows, so that any B' with B'^T B' = B^T B will do,
    and is taken if it is smaller.
    """

    def __init__(self, a: Matrix, b: Matrix, narrowed: bool) -> None:
        rotation = None
        if len(b) > b.shape[1]:
            rotation, b = (None, narrow(b.T).T) if narrowed else np.linalg.qr(b)
        left, sigma, right = np.linalg.svd(a @ b.T, full_matrices=False)
        kept = sigma > 1e-13 * sigma[0]
        self._sigma = sigma[kept]
        columns = right[kept].T if rotation is None else rotation @ right[kept].T
        self._left, self._right = _Vectors(left[:, kept]), _Vectors(columns)

    @property
    def rank(self) -> int:
        """How many singular values there are."""
        return len(self._sigma)

    def without(self, out: Indices, columns_out: Indices) -> Values:
        """The norms (G,) without the rows out (G, k) and the columns columns_out (G, l)."""
        if self.rank == 0:
            return np.zeros(len(out))
        left, left_null, left_corner = self._left.corner(out)
        right, right_null, right_corner = self._right.corner(columns_out)
        nodes = np.exp(np.arange(np.log(_LOWEST), np.log(_HIGHEST), _STEP)) * self._sigma[0]
        squares, sigma = np.square(nodes), self._sigma[:, None]
        over = np.square(sigma) + squares

        def weighted(x: Matrix, y: Matrix, weights: Matrix) -> Matrix:
            """x diag(w) y^T (T, G, k, l) for each column w of weights (rank, T)."""
            products: Matrix = np.einsum("gkr,glr->gklr", x, y).reshape(-1, self.rank)
            entries: Matrix = (products @ weights).T
            return entries.reshape(weights.shape[1], len(x), x.shape[1], y.shape[1])

        # C - V diag(sigma^2 / (sigma^2 + s^2)) V^T, written without cancellation where s is small
        rows = left_null + weighted(left, left, squares / over)
        columns = right_null + weighted(right, right, squares / over)
        mixed = weighted(left, right, sigma * nodes / over)
        corner = np.block([[rows, -mixed], [mixed.swapaxes(2, 3), columns]])
        f = _log_determinants(corner) - _log_determinants(left_corner) - _log_determinants(right_corner)

        # For large s, f falls as slowly as -c / s^2: with log(1 + c / s^2), whose integral is known, it falls as s^-4.
        lost = _trace_of_inverse_product(left_corner, weighted(left, left, np.square(sigma))[0])
        lost += _trace_of_inverse_product(right_corner, weighted(right, right, np.square(sigma))[0])
        across = weighted(left, right, sigma)[0]  # the entries of A B^T where rows and columns that leave meet
        counted_twice = across.swapaxes(1, 2) @ np.linalg.inv(left_corner) @ across
        lost = (lost - _trace_of_inverse_product(right_corner, counted_twice)).clip(0.0)
        integrand = f + np.log1p(lost / squares[:, None])
        integral = _STEP * (integrand * nodes[:, None]).sum(axis=0)
        return np.asarray(self._sigma.sum() - np.sqrt(lost) + integral / np.pi)


class _Vectors:
    """Singular vectors of a centred matrix, given within the centred subspace: (n - 1, rank)."""

    def __init__(self, vectors: Matrix) -> None:
        self._vectors = _reflected(np.concatenate([np.zeros((1, vectors.shape[1])), vectors]))

    def corner(self, out: Indices) -> tuple[Matrix, Matrix, Matrix]:
        """V_o (G, k, rank), C_oo - V_o V_o^T and C_oo (G, k, k) with C = I - 1 1^T / n, for the rows out (G, k).

        All three are turned so that the second is diagonal, with true zeros: a direction in which nothing is left is
        told by how fast its determinant vanishes, and must not drown in the rounding of the others.
        """
        rows = self._vectors[out]
        centring = np.eye(out.shape[1]) - 1.0 / len(self._vectors)
        remainder, basis = np.linalg.eigh(centring - rows @ rows.swapaxes(1, 2))
        remainder[remainder < 1e-12] = 0.0
        turned = basis.swapaxes(1, 2)
        return turned @ rows, remainder[..., None] * np.eye(out.shape[1]), turned @ centring @ basis


def _within_centred(matrix: Matrix) -> Matrix:
    """A centred matrix (n, d) in an orthonormal basis (n - 1) of what is orthogonal to 1."""
    return _reflected(matrix)[1:]


def _reflected(matrix: Matrix) -> Matrix:
    """The rows (n, d) after the reflection that exchanges 1 / sqrt(n) and the first axis."""
    normal = np.full(len(matrix), 1.0 / np.sqrt(len(matrix)))
    normal[0] -= 1.0
    return matrix - np.outer(2.0 / (normal @ normal) * normal, normal @ matrix)


def _log_determinants(matrices: Matrix) -> Values:
    """log det of positive matrices (..., k, k); rounding may have taken one that is nearly singular below zero."""
    sign, logarithm = np.linalg.slogdet(matrices)
    return np.asarray(np.where(sign > 0, logarithm, np.log(np.finfo(np.float64).eps)))


def _trace_of_inverse_product(centring: Matrix, matrices: Matrix) -> Values:
    """tr C^-1 M for centring C and matrices M, both (G, k, k)."""
    return np.asarray(np.einsum("gkl,glk->g", np.linalg.inv(centring), matrices))
