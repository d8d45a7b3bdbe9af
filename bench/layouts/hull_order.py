"""Which picture is which view where there is no mesh: readings whose outlines belong to one shape, by its visual hull.

Two outlines contradict each other where no point in space can be object in both. Orders are looked for by such pairs,
and the best of them judged by the hull of all views. Those that outlines do not tell apart are held to their colours:
in the right order they agree on a rounded shape inside the hull. Even so much stays open: level views at 0, 90, 180 and
270 degrees are as good mirrored, and from any of four sides to start with. Readings that cannot be told apart score
alike, and the plainest of them comes first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.geometry.cameras import Cameras
from bench.geometry.foreground import estimate_foreground
from bench.layouts.order import Float, Reading, Scores, known, lead_needed
from bench.layouts.tiles import straightened
from bench.lifting.rounded_hull import rounded_hull
from bench.lifting.visual_hull import hull_masks

_COARSE, _FINE = 48, 96  # pixels: of pairs, of the hull of all views
_CLOSE = 0.03  # coverage beside the best, within which readings are looked at finely
MOST_VIEWS = 8  # of the suite, and pictures of a case: pairs of pairs grow with the fourth power
_WHITE = (1.0, 1.0, 1.0)


def hull_readings(views: Sequence[Float], cameras: Cameras, best: int = 8) -> list[Reading]:
    """The likeliest readings, best first. `views`: for each object its pictures, (N, S, S, 3) in [0, 1] on white.

    A reading's `outline` is the share of the outlines that the hull of all of them covers, mean over views and objects;
    `agreement` is looked at where outlines leave several readings.
    """
    coarse, fine = cameras.at_resolution(_COARSE), cameras.at_resolution(_FINE)
    takes = []
    for mirror, turn in itertools.product((False, True), range(4)):
        masks = [_masks(pictures, mirror, turn, _COARSE) for pictures in views]
        pairs = np.mean([_pairs(outlines, coarse) for outlines in masks], axis=0)
        nothing = np.zeros((len(pairs), len(coarse)))
        for take in Scores(nothing, np.full_like(nothing, np.nan), pairs).best_orders(best):
            share = float(np.mean([_covered(outlines[list(take)], coarse) for outlines in masks]))
            takes.append((share, mirror, turn, take))
    top = max(share for share, *_ in takes)
    found = []
    for share, mirror, turn, take in takes:
        if top - share <= _CLOSE:
            masks = [_masks(pictures[list(take)], mirror, turn, _FINE) for pictures in views]
            covered = float(np.mean([_covered(outlines, fine) for outlines in masks]))
            found.append(Reading(take, mirror, turn, covered, math.nan, math.nan, "hull"))
    likeliest = max(found, key=lambda reading: reading.outline)
    alike = [reading for reading in found if likeliest.outline - reading.outline < lead_needed(likeliest)]
    if len(alike) > 1:
        seen = {reading: replace(reading, agreement=_agreement(views, reading, fine)) for reading in alike}
        found = [seen.get(reading, reading) for reading in found]
    return _plainest_first(found)[:best]


def _agreement(views: Sequence[Float], reading: Reading, cameras: Cameras) -> float:
    """How well colours agree on a rounded shape inside the hull, mean over objects; NaN where nothing is shared."""
    found = []
    for pictures in views:
        straight = np.stack([straightened(pictures[i], reading.mirror, reading.turn) for i in reading.take])
        picked = (np.arange(_FINE) * straight.shape[1] + straight.shape[1] // 2) // _FINE
        straight = straight[:, picked][:, :, picked]
        outlines = torch.from_numpy(np.stack([estimate_foreground(picture, _WHITE) for picture in straight]))
        shape = rounded_hull(outlines, cameras)
        if shape is not None:
            order = tuple(range(len(cameras)))
            found.append(Scores.of([straight], [known(shape, cameras)]).of_order(order)[1])
    return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan


def _plainest_first(found: list[Reading]) -> list[Reading]:
    """By score; among those that nothing tells apart as the pictures lie, then neither mirrored nor turned."""
    top = max(found, key=lambda reading: reading.total)
    alike = [reading for reading in found if top.total - reading.total < lead_needed(top)]
    plain = sorted(alike, key=lambda reading: (reading.mirror, reading.turn, reading.take))
    return [*plain, *sorted((r for r in found if r not in alike), key=lambda reading: -reading.total)]


def hull_outlines(views: Float, reading: Reading, cameras: Cameras) -> npt.NDArray[np.bool_]:
    """What the hull of the pictures in that order shows in each view, bool (V, S, S) at the pictures' size."""
    straight = np.stack([straightened(views[i], reading.mirror, reading.turn) for i in reading.take])
    outlines = torch.from_numpy(np.stack([estimate_foreground(picture, _WHITE) for picture in straight]))
    masks: npt.NDArray[np.bool_] = hull_masks(outlines, cameras.at_resolution(views.shape[1])).numpy()
    return masks


def _masks(pictures: Float, mirror: bool, turn: int, side: int) -> Tensor:
    """Outlines of pictures once mirrored and turned, bool (N, side, side)."""
    masks = np.stack([estimate_foreground(straightened(p, mirror, turn), _WHITE) for p in pictures])
    picked = (np.arange(side) * masks.shape[1] + masks.shape[1] // 2) // side
    return torch.from_numpy(masks[:, picked][:, :, picked])


def _pairs(outlines: Tensor, cameras: Cameras) -> Float:
    """(N, N, V, V): what the hull of pictures i as view a and j as view b covers of both."""
    count, views = len(outlines), len(cameras)
    found = np.full((count, count, views, views), np.nan)
    for a, b in itertools.combinations(range(views), 2):
        both = replace(cameras, world_to_camera=cameras.world_to_camera[[a, b]], intrinsics=cameras.intrinsics[[a, b]])
        for i, j in itertools.permutations(range(count), 2):
            found[i, j, a, b] = found[j, i, b, a] = _covered(outlines[[i, j]], both)
    return found


def _covered(outlines: Tensor, cameras: Cameras) -> float:
    """The share of outlines (V, S, S) that their hull covers, mean over the views."""
    area = outlines.sum(dim=(1, 2)).clamp(min=1)
    return float((hull_masks(outlines, cameras).sum(dim=(1, 2)).double() / area).mean())
