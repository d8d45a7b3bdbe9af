"""Pictures that are the reference's own, or nearly: a distance to a reference says nothing good of its copies.

They are looked for in two ways. By features: references may ship as features without their pictures, and what lies far
closer to one of them than the reference's objects lie to each other is its copy. By pixels: the coarse pattern of light
and dark (`bench.extractors.picture_pattern`) survives what is done to hide a copy: mirroring, a crop of up to a tenth,
compression, other colours.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bench.extractors.picture_pattern import WAVES
from bench.extractors.protocol import Features
from bench.metrics.declaration import FeatureSet
from bench.metrics.feature_pair import Matrix, feature_pair, negative_distance
from bench.metrics.kept import Kept, array_bytes
from bench.references.reference_set import ReferenceFeatures
from bench.references.shards import FeatureShards

NEAR = 0.25
"""Of the median distance of a reference picture to its nearest one of another object."""
SAME = 0.01
"""Standard deviations, root mean square, within which features are of the same pixels: arithmetic leaves far less."""
ALIKE = 0.9
"""Correlation of two patterns of one picture. Of 188 photographs only two that show much the same have more, of .93."""
_COMPARED = 12  # waves along each side: finer ones change with a crop of few pixels
_CROPS = (0.95, 0.9, 0.85)  # sides of a reference picture that a copy may have kept
_PLAIN = 0.004  # below so little light and shade, patterns are noise
_ROWS = 256  # of generated pictures at a time
_ENOUGH = 2000  # pictures of a large reference that the median is taken over


def near_copies(generated: FeatureSet, reference: ReferenceFeatures) -> npt.NDArray[np.bool_]:
    """Which generated pictures nearly copy one of the reference by their features, bool (n,).

    Features are told in standard deviations of the reference first, so that no loud one decides. Where the reference
    has fewer than two objects, or holds its pictures twice, nobody can say what is near: the very same are marked.
    Raises `InputError` as `feature_pair` does.
    """
    return _nearest(generated, reference)[0]


def copied_objects(generated: FeatureSet, reference: ReferenceFeatures) -> dict[str, str]:
    """Objects of which half the pictures or more are `near_copies`, and the object of the reference that most copy."""
    marked, nearest = _nearest(generated, reference)
    if not marked.any():
        return {}
    found = {}
    for name in dict.fromkeys(generated.objects):
        own = np.array([shown == name for shown in generated.objects])
        if 2 * int((own & marked).sum()) >= int(own.sum()):
            copied = Counter(reference.clusters[index] for index in nearest[own & marked].tolist())
            found[name] = copied.most_common(1)[0][0]
    return found


def _nearest(generated: FeatureSet, reference: ReferenceFeatures) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which generated pictures nearly copy one of the reference, and the nearest one of each, (n,)."""
    of = generated.identity, reference.identity
    return _copies.get(of, lambda: _measured(generated, reference))


def _measured(
    generated: FeatureSet, reference: ReferenceFeatures
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    if isinstance(reference.features, FeatureShards):
        return _in_shards(generated, reference.features)
    rows, others = feature_pair(generated.features, reference.features)
    deviation = others.std(axis=0)
    deviation[deviation == 0] = 1.0
    rows, others = rows / deviation, others / deviation
    distances = -negative_distance(rows, others)
    nearest, distance = distances.argmin(axis=1), distances.min(axis=1)
    near = _near.get(reference.identity, lambda: _near_enough(others, reference))
    return distance <= near, nearest


def _in_shards(generated: FeatureSet, features: FeatureShards) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Block by block. What is near is told by as many pictures as suffice for a median, each against all."""
    count, mean, squares = 0, np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for block in features.blocks():
        gap, own = block.mean(axis=0) - mean, len(block)
        squares += np.square(block - block.mean(axis=0)).sum(axis=0) + np.square(gap) * (count * own / (count + own))
        mean, count = mean + gap * (own / (count + own)), count + own
    deviation = np.sqrt(squares / count)
    deviation[deviation == 0] = 1.0
    asked = np.arange(0, count, -(-count // _ENOUGH))
    rows = feature_pair(generated.features, features[asked[:2]])[0] / deviation
    some = np.asarray(features[asked], dtype=np.float64) / deviation
    nearest, distance = np.zeros(len(rows), dtype=np.intp), np.full(len(rows), np.inf)
    apart, start = np.full(len(some), np.inf), 0
    for block in features.blocks():
        others = block / deviation
        found = -negative_distance(rows, others)
        closer = found.min(axis=1) < distance
        nearest[closer] = start + found.argmin(axis=1)[closer]
        distance = np.minimum(distance, found.min(axis=1))
        between = -negative_distance(some, others)
        here = (asked >= start) & (asked < start + len(block))
        between[here, asked[here] - start] = np.inf
        apart = np.minimum(apart, between.min(axis=1))
        start += len(block)
    return distance <= max(SAME, NEAR * float(np.median(apart))), nearest


def _near_enough(others: Matrix, reference: ReferenceFeatures) -> float:
    """The distance, in deviations of the reference, within which a picture is a copy."""
    owners = np.unique(np.asarray(reference.clusters), return_inverse=True)[1]
    if owners.max() < 1:
        return SAME
    apart = -negative_distance(others, others)
    apart[owners[:, None] == owners] = np.inf
    return max(SAME, NEAR * float(np.median(apart.min(axis=1))))


# asked by several metrics on the same features, and for the notes beside each
_copies, _near = Kept[tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]](array_bytes), Kept[float](array_bytes)


def alike(patterns: Features, others: Features) -> npt.NDArray[np.float64]:
    """How well each pattern (n, 256) fits each of `others` (m, 256), or a crop or the mirror image of it: (n, m).

    The correlation of their waves, each weighted by its frequency, which takes out that low ones are strong in every
    picture; 1 for the same. 0 for pictures without light and shade.
    """
    rows = _weighted(np.asarray(patterns, dtype=np.float64).reshape(-1, WAVES, WAVES)[:, :_COMPARED, :_COMPARED])
    cropped = np.asarray(others, dtype=np.float64).reshape(-1, WAVES, WAVES)
    columns = np.stack([_weighted(down @ cropped @ across.T) for down, across in _crops()])  # (crops, m, waves)
    turned = rows * np.tile((-1.0) ** np.arange(_COMPARED), _COMPARED)  # cosines of odd number change their sign
    found = np.zeros((len(rows), len(cropped)))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        for column in columns:
            for one in (rows[part], turned[part]):
                np.maximum(found[part], one @ column.T, out=found[part])
    return found


def _weighted(waves: Matrix) -> Matrix:
    """Unit vectors (n, waves^2) of waves (n, waves, waves) without their mean; 0 where there is next to nothing."""
    number = np.arange(waves.shape[-1])
    weighted = (waves * np.hypot(number[:, None], number)).reshape(len(waves), -1)
    plain = np.sqrt(np.square(waves.reshape(len(waves), -1)[:, 1:]).sum(axis=1)) < _PLAIN
    length = np.linalg.norm(weighted, axis=1)
    return np.where(plain[:, None], 0.0, weighted / np.maximum(length, 1e-12)[:, None])


@lru_cache(maxsize=1)
def _crops() -> tuple[tuple[Matrix, Matrix], ...]:
    """For each crop, the maps (compared waves, waves) along both sides from the waves of the whole to its own."""
    starts = {side: (0.0, (1 - side) / 2, 1 - side) for side in _CROPS}
    places = [(1.0, 0.0, 0.0)] + [(side, y, x) for side, found in starts.items() for y in found for x in found]
    return tuple((_cropped(side, y), _cropped(side, x)) for side, y, x in places)


def _cropped(side: float, start: float) -> Matrix:
    """Waves of what a piece of length `side` of the unit interval shows, from those of the whole."""
    at = (np.arange(64) + 0.5) / 64
    scale = np.where(np.arange(WAVES) == 0, 1.0, np.sqrt(2.0))
    whole = np.cos(np.pi * np.arange(WAVES) * (start + side * at)[:, None]) * scale
    own = np.cos(np.pi * np.arange(_COMPARED) * at[:, None]) * scale[:_COMPARED]
    return np.asarray(own.T @ whole / len(at))
