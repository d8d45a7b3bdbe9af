"""Where the judged surface ends, does the picture change? What nobody compares must not be free.

Consistency is judged where two views see the same surface, which four views on a ring do for a third of an object. A
picture can be right there and anything elsewhere. But paint that belongs together varies across that border as it does
beside it; a photograph of something else, or a repainted strip, does not. No other view is asked, so this sees all of
the foreground's interior.

Views also stop seeing a surface where one part of the object ends and another begins, and parts differ in colour. So
only points of one smooth surface are compared; and what the paint of whole objects still shows counts as none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.gbuffer import GBuffer
from bench.geometry.prediction import check_views
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

STEPS = (16, 8)  # fractions of the object's size: wide enough to cross a strip blended or copied along the border
FEWEST = 200  # pairs of pixels that a comparison must rest on
FLAT = 3 * (2.0 / 255.0) ** 2  # two levels of 8 bits in each channel: less is no difference
SMOOTH = 0.7  # cosine of the angle between two points' normals: at least, for points of one smooth surface
LEVEL = 0.5  # sine of the angle under which either sees the other above or below its tangent plane: at most
SHOWN = 1.25  # ratio up to which there is no seam: 29 in 30 of the mini-world's objects stay below; a slow test asks
_DIAGONAL = math.sqrt(0.5)


Place = tuple[slice, slice, slice]


def pair_places(height: int, width: int, step: float) -> list[tuple[Place, Place]]:
    """Slices of (V, H, W) that lay pixels about `step` px apart over each other: in rows, columns, both diagonals."""
    straight, slanted = max(1, round(step)), max(1, round(step * _DIAGONAL))
    places = []
    for down, right in ((0, straight), (straight, 0), (slanted, slanted), (slanted, -slanted)):
        rows, columns = height - down, width - abs(right)
        if rows > 0 and columns > 0:
            here = (slice(None), slice(0, rows), slice(max(0, -right), max(0, -right) + columns))
            there = (slice(None), slice(down, None), slice(max(0, right), max(0, right) + columns))
            places.append((here, there))
    return places


def one_surface(gbuffer: GBuffer, here: Place, there: Place) -> Tensor:
    """Whether the points that the pixels at both places show lie on one smooth surface, bool, of the places' shape."""
    way = gbuffer.position[there] - gbuffer.position[here]
    one, other = gbuffer.face_normal[here], gbuffer.face_normal[there]
    off = torch.maximum((way * one).sum(dim=-1).abs(), (way * other).sum(dim=-1).abs())
    smooth: Tensor = (one * other).sum(dim=-1) > SMOOTH
    level: Tensor = off < LEVEL * way.norm(dim=-1)
    return smooth & level


def pair_difference(views: Tensor, one: Tensor, other: Tensor, gbuffer: GBuffer, step: float) -> tuple[float, int]:
    """Mean squared length of the colour difference of pixels about `step` px apart, and the number of pairs.

    `views` float (V, H, W, C). One pixel of a pair is in `one`, the other in `other`, both bool (V, H, W), and both
    show one smooth surface. 0 and 0 when there are none.
    """
    total, count = 0.0, 0
    for here, there in pair_places(views.shape[1], views.shape[2], step):
        chosen = (one[here] & other[there]) | (other[here] & one[there])
        chosen &= one_surface(gbuffer, here, there)
        total += float((views[here][chosen].double() - views[there][chosen].double()).square().sum())
        count += int(chosen.sum())
    return total / max(count, 1), count


def unjudged_seam(views: Tensor, correspondence: Correspondence, gbuffer: GBuffer) -> Measurement:
    """How much more the paint changes across the border of the judged surface than on either side; 1: no more.

    `views` float (V, H, W, 3) in [0, 1], of the scene of `gbuffer`. For steps of 1/16 and 1/8 of the object's size, D
    is the mean squared difference of two pixels of one view a step apart on one smooth surface: D_across of pairs with
    one pixel in Omega and one interior pixel beside it, D_within the mean of that of pairs in Omega and of pairs
    outside of it. The value is the root of the mean of D_across / D_within, over `SHOWN`, at least 1. `coverage` is
    |Omega| / |F|; under 10 %, or with fewer than 200 pairs of a kind (nearly all is judged, or parts end where views
    do), the value is NaN and the status 'not_measurable': geometry decides that, not the picture.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    coverage = correspondence.coverage
    index = torch.arange(len(views), device=views.device)
    judged = correspondence.scoring_mask
    beside = correspondence.visible[index, index] & ~judged
    kinds = ((judged, beside), (judged, judged), (beside, beside))
    ratios = []
    for fraction in STEPS:
        step = correspondence.object_size / fraction
        found = [pair_difference(views, one, other, gbuffer, step) for one, other in kinds]
        if coverage < MIN_COVERAGE or min(count for _, count in found) < FEWEST:
            return Measurement(math.nan, "not_measurable", coverage)
        across, inside, outside = (difference for difference, _ in found)
        ratios.append((across + FLAT) / ((inside + outside) / 2 + FLAT))
    return Measurement(max(1.0, math.sqrt(math.fsum(ratios) / len(ratios)) / SHOWN), coverage=coverage)


class UnjudgedSeam(ObjectMetric):
    """Whether the picture changes where other views stop looking: right where it is judged alone does not pay."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result(
                "unjudged_seam",
                "down",
                "",
                "seam round the judged surface",
                axis="consistency",
                limits=(1.0, math.inf),
            ),
        )

    def parameters(self) -> str:
        """Steps and floor, and the constants of visibility."""
        steps = ",".join(map(str, STEPS))
        return (
            f"steps=object/{steps} one_surface={SMOOTH:g},{LEVEL:g} within=mean-of-parts flat={FLAT:.3g} "
            f"fewest={FEWEST} shown={SHOWN:g} {VISIBILITY} min_coverage={MIN_COVERAGE} v2"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's seam. Raises `UsageError` for a sample without a mesh."""
        scene = sample.geometry
        return {"unjudged_seam": unjudged_seam(sample.views, scene.correspondence, scene.gbuffer)}
