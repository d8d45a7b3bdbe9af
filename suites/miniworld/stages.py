"""Did each stage of Realiz3D do its work? After stage 1 the two modes must look like the two domains, by measure.

A picture's domain is read in four ways, none of which knows the shifters: the fine detail of its surface, the colour
of its surface, and two linear classifiers on EfficientNet-Lite0's pooled features. The gate's learns from renders that
the base has repainted: noised half way and denoised (SDEdit), told which domain they are of. So it knows the domains
among pictures that are about as rough as what the base paints. The other learns from the renders as they are, and takes
flat colours for photographs where they are rough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from baselines.sdedit import sdedit
from bench.extractors.efficientnet_lite0 import pooled_extractor
from groundwork.hashing import seed_from
from realiz3d.data import MultiviewSamples
from realiz3d.pipeline import Realiz3DPipeline
from realiz3d.sampling.shifting import Shifting
from realiz3d.training.checkpoint import load_checkpoint
from suites.miniworld.captions import NAMED
from suites.miniworld.gate import STEPS, Pictures, base_samples, held_out_captions, pixels_of, rendered
from suites.miniworld.packing import Base
from suites.miniworld.world import HELD_OUT, HELD_OUT_SYNTHETIC, RICH, SYNTHETIC, Renders

_GROUND = 0.93  # a pixel whose darkest channel is lighter belongs to the white ground
_OBJECTS = 96  # training objects of each domain that a classifier learns from
_HALF_WAY = 500.0  # the timestep that renders are noised to: colours and outlines are known there, surfaces are not
_TOGETHER = 12  # objects that are repainted at once
_RIDGE = 1.0  # of the classifier, in units of its features' mean variance
MODES = {"real": Shifting(0.0, None), "synthetic": Shifting(1.0, None)}


@dataclass(frozen=True)
class Look:
    """Of a set of pictures: mean step between neighbouring surface pixels and mean spread of colour channels, both in
    [0, 1], and the shares taken for synthetic, by repainted renders (the gate's) and by renders as they are."""

    detail: float
    saturation: float
    synthetic_share: float
    synthetic_share_by_renders: float


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


def look_of(pictures: Pictures, by_repainted: DomainClassifier, by_renders: DomainClassifier) -> Look:
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
        by_repainted.synthetic_share(pictures),
        by_renders.synthetic_share(pictures),
    )


def mode_pictures(checkpoint: Path, base: Base, world: Path) -> dict[str, Pictures]:
    """Held-out pictures of both domains, the base's for their captions, and those of each mode of a checkpoint.

    The domains' pictures also come repainted by the base; the base's also with captions that ask for a render.
    All without control; the modes rule all blocks at all steps.
    """
    captions = held_out_captions(world)
    model = load_checkpoint(checkpoint).model
    tuned = base.single_pictures(model.unwrap(), shifters=model.shifters, control_channels=model.control_channels)
    modes = {mode: base_samples(tuned, captions, shifting=shifting) for mode, shifting in MODES.items()}
    tuned.multiview.unwrap()
    alone = base.single_pictures()
    told = [NAMED["synthetic"].format(caption) for caption in captions]
    pictures = {
        "held-out rich": rendered(world / HELD_OUT.folder),
        "held-out rich, repainted": repainted(alone, world, HELD_OUT),
        "base": base_samples(alone, captions),
        "base, told synthetic": base_samples(alone, told),
        **modes,
        "held-out synthetic, repainted": repainted(alone, world, HELD_OUT_SYNTHETIC),
        "held-out synthetic": rendered(world / HELD_OUT_SYNTHETIC.folder),
    }
    alone.multiview.unwrap()
    return pictures


def measure_modes(pictures: Mapping[str, Pictures], base: Base, world: Path) -> dict[str, Look]:
    """The four readings of each set of pictures."""
    alone = base.single_pictures()
    by_repainted = DomainClassifier.fit(*(repainted(alone, world, some, _OBJECTS) for some in (RICH, SYNTHETIC)))
    alone.multiview.unwrap()
    by_renders = DomainClassifier.fit(*(rendered(world / some.folder, _OBJECTS) for some in (RICH, SYNTHETIC)))
    return {name: look_of(some, by_repainted, by_renders) for name, some in pictures.items()}


def repainted(base: Realiz3DPipeline, world: Path, renders: Renders, objects: int | None = None) -> Pictures:
    """The views of the first `objects` (all when None) of a data set, noised half way and denoised by the base."""
    name = "synthetic" if renders.look == SYNTHETIC.look else "rich"
    samples = MultiviewSamples(world / renders.folder)
    base.set_progress_bar_config(disable=True)
    made = []
    for start in range(0, objects or len(samples), _TOGETHER):
        places = range(start, min(start + _TOGETHER, objects or len(samples)))
        redone = sdedit(
            base,
            torch.stack([samples[place].views for place in places]),
            [NAMED[name].format(samples.caption(place)) for place in places],
            t=_HALF_WAY,
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            generator=[torch.Generator().manual_seed(seed_from("repainted", renders.split, place)) for place in places],
        )
        made.append(pixels_of(redone))
    return np.concatenate(made)


def _neighbours(values: npt.NDArray[Any], axis: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    length = values.shape[axis]
    return np.take(values, range(length - 1), axis), np.take(values, range(1, length), axis)


def _features(pictures: Pictures) -> npt.NDArray[np.float64]:
    flat = pictures.reshape(-1, *pictures.shape[2:])
    return pooled_extractor().extract(flat).astype(np.float64)
