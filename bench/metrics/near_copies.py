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
SAME = 0.01
"""Standard deviations, root mean square, within which features are of the same pixels: arithmetic leaves far less."""


def near_copies(generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.bool_]:
    """Which generated pictures nearly copy one of the reference, bool (n,).

    Features are told in standard deviations of the reference first, so that no loud one decides. Where the reference
    has fewer than two objects, or holds its pictures twice, nobody can say what is near: the very same are marked.
    Raises `InputError` as `feature_pair` does.
    """
    rows, others = feature_pair(generated.features, reference.features)
    owners = np.unique(np.asarray(reference.clusters), return_inverse=True)[1]
    deviation = others.std(axis=0)
    deviation[deviation == 0] = 1.0
    rows, others = rows / deviation, others / deviation
    nearest = _nearest(rows, others)
    if owners.max() < 1:
        return nearest <= SAME
    apart = -negative_distance(others, others)
    apart[owners[:, None] == owners] = np.inf
    marked: npt.NDArray[np.bool_] = nearest <= max(SAME, NEAR * float(np.median(apart.min(axis=1))))
    return marked


def _nearest(rows: Matrix, others: Matrix) -> npt.NDArray[np.float64]:
    return np.asarray((-negative_distance(rows, others)).min(axis=1))
