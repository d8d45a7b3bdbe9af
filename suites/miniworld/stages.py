"""Did each stage of Realiz3D do its work? After stage 1 the two modes must look like the two domains, by measure.

A picture's domain is read in three ways, none of which knows the shifters: the fine detail of its surface, the colour
of its surface, and a linear classifier of the domains' training pictures on EfficientNet-Lite0's pooled features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.extractors.efficientnet_lite0 import pooled_extractor
from realiz3d.sampling.shifting import Shifting
from realiz3d.training.checkpoint import load_checkpoint
from suites.miniworld.gate import Pictures, base_samples, held_out_captions, rendered
from suites.miniworld.packing import Base
from suites.miniworld.world import HELD_OUT, HELD_OUT_SYNTHETIC, RICH, SYNTHETIC

_GROUND = 0.93  # a pixel whose darkest channel is lighter belongs to the white ground
_OBJECTS = 96  # training objects of each domain that the classifier learns from
_RIDGE = 1.0  # of the classifier, in units of its features' mean variance
MODES = {"real": Shifting(0.0, None), "synthetic": Shifting(1.0, None)}


@dataclass(frozen=True)
class Look:
    """Of a set of pictures: mean step between neighbouring surface pixels and mean spread of colour channels, both in
    [0, 1], and the share that the classifier takes for synthetic."""

    detail: float
    saturation: float
    synthetic_share: float


@dataclass(frozen=True)
class DomainClassifier:
    """Ridge regression of the domain on features: above 0 is synthetic."""

    weights: npt.NDArray[np.float64]
    offset: float

    @classmethod
    def fit(cls, rich: Pictures, synthetic: Pictures) -> DomainClassifier:
        """From pictures (N, V, H, W, 3) of both domains."""
        features = [_features(pictures) for pictures in (rich, synthetic)]
        rows = np.concatenate(features)
        targets = np.concatenate([np.full(len(part), sign) for part, sign in zip(features, (-1.0, 1.0), strict=True)])
        # both domains weigh the same, however many pictures they have
        middle = 0.5 * (features[0].mean(axis=0) + features[1].mean(axis=0))
        centred = rows - middle
        ridge = _RIDGE * float(centred.var(axis=0).mean()) * len(rows)
        gram = centred @ centred.T + ridge * np.eye(len(rows))
        weights = centred.T @ np.linalg.solve(gram, targets)
        return cls(weights, float(middle @ weights))

    def synthetic_share(self, pictures: Pictures) -> float:
        """Which part of the pictures looks synthetic."""
        return float((_features(pictures) @ self.weights - self.offset > 0).mean())


def look_of(pictures: Pictures, classifier: DomainClassifier) -> Look:
    """The three readings of pictures (N, V, H, W, 3)."""
    unit = pictures.astype(np.float64) / 255
    surface = unit.min(axis=-1) < _GROUND
    steps = []
    for axis in (2, 3):
        both = np.minimum(*_neighbours(surface, axis))
        before, after = _neighbours(unit.mean(axis=-1), axis)
        steps.append(np.abs(after - before)[both])
    spread = (unit.max(axis=-1) - unit.min(axis=-1))[surface]
    return Look(float(np.concatenate(steps).mean()), float(spread.mean()), classifier.synthetic_share(pictures))


def mode_pictures(checkpoint: Path, base: Base, world: Path) -> dict[str, Pictures]:
    """Held-out pictures of both domains, the base's for their captions, and those of each mode of a checkpoint.

    All without control; the modes rule all blocks at all steps.
    """
    captions = held_out_captions(world)
    model = load_checkpoint(checkpoint).model
    tuned = base.single_pictures(model.unwrap(), shifters=model.shifters, control_channels=model.control_channels)
    return {
        "held-out rich": rendered(world / HELD_OUT.folder),
        "base": base_samples(base.single_pictures(), captions),
        **{mode: base_samples(tuned, captions, shifting=shifting) for mode, shifting in MODES.items()},
        "held-out synthetic": rendered(world / HELD_OUT_SYNTHETIC.folder),
    }


def measure_modes(pictures: Mapping[str, Pictures], world: Path) -> dict[str, Look]:
    """The three readings of each set of pictures."""
    classifier = DomainClassifier.fit(
        rendered(world / RICH.folder, _OBJECTS), rendered(world / SYNTHETIC.folder, _OBJECTS)
    )
    return {name: look_of(some, classifier) for name, some in pictures.items()}


def _neighbours(values: npt.NDArray[Any], axis: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    length = values.shape[axis]
    return np.take(values, range(length - 1), axis), np.take(values, range(1, length), axis)


def _features(pictures: Pictures) -> npt.NDArray[np.float64]:
    flat = pictures.reshape(-1, *pictures.shape[2:])
    return pooled_extractor().extract(flat).astype(np.float64)
