"""Did each stage of Realiz3D do its work? After stage 1 the two modes must look like the two domains, by measure.

A picture's domain is read in four ways, none of which knows the shifters: the fine detail of its surface, the colour
of its surface, and two linear classifiers on EfficientNet-Lite0's pooled features. One learns from the domains'
training renders, which are cleaner than anything a base of this size paints; the other from what the base itself paints
when the caption names the domain, so that it tells domains apart among pictures that are equally rough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.extractors.efficientnet_lite0 import pooled_extractor
from realiz3d.data import MultiviewSamples
from realiz3d.sampling.shifting import Shifting
from realiz3d.training.checkpoint import load_checkpoint
from suites.miniworld.captions import NAMED
from suites.miniworld.gate import PER_OBJECT, Pictures, base_samples, held_out_captions, rendered
from suites.miniworld.packing import Base
from suites.miniworld.world import HELD_OUT, HELD_OUT_SYNTHETIC, RICH, SYNTHETIC

_GROUND = 0.93  # a pixel whose darkest channel is lighter belongs to the white ground
_OBJECTS = 96  # training objects of each domain that a classifier learns from
_TOLD = 2  # pictures of each of them by the base, told the domain
_RIDGE = 1.0  # of the classifier, in units of its features' mean variance
MODES = {"real": Shifting(0.0, None), "synthetic": Shifting(1.0, None)}


@dataclass(frozen=True)
class Look:
    """Of a set of pictures: mean step between neighbouring surface pixels and mean spread of colour channels, both in
    [0, 1], and the shares that are taken for synthetic, by renders (the gate's) and by the base's own pictures."""

    detail: float
    saturation: float
    synthetic_share: float
    synthetic_share_by_base: float


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


def look_of(pictures: Pictures, by_renders: DomainClassifier, by_base: DomainClassifier) -> Look:
    """The four readings of pictures (N, V, H, W, 3)."""
    unit = pictures.astype(np.float64) / 255
    surface = unit.min(axis=-1) < _GROUND
    steps = []
    for axis in (2, 3):
        both = np.minimum(*_neighbours(surface, axis))
        before, after = _neighbours(unit.mean(axis=-1), axis)
        steps.append(np.abs(after - before)[both])
    spread = (unit.max(axis=-1) - unit.min(axis=-1))[surface]
    return Look(
        float(np.concatenate(steps).mean()),
        float(spread.mean()),
        by_renders.synthetic_share(pictures),
        by_base.synthetic_share(pictures),
    )


def mode_pictures(checkpoint: Path, base: Base, world: Path) -> dict[str, Pictures]:
    """Held-out pictures of both domains, the base's for their captions, and those of each mode of a checkpoint.

    The base's also as it paints when told that a render is wanted. All without control; the modes rule all blocks at
    all steps.
    """
    captions = held_out_captions(world)
    model = load_checkpoint(checkpoint).model
    tuned = base.single_pictures(model.unwrap(), shifters=model.shifters, control_channels=model.control_channels)
    told = _naming("synthetic", captions)
    return {
        "held-out rich": rendered(world / HELD_OUT.folder),
        **dict(zip(("base", "base, told synthetic"), _painted(base, [captions, told]), strict=True)),
        **{mode: base_samples(tuned, captions, shifting=shifting) for mode, shifting in MODES.items()},
        "held-out synthetic": rendered(world / HELD_OUT_SYNTHETIC.folder),
    }


def measure_modes(pictures: Mapping[str, Pictures], base: Base, world: Path) -> dict[str, Look]:
    """The four readings of each set of pictures."""
    samples = MultiviewSamples(world / RICH.folder)
    captions = [samples.caption(place) for place in range(_OBJECTS)]
    by_renders = DomainClassifier.fit(*(rendered(world / one.folder, _OBJECTS) for one in (RICH, SYNTHETIC)))
    told = [_naming(look, captions) for look in ("rich", "synthetic")]
    by_base = DomainClassifier.fit(*_painted(base, told, _TOLD))
    return {name: look_of(some, by_renders, by_base) for name, some in pictures.items()}


def _painted(base: Base, wanted: Sequence[Sequence[str]], per_caption: int = PER_OBJECT) -> list[Pictures]:
    """What the base paints for each set of captions; its transformer is free for other pipelines afterwards."""
    alone = base.single_pictures()
    made = [base_samples(alone, captions, per_caption=per_caption) for captions in wanted]
    alone.multiview.unwrap()
    return made


def _naming(look: str, captions: Sequence[str]) -> list[str]:
    return [NAMED[look].format(caption) for caption in captions]


def _neighbours(values: npt.NDArray[Any], axis: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    length = values.shape[axis]
    return np.take(values, range(length - 1), axis), np.take(values, range(1, length), axis)


def _features(pictures: Pictures) -> npt.NDArray[np.float64]:
    flat = pictures.reshape(-1, *pictures.shape[2:])
    return pooled_extractor().extract(flat).astype(np.float64)
