"""Which picture is which view where there is no mesh: readings whose outlines belong to one shape, by its visual hull.

Two outlines contradict each other where no point in space can be object in both. Orders are looked for by such pairs,
and the best of them judged by the hull of all views. Those that outlines do not tell apart are held to their colours:
in the right order they agree on a rounded shape inside the hull. Even so much stays open: level views at 0, 90, 180 and
270 degrees are as good mirrored, and from any of four sides to start with. Readings that cannot be told apart score
alike; then the pictures as they lie come first, because most people's lie in order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from bench.geometry.cameras import Cameras
from bench.geometry.foreground import estimate_foreground
from bench.layouts.budget import Budget
from bench.layouts.hull_rays import Bool, Float, HullRays
from bench.layouts.order import (
    SIDE,
    WAYS,
    Reading,
    Scores,
    is_lying,
    known,
    lead_needed,
    outline_lead,
    settled,
    trusted,
    way_words,
)
from bench.layouts.tiles import straightened
from bench.lifting.rounded_hull import rounded_hull
from bench.lifting.visual_hull import hull_masks

_COARSE, _FINE, _FINE_OF_MANY = 48, 96, 64  # pixels: of pairs, of the hull of all views, of that of many views
_FEW = 8  # views: tables of rays grow with their square
_CELLS = 48  # of the shape that colours are compared on
_CLOSE = 0.03  # coverage beside the best, within which readings are looked at finely
_CLEARLY = 0.1  # of agreement, by which pictures as they lie have to be worse before another order comes first
MOST_VIEWS = 16  # of the suite, and pictures of a case: pairs of pairs grow with the fourth power
_WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class _Outlines:
    """The outlines of one object's pictures at one size, (N, S, S), and the rays of the cameras."""

    masks: Bool
    rays: HullRays

    @classmethod
    def of(cls, masks: Bool, cameras: Cameras) -> _Outlines:
        side = cameras.resolution
        picked = (np.arange(side) * masks.shape[1] + masks.shape[1] // 2) // side
        small = masks[:, picked][:, :, picked]
        ways = [straightened(mask, mirror, turn) for mask in small for mirror, turn in WAYS]
        return cls(small, HullRays(cameras, np.any(ways, axis=0)))

    def flat(self, mirror: bool, turn: int, take: Sequence[int] | None = None) -> Bool:
        """As they are looked up, once mirrored and turned; `take`: those pictures, in that order."""
        masks = self.masks if take is None else self.masks[list(take)]
        return self.rays.flat(np.stack([straightened(mask, mirror, turn) for mask in masks]))


def hull_readings(
    views: Sequence[Float], cameras: Cameras, best: int = 8, budget: Budget | None = None
) -> list[Reading]:
    """The likeliest readings, best first. `views`: for each object its pictures, (N, S, S, 3) in [0, 1] on white.

    A reading's `outline` is the share of the outlines that the hull of all of them covers, mean over views and objects;
    `agreement` is looked at where outlines leave several readings. What the `budget` did not suffice for is in its
    `missed`; without any it takes what it takes.
    """
    budget = budget or Budget()
    masks = [np.stack([estimate_foreground(picture, _WHITE) for picture in pictures]) for pictures in views]
    found = _by_outlines(masks, cameras, best, budget)
    likeliest = max(found, key=lambda reading: reading.outline)
    alike = [reading for reading in found if likeliest.outline - reading.outline < outline_lead(likeliest)]
    if len(alike) > 1:
        alike.sort(key=_plainness)
        small, seen = cameras.at_resolution(_fine_side(cameras)), {}
        with budget.stage("compare colours", len(alike)) as stage:
            for done, reading in enumerate(alike):
                if budget.spent():
                    budget.missed.append(f"the colours of {len(alike) - done} of {len(alike)} readings")
                    break
                seen[reading] = replace(reading, agreement=_agreement(views, masks, reading, small))
                stage.advance()
        if len(seen) == len(alike):  # colours of some readings say nothing beside readings that were not looked at
            found = [seen.get(reading, reading) for reading in found]
    return _plainest_first(found)[:best]


def _by_outlines(masks: Sequence[Bool], cameras: Cameras, best: int, budget: Budget) -> list[Reading]:
    """Readings with their `outline`: the likeliest of each mirroring and turn, and the pictures as they lie."""
    coarse = [_Outlines.of(outlines, cameras.at_resolution(_COARSE)) for outlines in masks]
    takes: list[tuple[float, bool, int, tuple[int, ...]]] = []
    with budget.stage("compare outlines", len(WAYS)) as stage:
        for done, (mirror, turn) in enumerate(WAYS):
            if done and budget.spent():
                ways = [way_words(*way) for way in WAYS[done:]]
                budget.missed.append(f"pictures {', '.join(ways)}")
                break
            flat = [one.flat(mirror, turn) for one in coarse]
            pairs = np.mean([one.rays.pairs(two) for one, two in zip(coarse, flat, strict=True)], axis=0)
            nothing = np.zeros((len(pairs), len(cameras)))
            orders = Scores(nothing, np.full_like(nothing, np.nan), pairs).best_orders(best)
            for take in dict.fromkeys([tuple(range(len(cameras))), *orders]):
                shares = [one.rays.covered(two[list(take)]) for one, two in zip(coarse, flat, strict=True)]
                takes.append((float(np.mean(shares)), mirror, turn, take))
            stage.advance()
    top = max(share for share, *_ in takes)
    small = cameras.at_resolution(_fine_side(cameras))
    fine = [_Outlines.of(outlines, small) for outlines in masks]
    found = []
    for share, mirror, turn, take in takes:
        if top - share <= _CLOSE:
            shares = [one.rays.covered(one.flat(mirror, turn, take)) for one in fine]
            found.append(Reading(take, mirror, turn, float(np.mean(shares)), math.nan, math.nan, "hull"))
    return found


def _fine_side(cameras: Cameras) -> int:
    return _FINE if len(cameras) <= _FEW else _FINE_OF_MANY


def _agreement(views: Sequence[Float], masks: Sequence[Bool], reading: Reading, cameras: Cameras) -> float:
    """How well colours agree on a rounded shape inside the hull, mean over objects; NaN where nothing is shared."""
    found, side = [], cameras.resolution
    for pictures, outlines in zip(views, masks, strict=True):
        picked = (np.arange(side) * pictures.shape[1] + pictures.shape[1] // 2) // side
        straight, outline = (
            np.stack([straightened(many[i], reading.mirror, reading.turn) for i in reading.take])[:, picked][
                :, :, picked
            ]
            for many in (pictures, outlines)
        )
        shape = rounded_hull(torch.from_numpy(outline), cameras, _CELLS)
        if shape is not None:
            order = tuple(range(len(cameras)))
            found.append(Scores.of([_at_side(straight)], [known(shape, cameras)]).of_order(order)[1])
    return float(np.nanmean(found)) if np.isfinite(found).any() else math.nan


def _at_side(pictures: Float) -> Float:
    """The nearest pixels at the size that agreement is looked at."""
    picked = (np.arange(SIDE) * pictures.shape[1] + pictures.shape[1] // 2) // SIDE
    return pictures[:, picked][:, :, picked]


def _plainness(reading: Reading) -> tuple[object, ...]:
    return reading.mirror, reading.turn, reading.take


def _plainest_first(found: list[Reading]) -> list[Reading]:
    """By score. What does not settle the order comes after the pictures as they lie, where outlines allow those."""
    ordered = sorted(found, key=lambda reading: -reading.total)
    if settled(ordered):
        return ordered
    likeliest = max(found, key=lambda reading: reading.outline)
    alike = [r for r in ordered if likeliest.outline - r.outline < outline_lead(likeliest)]
    lying = [r for r in alike if is_lying(r) and (not trusted(alike[0]) or alike[0].total - r.total < _CLEARLY)]
    near = [r for r in alike if alike[0].total - r.total < lead_needed(alike[0])]
    plain = lying or sorted(near, key=_plainness)[:1]
    return [*plain, *(reading for reading in ordered if reading not in plain)]


def hull_outlines(views: Float, reading: Reading, cameras: Cameras) -> npt.NDArray[np.bool_]:
    """What the hull of the pictures in that order shows in each view, bool (V, S, S) at the pictures' size."""
    straight = np.stack([straightened(views[i], reading.mirror, reading.turn) for i in reading.take])
    outlines = torch.from_numpy(np.stack([estimate_foreground(picture, _WHITE) for picture in straight]))
    masks: npt.NDArray[np.bool_] = hull_masks(outlines, cameras.at_resolution(views.shape[1])).numpy()
    return masks
