"""What realism and identity should not see: size in the frame, a pixel of the outline, grain, resolution, background.

    python tests/helpers/invariance.py [--objects 12]

prints the table of docs/attacks.md: perfect renders of mini-world objects under each change, their energy distance to
the shipped photographs and their identity. Same numbers on every call.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy import ndimage

from bench.cases.miniworld.world import miniworld_cases
from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.geometry.cameras import view_cameras
from bench.geometry.rendering import render_views
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import FeatureSet, Sample
from bench.references.library import load_reference

WHITE, BLACK, GREY = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)
INTERIOR = "efficientnet_lite0_interior"


@dataclass(frozen=True)
class Change:
    """How the renders differ from 256 px on white with objects at full size."""

    resolution: int = 256
    scale: float = 1.0  # of the object in the frame, by a wider lens: the same view of it
    background: tuple[float, float, float] = WHITE
    after: Callable[[np.ndarray, np.ndarray, Change], np.ndarray] | None = None  # of views in [0, 1], and their alpha


def eroded(views: np.ndarray, alpha: np.ndarray, change: Change) -> np.ndarray:
    """Without the outermost pixels that are wholly the object's."""
    kept = np.stack([ndimage.binary_erosion(one > 0.999, np.ones((3, 3))) for one in alpha])
    return np.where(kept[..., None], views, np.asarray(change.background))


def grained(views: np.ndarray, alpha: np.ndarray, change: Change) -> np.ndarray:
    """Grain of 2 of 255 on the object."""
    return views + alpha[..., None] * 2 / 255 * np.random.default_rng(0).standard_normal(views.shape)


CHANGES: Mapping[str, Change] = {
    "none": Change(),
    "object at .9 of its size": Change(scale=0.9),
    "object at .8 of its size": Change(scale=0.8),
    "outline eroded by 1 px": Change(after=eroded),
    "grain of 2 of 255": Change(after=grained),
    "512 px": Change(resolution=512),
    "1024 px": Change(resolution=1024),
    "on grey": Change(background=GREY),
    "on black": Change(background=BLACK),
}


@dataclass(frozen=True)
class Found:
    """Under one change: the distance of all pictures, and each object's identity, (objects,)."""

    distance: float
    identity: np.ndarray


def _scaled(intrinsics: np.ndarray, scale: float) -> np.ndarray:
    """With focal lengths so many times as long: the same view of the object, smaller."""
    scaled = np.array(intrinsics)
    scaled[:, [0, 1], [0, 1]] *= scale
    return scaled


def measured(change: Change, objects: int) -> Found:
    """Of the first objects of the split that suites evaluate, from four sides."""
    cameras = view_cameras(resolution=change.resolution)
    cameras = replace(cameras, intrinsics=_scaled(cameras.intrinsics, change.scale))
    cases = miniworld_cases("eval", objects)
    prompts = tuple(case.prompt for case in cases)
    load = METRICS.load("identity")
    identity = load(load.Options(kinds="miniworld"))
    identity.see_prompts(prompts)
    identity.prepare("cpu", True)
    pictures, shares = [], []
    for case in cases:
        samples = 2 if change.resolution > 512 else 4
        rendered, alpha = render_views(case.mesh.load(), cameras, change.background, "cpu", samples)
        views = rendered / 255.0
        if change.after is not None:
            views = change.after(views, alpha, change)
        views = np.round(255.0 * np.clip(views, 0.0, 1.0)).astype(np.uint8)
        pictures += list(views)
        sample = Sample(
            torch.from_numpy(views).float() / 255.0, None, change.background, cameras, case.prompt, prompts
        )  # fmt: skip
        shares.append(identity.measure(sample)["identity"].value)
    extractor = load_extractor(INTERIOR, "cpu", True)
    loads = [partial(lambda picture: picture, picture) for picture in pictures]
    features = features_of(loads, [extractor], background=change.background)[INTERIOR]
    load = METRICS.load("ed_cluster")
    distance = load(load.Options(reference="photos", extractor=INTERIOR))
    shown = tuple(case.id for case in cases for _ in range(len(cameras)))
    # the photographs are on white; the interior's features of them are those on any background
    reference = load_reference("photo_cutouts", extractor, WHITE)
    return Found(distance.distance(FeatureSet(features, shown), reference), np.array(shares))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=12)
    objects = parser.parse_args().objects
    torch.set_num_threads(1)
    print("| change | ed_cluster to photographs | identity | largest change of an object's |\n|---|---|---|---|")
    plain = measured(CHANGES["none"], objects)
    for name, change in CHANGES.items():
        found = plain if name == "none" else measured(change, objects)
        moved = np.abs(found.identity - plain.identity).max()
        print(f"| {name} | {found.distance:.3f} | {found.identity.mean():.3f} | {moved:.3f} |", flush=True)


if __name__ == "__main__":
    main()
