"""What every distance between two sets of features asks of them, checked in one place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.errors import InputError

Matrix = npt.NDArray[np.float64]


def feature_pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Matrix, Matrix]:
    """Both sets as float64 (n, d). Raises `InputError` for fewer than two rows, unequal d or values not finite."""
    first, second = _features(x, "first set"), _features(y, "second set")
    if first.shape[1] != second.shape[1]:
        raise InputError(
            f"features of {first.shape[1]} and {second.shape[1]} dimensions cannot be compared",
            expected="two sets of features of the same extractor",
        )
    return first, second


def unit_rows(features: Matrix) -> Matrix:
    """Each row of (n, d) scaled to length 1. Raises `InputError` for a row of zeros."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError("a feature vector is all zeros and has no direction", expected="features that are not zero")
    scaled: Matrix = features / lengths
    return scaled


def negative_distance(x: Matrix, y: Matrix) -> Matrix:
    """-|x - y| / sqrt(d) for all rows of x (n, d) and y (m, d), (n, m)."""
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None] - 2.0 * x @ y.T
    distances: Matrix = np.sqrt(np.maximum(squares, 0.0) / x.shape[1])
    return -distances


def _features(values: npt.ArrayLike, side: str) -> Matrix:
    features = np.asarray(values, dtype=np.float64)
    if features.ndim != 2 or features.shape[1] == 0:
        raise InputError(f"features of shape {features.shape}", where=side, expected="a matrix (pictures, dimensions)")
    if len(features) < 2:
        raise InputError(
            f"a distance between sets needs at least 2 pictures, got {len(features)}",
            where=side,
            hint="score more objects or views, or use a larger reference set",
        )
    if not np.isfinite(features).all():
        broken = int(np.count_nonzero(~np.isfinite(features).all(axis=1)))
        raise InputError(
            f"features of {broken} of {len(features)} pictures are NaN or infinite",
            where=side,
            expected="finite features",
            hint="delete the feature cache and extract again; half-precision extractors can overflow",
        )
    return features
