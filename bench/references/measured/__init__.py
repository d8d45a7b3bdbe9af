"""Features of rendered reference pictures that come with the project: a cache, so that nobody waits for the same again.

A vector is found by the extractor's fingerprint and by the key that the run gives its picture, which says all that
decides the picture. What does not match exactly is rendered and measured as if nothing lay here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.extractors.protocol import Features

FOLDER = Path(__file__).parent
_KEYS = "keys"


def measured_features(fingerprint: str, keys: Sequence[str], folder: Path = FOLDER) -> Features | None:
    """Features float32 (N, D) of the pictures with these keys, in their order; None unless one file has them all."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            if fingerprint not in arrays:
                continue
            place = {key: row for row, key in enumerate(arrays[_KEYS].tolist())}
            if place.keys() >= set(keys):
                features: Features = arrays[fingerprint][[place[key] for key in keys]]
                return features
    return None


def write_measured(path: Path, keys: Sequence[str], features: Mapping[str, Features]) -> None:
    """Write features by the extractor's fingerprint, rows in the order of `keys`."""
    arrays = {_KEYS: np.array(keys), **{name: rows.astype(np.float32) for name, rows in features.items()}}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
