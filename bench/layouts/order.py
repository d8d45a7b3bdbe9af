"""Which picture is which view, and whether all are mirrored or turned: every reading tried against the meshes.

Three things are looked at, on small pictures, for each of the eight ways to mirror and turn:

- *outline*: the object's silhouette in a picture against the mesh's in a view (intersection over union);
- *agreement*: where two views see one point of the surface, pictures that belong there have one colour (correlation
  over all such points). It needs nothing but the geometry, and tells front from back where outlines cannot;
- *look*: the picture against the mesh's own texture in that view (correlation), where it has one.

Their sum is what readings are ordered by. How far the best is before the next tells whether the question is settled:
a bottle looks the same from all sides.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy.optimize import linear_sum_assignment

from bench.geometry.cameras import Cameras
from bench.geometry.foreground import estimate_foreground
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_views
from bench.layouts.budget import Budget
from bench.layouts.tiles import straightened

Float = npt.NDArray[np.float64]

SIDE = 96  # pixels; outlines and broad colours are all that is asked for
SETTLED = 0.02  # lead over the next reading from which it is believed
_SETTLED_BY_HULL = 0.005
_SETTLED_BY_COLOURS = 0.03  # of agreement on a guessed shape: turned about, the same reading differs by .002
_TRUSTED_COLOURS = 0.8  # boxes and mugs on a level ring reach .79 in a wrong order, painted round things .86 and more
_MOST_READINGS = 50_000
_WHITE = (1.0, 1.0, 1.0)
WAYS = tuple(itertools.product((False, True), range(4)))
"""To mirror and turn pictures, the plainest first."""


@dataclass(frozen=True)
class Reading:
    """`take[v]` is the picture of view v, once mirrored and turned (quarter turns counter-clockwise). Scores: mean.

    `by` says what the outlines were held against: the mesh's, or those of the pictures' own visual hull.
    """

    take: tuple[int, ...]
    mirror: bool
    turn: int
    outline: float
    agreement: float
    look: float
    by: Literal["mesh", "hull"] = "mesh"

    @property
    def total(self) -> float:
        """What readings are ordered by; what cannot be seen counts as 0."""
        return sum(value for value in (self.outline, self.agreement, self.look) if not math.isnan(value))


@dataclass(frozen=True)
class Known:
    """A mesh in the suite's views, small: `mask` (V, S, S), `look` (V, S, S, 3) or None, and pairs of seen points.

    `pairs[a, b]` are flat pixel indices of view a, and those of view b that see the same points.
    """

    mask: npt.NDArray[np.bool_]
    look: Float | None
    pairs: dict[tuple[int, int], tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


def known(mesh: Mesh, cameras: Cameras) -> Known:
    """What is to be seen of a mesh (normalised)."""
    small = cameras.at_resolution(SIDE)
    gbuffer = rasterise(mesh, small)
    look = render_views(mesh, small, _WHITE, "cpu", 2)[0] / 255.0 if mesh.has_appearance else None
    pairs = {(a, b): _pairs(gbuffer, a, b) for a, b in itertools.permutations(range(len(small)), 2)}
    return Known(gbuffer.mask.numpy(), look, pairs)


def _pairs(gbuffer: GBuffer, a: int, b: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pixels of view a whose surface view b sees too, and where."""
    seen = torch.nonzero(gbuffer.mask[a].reshape(-1) & (gbuffer.cosine[a].reshape(-1) > 0.3))[:, 0]
    xy, depth = gbuffer.cameras.project(gbuffer.position[a].reshape(-1, 3)[seen], b)
    column, row = xy.floor().long().unbind(-1)
    inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
    there = (row.clamp(0, SIDE - 1) * SIDE + column.clamp(0, SIDE - 1)).long()
    near = (gbuffer.depth[b].reshape(-1)[there] - depth).abs() < 0.03
    fair = gbuffer.cosine[b].reshape(-1)[there] > 0.3
    kept = inside & near & fair & gbuffer.mask[b].reshape(-1)[there]
    return seen[kept].numpy(), there[kept].numpy()


def way_words(mirror: bool, turn: int) -> str:
    """One of `WAYS`: 'mirrored turned by 90°'."""
    return " ".join(["mirrored"] * mirror + [f"turned by {90 * turn}°"] * (turn > 0))


def settled(found: Sequence[Reading]) -> bool:
    """Whether the best reading leads by enough to be believed.

    By the hull, the next has to leave twice as much of the outlines uncovered: views that do not quite belong to one
    shape cannot settle what is closer than that. Colours settle it only where they agree well on the guessed shape.
    """
    if len(found) < 2:
        return True
    return trusted(found[0]) and found[0].total - found[1].total >= lead_needed(found[0])


def trusted(best: Reading) -> bool:
    """Whether colours say something: on a guessed shape that is not the object's they agree by chance."""
    return best.by == "mesh" or math.isnan(best.agreement) or best.agreement >= _TRUSTED_COLOURS


def lead_needed(best: Reading) -> float:
    """Over the next reading; see `settled`."""
    if best.by == "mesh":
        return SETTLED
    return outline_lead(best) if math.isnan(best.agreement) else max(_SETTLED_BY_COLOURS, 1 - best.outline)


def outline_lead(best: Reading) -> float:
    """By how much of its hull's outlines a reading has to lead where outlines alone are looked at."""
    return max(_SETTLED_BY_HULL, 1 - best.outline)


def is_lying(reading: Reading) -> bool:
    """Whether it takes the pictures as they lie: the first ones, in order, neither mirrored nor turned."""
    return reading.take == tuple(range(len(reading.take))) and not reading.mirror and not reading.turn


def scale_of(views: Sequence[Float], objects: Sequence[Known]) -> float:
    """How large objects are in the pictures, beside the meshes in the suite's views: the root of their areas' ratio."""
    shown = np.mean([np.mean([estimate_foreground(p, _WHITE).mean() for p in pictures]) for pictures in views])
    wanted = np.mean([thing.mask.mean() for thing in objects])
    return float(np.sqrt(shown / wanted)) if shown > 0 and wanted > 0 else 1.0


def rescaled(pictures: Float, factor: float) -> Float:
    """Pictures (N, S, S, 3) in [0, 1] enlarged by `factor` about their middle, on white."""
    side = pictures.shape[1]
    half = side / 2
    box = (half - half / factor, half - half / factor, half + half / factor, half + half / factor)

    def moved(picture: Float) -> Float:
        image = Image.fromarray(np.rint(255 * picture).astype(np.uint8))
        corners = (box[0], box[1], box[0], box[3], box[2], box[3], box[2], box[1])
        found = image.transform(
            (side, side), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR, fillcolor="white"
        )
        return np.asarray(found) / 255.0

    return np.stack([moved(picture) for picture in pictures])


def readings(
    views: Sequence[Float], objects: Sequence[Known], best: int = 8, budget: Budget | None = None
) -> list[Reading]:
    """The likeliest readings, best first. `views`: for each object its pictures, (N, S, S, 3) in [0, 1] on white.

    Among readings that are about equally good the pictures as they lie come first. What the `budget` did not suffice
    for is in its `missed`.
    """
    budget = budget or Budget()
    found: list[Reading] = []
    with budget.stage("compare with the meshes", len(WAYS)) as stage:
        for done, (mirror, turn) in enumerate(WAYS):
            if done and budget.spent():
                budget.missed.append(f"pictures {', '.join(way_words(*way) for way in WAYS[done:])}")
                break
            moved = [np.stack([straightened(view, mirror, turn) for view in many]) for many in views]
            scores = Scores.of(moved, objects)
            lying = tuple(range(scores.outline.shape[1]))
            orders = dict.fromkeys([*scores.best_orders(best), *([lying] if (mirror, turn) == WAYS[0] else [])])
            found += [Reading(take, mirror, turn, *scores.of_order(take)) for take in orders]
            stage.advance()
    ordered = sorted(found, key=lambda reading: -reading.total)
    near = [r for r in ordered if is_lying(r) and ordered[0].total - r.total < SETTLED]
    return [*near, *(reading for reading in ordered if reading not in near)][:best]


@dataclass(frozen=True)
class Scores:
    """How well pictures fit views: outline, look (N, V), and pairs of them: agreement (N, N, V, V). NaN: not seen.

    `agreement[i, j, a, b]` is of picture i as view a beside picture j as view b.
    """

    outline: Float
    look: Float
    agreement: Float

    @classmethod
    def of(cls, views: Sequence[Float], objects: Sequence[Known]) -> Scores:
        """Against meshes: mean over objects, whose pictures are `views`, (N, S, S, 3) each."""
        outlines, looks, agreements = [], [], []
        for pictures, thing in zip(views, objects, strict=True):
            masks = np.stack([estimate_foreground(picture, _WHITE) for picture in pictures])
            both = (masks[:, None] & thing.mask).sum(axis=(2, 3))
            outlines.append(both / np.maximum(1, (masks[:, None] | thing.mask).sum(axis=(2, 3))))
            looks.append(_looks(pictures, thing))
            agreements.append(_agreements(pictures.reshape(len(pictures), -1, 3), thing))
        seen = np.isfinite(agreements)
        summed = np.where(seen, agreements, 0.0).sum(axis=0)
        pairs = np.where(seen.any(axis=0), summed / np.maximum(1, seen.sum(axis=0)), np.nan)
        return cls(np.mean(outlines, axis=0), np.mean(looks, axis=0), pairs)

    def of_order(self, take: tuple[int, ...]) -> tuple[float, float, float]:
        """Outline, agreement and look of one order, mean over its views or pairs of views."""
        places = np.arange(len(take))
        pairs = np.array([self.agreement[take[a], take[b], a, b] for a, b in itertools.permutations(places, 2)])
        agreement = float(np.nanmean(pairs)) if np.isfinite(pairs).any() else math.nan
        return float(self.outline[take, places].mean()), agreement, float(self.look[take, places].mean())

    def best_orders(self, count: int) -> list[tuple[int, ...]]:
        """The best orders by the sum of all three: all of them where they are few, else by swaps from good starts."""
        pictures, views = self.outline.shape
        alone = self.outline + np.nan_to_num(self.look)
        together = np.nan_to_num(self.agreement)
        seen = np.isfinite(self.agreement).all(axis=(0, 1))
        weight = max(1, int(seen.sum()))
        if math.perm(pictures, views) <= _MOST_READINGS:
            orders = np.array(list(itertools.permutations(range(pictures), views)))
        else:
            orders = self._good_starts(alone, together, weight)
        totals = _totals(orders, alone, together, weight)
        return [tuple(map(int, orders[i])) for i in np.argsort(-totals, kind="stable")[:count]]

    def _good_starts(self, alone: Float, together: Float, weight: int) -> npt.NDArray[np.int64]:
        pictures, views = alone.shape
        starts = [linear_sum_assignment(-alone.T)[1]]
        for step in (1, -1):
            starts += [(start + step * np.arange(views)) % pictures for start in range(pictures)]
        return np.unique([_swapped(np.array(start), alone, together, weight) for start in starts], axis=0)


def _swapped(order: npt.NDArray[np.int64], alone: Float, together: Float, weight: int) -> npt.NDArray[np.int64]:
    """The order after every swap of two views, and every picture from outside, that makes it better."""
    spare = [p for p in range(len(alone)) if p not in set(order.tolist())]
    while True:
        tries = [order]
        for a, b in itertools.combinations(range(len(order)), 2):
            other = order.copy()
            other[[a, b]] = other[[b, a]]
            tries.append(other)
        for a, p in itertools.product(range(len(order)), spare):
            other = order.copy()
            other[a] = p
            tries.append(other)
        best = int(np.argmax(_totals(np.array(tries), alone, together, weight)))
        if best == 0:
            return order
        order = tries[best]
        spare = [p for p in range(len(alone)) if p not in set(order.tolist())]


def _totals(orders: npt.NDArray[np.int64], alone: Float, together: Float, weight: int) -> Float:
    views = orders.shape[1]
    total = alone[orders, np.arange(views)].mean(axis=1)
    for a, b in itertools.permutations(range(views), 2):
        total = total + together[orders[:, a], orders[:, b], a, b] / weight
    return np.asarray(total, dtype=np.float64)


def _looks(pictures: Float, thing: Known) -> Float:
    """(N, V) correlations of colours inside the mesh's outline; NaN without a look."""
    if thing.look is None:
        return np.full((len(pictures), len(thing.mask)), np.nan)
    found = [[_correlation(p[m], truth[m]) for truth, m in zip(thing.look, thing.mask, strict=True)] for p in pictures]
    return np.array(found)


def _agreements(flat: Float, thing: Known) -> Float:
    """(N, N, V, V) correlations of the colours of one point in two pictures; NaN where two views share too little."""
    count, views = len(flat), len(thing.mask)
    found = np.full((count, count, views, views), np.nan)
    for (a, b), (here, there) in thing.pairs.items():
        if len(here) < 12:
            continue
        first, second = flat[:, here].reshape(count, -1), flat[:, there].reshape(count, -1)
        first, second = (x - x.mean(axis=1, keepdims=True) for x in (first, second))
        norms = np.linalg.norm(first, axis=1)[:, None] * np.linalg.norm(second, axis=1)
        found[:, :, a, b] = first @ second.T / np.maximum(norms, 1e-9)
    return found


def _correlation(one: Float, other: Float) -> float:
    a, b = (one - one.mean()).ravel(), (other - other.mean()).ravel()
    return float(a @ b / max(1e-9, float(np.linalg.norm(a) * np.linalg.norm(b))))
