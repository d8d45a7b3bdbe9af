"""Pictures that are the reference's own, or nearly: a distance to a reference says nothing good of its copies.

References may ship as features without their pictures, so copies are looked for among features: a picture whose nearest
neighbour in the reference is far closer than the reference's pictures of different objects are to each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.metrics.declaration import FeatureSet
from bench.metrics.energy import negative_distance
from bench.metrics.feature_pair import Matrix, feature_pair
from bench.references.reference_set import ReferenceFeatures

NEAR = 0.25
"""Of the median distance of a reference picture to its nearest one of another object."""


def near_copies(generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.bool_]:
    """Which generated pictures nearly copy one of the reference, bool (n,).

    Features are told in standard deviations of the reference first, so that no loud one decides. None are marked where
    the reference has fewer than two objects. Raises `InputError` as `feature_pair` does.
    """
    rows, others = feature_pair(generated.features, reference.features)
    owners = np.unique(np.asarray(reference.clusters), return_inverse=True)[1]
    if owners.max() < 1:
        return np.zeros(len(rows), dtype=np.bool_)
    deviation = others.std(axis=0)
    deviation[deviation == 0] = 1.0
    rows, others = rows / deviation, others / deviation
    apart = -negative_distance(others, others)
    apart[owners[:, None] == owners] = np.inf
    marked: npt.NDArray[np.bool_] = _nearest(rows, others) < NEAR * float(np.median(apart.min(axis=1)))
    return marked


def _nearest(rows: Matrix, others: Matrix) -> npt.NDArray[np.float64]:
    return np.asarray((-negative_distance(rows, others)).min(axis=1))
