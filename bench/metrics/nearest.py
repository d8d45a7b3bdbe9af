"""The pictures of a reference nearest to each generated one, by the features that a distance is taken on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.extractors.protocol import Features
from bench.metrics.feature_pair import feature_pair, negative_distance

_ROWS = 256  # pictures at a time, whatever the size of the reference
_ENOUGH = 2000  # reference pictures that a median of distances is taken over


def nearest(
    generated: Features, reference: Features, most: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Rows of `reference` (m, d) nearest to each of `generated` (n, d), and their distances, both (n, min(most, m)).

    Distances are root mean square differences over the features as they are, nearest first, equal ones in the order of
    the reference. Raises `InputError` as `feature_pair` does.
    """
    rows, others = feature_pair(generated, reference)
    most = min(most, len(others))
    found = np.empty((len(rows), most), dtype=np.intp)
    distances = np.empty((len(rows), most))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        apart = -negative_distance(rows[part], others)
        found[part] = np.argsort(apart, axis=1, kind="stable")[:, :most]
        distances[part] = np.take_along_axis(apart, found[part], axis=1)
    return found, distances


def usual_distance(reference: Features, objects: Sequence[str]) -> float:
    """The median distance of a reference's pictures (m, d) to their nearest one of another object; NaN with but one.

    Of large references every so manieth picture is asked, against all.
    """
    rows = np.asarray(reference, dtype=np.float64)
    owners = np.unique(np.asarray(objects), return_inverse=True)[1]
    if len(owners) < 2 or owners.max() < 1:
        return math.nan
    asked = np.arange(0, len(rows), -(-len(rows) // _ENOUGH))
    closest = []
    for start in range(0, len(asked), _ROWS):
        some = asked[start : start + _ROWS]
        apart = -negative_distance(rows[some], rows)
        apart[owners[some][:, None] == owners] = np.inf
        closest.append(apart.min(axis=1))
    return float(np.median(np.concatenate(closest)))
