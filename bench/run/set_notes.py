"""What a reader should know of a distance between sets beside its value: copies, grounds, sets that say little."""

from __future__ import annotations

import numpy as np

from bench.extractors.protocol import Features
from bench.metrics.declaration import FeatureSet
from bench.metrics.near_copies import ALIKE, alike, near_copies
from bench.references.reference_set import FEW, ReferenceFeatures
from bench.references.shards import FeatureShards, blocks_of

CUT_OUT = (
    ": the distance would measure the ground. Cut the objects out (a folder: `cut_out: true`), or set views.background"
)


def on_another_ground(generator: str, samples: int, elsewhere: int) -> str:
    """How many samples stand on a plain ground that is not the suite's, as references do.

    Most of them: a distance says more of the ground than of objects. A few: an object may fill a frame.
    """
    return f"{elsewhere} of {samples} samples of '{generator}' stand on another plain ground than the suite's"


def is_constant(features: Features | FeatureShards) -> bool:
    """Whether all pictures (N, D) look the same to an extractor: a distance to them, or of them, says nothing."""
    first = features[:1]
    return all(bool((block == first).all()) for block in blocks_of(features))


def sizes(generated: FeatureSet, reference: ReferenceFeatures) -> list[str]:
    """Whether the sets are too small or too uniform for their distance to mean much."""
    notes = []
    if len(reference) < FEW and not reference.shares_objects:
        notes.append(f"the reference has {len(reference)} pictures only, and the interval does not know of that")
    if is_constant(generated.features):
        notes.append(f"all {len(generated.features)} pictures look the same to the extractor")
    return notes


def copied(
    generated: FeatureSet,
    reference: ReferenceFeatures,
    patterns: FeatureSet | None,
    reference_patterns: ReferenceFeatures | None,
) -> list[str]:
    """What a reader should know of a distance to a reference that the generator may have handed in.

    A generator's own pictures of the same objects resemble each other for good reasons, so that one is not asked.
    """
    if reference.shares_objects:
        return []
    by_features = near_copies(generated, reference)
    by_pixels = np.zeros_like(by_features)
    if patterns is not None and reference_patterns is not None:
        by_pixels = alike(patterns.features, np.asarray(reference_patterns.features)).max(axis=1) > ALIKE
    count = int((by_features | by_pixels).sum())
    if not count:
        return []
    found = f"{int(by_features.sum())} by features, {int(by_pixels.sum())} by pixels"
    return [f"{count} of {len(by_features)} pictures nearly copy the reference ({found})"]
