"""Edge recall: where the mesh has creases and parts before other parts, does the picture show edges?

`silhouette_iou` and `boundary_f` judge the outline; this looks inside it, where a generator can paint over the geometry
that it was given. Only recall can be asked for, because texture rightly adds edges. But then a picture full of edges
would be right everywhere. So the recall is set against chance: how often a place *beside* the geometry's edges has an
image edge near it. Edges of another object would say the same, but a single sample should be scored by itself, and its
own surroundings have the texture that the edges compete with; stationary texture scores 0, whatever its density.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.geometry.foreground import BoolArray
from bench.geometry.gbuffer import GBuffer
from bench.geometry.prediction import check_views
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

CREASE = 30.0  # degrees that the flat normal turns ...
REACH = 1.0 / 256  # ... from this part of the frame's side before a pixel to as much after it
GAP = 0.02  # between a part and what is behind it, off both tangent planes; objects have a longest side of 1
SHORTEST = 0.02  # of the frame's side: shorter pieces are the mesh's roughness
TOLERANCE = 0.005  # of the frame's diagonal: 3.6 px at 512, ...
LEAST_TOLERANCE = 1.5  # px: neither kind of edge is placed better than to a pixel
AROUND = 4  # tolerances from an edge is still beside it
LEAST_LENGTH = 0.5  # of the frame's side, all views together; less geometry does not speak for the object
LEAST_ROOM = 0.25  # of the pictures' places that chance leaves; see `edge_recall`

SIGMA = 1.5  # px
WEAK, STRONG = 8.0 / 255.0, 16.0 / 255.0  # height of a sharp step in luminance that Canny's two thresholds answer to


def geometry_edges(gbuffer: GBuffer) -> tuple[BoolArray, BoolArray]:
    """Thin lines at creases and at outlines of parts before other parts, bool (V, H, W), and where they are looked for.

    Places closer to the silhouette than two tolerances are left out of both: an outline against the background makes
    an image edge whatever is painted, and it is `boundary_f`'s to judge.
    """
    from scipy import ndimage
    from skimage.morphology import skeletonize

    mask = gbuffer.mask
    broken = (_creases(gbuffer) | _gaps(gbuffer)).cpu().numpy()
    shown = mask.cpu().numpy()
    side, far = mask.shape[-1], 2 * tolerance(mask)
    inside = np.stack([ndimage.distance_transform_edt(np.pad(view, 1))[1:-1, 1:-1] > far for view in shown])
    thin = [skeletonize(view) for view in broken]  # type: ignore[no-untyped-call, unused-ignore]
    lines = np.stack([_long(view, SHORTEST * side) for view in thin])
    return lines & inside, inside


def image_edges(picture: npt.NDArray[np.floating]) -> BoolArray:
    """Canny's edges, bool (H, W), of the luminance (Rec. 709 weights on sRGB) of a picture (H, W, 3) in [0, 1]."""
    from skimage.feature import canny

    luminance = picture.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])
    # what Sobel's kernel (1 2 1 times -1 0 1) answers to a blurred step of height 1 at the pixels on both sides of it
    per_height = 4.0 * (_blurred_step(1.5) - _blurred_step(-0.5))
    thresholds = WEAK * per_height, STRONG * per_height
    found: BoolArray = canny(luminance, SIGMA, *thresholds, mode="nearest")  # type: ignore[no-untyped-call, unused-ignore]
    return found


def _blurred_step(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / (math.sqrt(2.0) * SIGMA)))


def tolerance(mask: Tensor) -> float:
    """In px, of views (V, H, W)."""
    return max(TOLERANCE * math.hypot(*mask.shape[1:]), LEAST_TOLERANCE)


def edge_recall(views: Tensor, gbuffer: GBuffer) -> Measurement:
    """(recall - chance) / (1 - chance) of the geometry's edges among the image's edges, pooled over the views.

    `views` float (V, H, W, 3) in [0, 1]. Recall is the share of the geometry's edge pixels with an image edge within
    the tolerance; chance is the same of the pixels beside them, from two to `AROUND` tolerances away. 1 is every edge
    and nothing beside it, 0 is what texture reaches, and edges in the wrong place score less. Where edges are
    everywhere 1 - chance is small and would blow noise up, so that it counts as `LEAST_ROOM` at least.

    Status 'not_measurable' and NaN for objects with hardly any inner edges (a sphere), or no place beside them. Raises
    `ImageError` when the views do not fit the buffer.
    """
    check_views(views, gbuffer.mask)
    lines, inside = geometry_edges(gbuffer)
    near = tolerance(gbuffer.mask)
    hits = places = false_hits = surroundings = 0
    for picture, line, room in zip(views.cpu().numpy(), lines, inside, strict=True):
        if not line.any():
            continue
        answered = _distance_to(image_edges(picture)) <= near
        away = _distance_to(line)
        beside = room & (away > 2 * near) & (away <= AROUND * near)
        hits, places = hits + int(answered[line].sum()), places + int(line.sum())
        false_hits, surroundings = false_hits + int(answered[beside].sum()), surroundings + int(beside.sum())
    if min(places, surroundings) < LEAST_LENGTH * gbuffer.mask.shape[-1]:
        return Measurement(math.nan, "not_measurable")
    recall, chance = hits / places, false_hits / surroundings
    return Measurement((recall - chance) / max(1.0 - chance, LEAST_ROOM))


def _creases(gbuffer: GBuffer) -> Tensor:
    """Where the flat normal turns by more than `CREASE` across a pixel, along a row or a column, bool (V, H, W)."""
    mask, normal = gbuffer.mask, gbuffer.face_normal
    step = max(1, round(REACH * mask.shape[-1]))
    found = torch.zeros_like(mask)
    least = math.cos(math.radians(CREASE))
    for axis in (1, 2):
        length = mask.shape[axis] - 2 * step
        (before, after) = (normal.narrow(axis, start, length) for start in (0, 2 * step))
        both = mask.narrow(axis, 0, length) & mask.narrow(axis, 2 * step, length)
        found.narrow(axis, step, length).logical_or_(both & ((before * after).sum(dim=-1) < least))
    return found & mask


def _gaps(gbuffer: GBuffer) -> Tensor:
    """The nearer of two neighbouring pixels whose surfaces lie `GAP` apart, bool (V, H, W)."""
    mask, normal, position, depth = gbuffer.mask, gbuffer.face_normal, gbuffer.position, gbuffer.depth
    found = torch.zeros_like(mask)
    for axis in (1, 2):
        length = mask.shape[axis] - 1
        first, second = ((0, length), (1, length))
        offset = position.narrow(axis, *second) - position.narrow(axis, *first)
        # off both tangent planes: a flat surface seen at a grazing angle is far from its neighbour, not off its plane
        off = torch.minimum(*((offset * normal.narrow(axis, *part)).sum(dim=-1).abs() for part in (first, second)))
        gap = mask.narrow(axis, *first) & mask.narrow(axis, *second) & (off > GAP)
        first_nearer = depth.narrow(axis, *first) < depth.narrow(axis, *second)
        found.narrow(axis, *first).logical_or_(gap & first_nearer)
        found.narrow(axis, *second).logical_or_(gap & ~first_nearer)
    return found


def _long(lines: BoolArray, shortest: float) -> BoolArray:
    """Without connected pieces of fewer pixels."""
    from scipy import ndimage

    parts, count = ndimage.label(lines, structure=np.ones((3, 3)))
    kept: BoolArray = (np.bincount(parts.ravel(), minlength=count + 1) >= shortest)[parts] & lines
    return kept


def _distance_to(pixels: BoolArray) -> npt.NDArray[np.float64]:
    """From each place to the nearest of the pixels (H, W), in px; infinite when there are none."""
    from scipy import ndimage

    if not pixels.any():
        return np.full(pixels.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~pixels))


class EdgeRecall(ObjectMetric):
    """Edges of the picture at the mesh's inner edges, above chance."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result(
                "edge_recall",
                "up",
                "",
                "recall of inner edges above chance",
                axis="control",
                worst=0.0,
                limits=(-math.inf, 1.0),
            ),
        )

    def parameters(self) -> str:
        """Which edges the mesh has, which the picture, and what is near."""
        return (
            f"crease={CREASE:g}deg/{2 * REACH:g}*side gap={GAP:g} shortest={SHORTEST:g}*side "
            f"canny={WEAK * 255:g},{STRONG * 255:g}/255@sigma{SIGMA:g}px "
            f"tolerance={TOLERANCE:g}*diagonal>={LEAST_TOLERANCE:g}px "
            f"chance=2..{AROUND}*tolerance-beside room>={LEAST_ROOM:g} least={LEAST_LENGTH:g}*side pooling=views v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's recall above chance. Raises `UsageError` for a sample without a mesh."""
        return {"edge_recall": edge_recall(sample.views, sample.geometry.gbuffer)}
