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

from bench.geometry.channels import dot
from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.gbuffer import GBuffer
from bench.geometry.prediction import check_views
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Pairs = tuple[Tensor, Tensor]  # the pixels of each pair, int32 (n,): places in the flattened views
else:
    torch = late("torch")

STEPS = (16, 8)  # fractions of the object's size: wide enough to cross a strip blended or copied along the border
FEWEST = 200  # pairs of pixels that a comparison must rest on
FLAT = 3 * (2.0 / 255.0) ** 2  # two levels of 8 bits in each channel: less is no difference
SMOOTH = 0.7  # cosine of the angle between two points' normals: at least, for points of one smooth surface
LEVEL = 0.5  # sine of the angle under which either sees the other above or below its tangent plane: at most
SHOWN = 1.25  # ratio up to which there is no seam: 29 in 30 of the mini-world's objects stay below; a slow test asks
_DIAGONAL = math.sqrt(0.5)
_AT_ONCE = 2**15  # pairs: what fits into a cache

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


def one_surface(gbuffer: GBuffer, here: Tensor, there: Tensor) -> Tensor:
    """Whether the points that two pixels show lie on one smooth surface, bool (n,); pixels as in `surface_pairs`."""
    position, normal = gbuffer.position.reshape(-1, 3), gbuffer.face_normal.reshape(-1, 3)
    way = position.index_select(0, there) - position.index_select(0, here)
    one, other = normal.index_select(0, here), normal.index_select(0, there)
    off = torch.maximum(dot(way, one).abs(), dot(way, other).abs())
    smooth: Tensor = dot(one, other) > SMOOTH
    level: Tensor = off < LEVEL * way.norm(dim=-1)
    return smooth & level


def surface_pairs(one: Tensor, other: Tensor, gbuffer: GBuffer, step: float) -> Pairs:
    """Pairs of pixels about `step` px apart: one in `one`, the other in `other`, both bool (V, H, W), and both show one
    smooth surface.
    """
    places = torch.arange(one.numel(), dtype=torch.int32, device=one.device).view(one.shape)
    found = []
    height, width = one.shape[1:]
    for here, there in pair_places(height, width, step):
        chosen = (one[here] & other[there]) | (other[here] & one[there])
        first, second = places[here][chosen], places[there][chosen]
        smooth = one_surface(gbuffer, first, second)
        found.append((first[smooth], second[smooth]))
    nothing = places.new_empty(0)
    return torch.cat([nothing, *(pair[0] for pair in found)]), torch.cat([nothing, *(pair[1] for pair in found)])


def pair_difference(views: Tensor, pairs: Pairs) -> float:
    """Mean squared length of the colour difference of pairs of pixels; 0 when there are none. `views` (V, H, W, C)."""
    colours = views.reshape(-1, views.shape[-1]).double()
    total = 0.0
    for first, second in zip(*(torch.split(side, _AT_ONCE) for side in pairs), strict=True):
        away = (colours.index_select(0, first) - colours.index_select(0, second)).flatten()
        total += float(torch.dot(away, away))
    return total / max(len(pairs[0]), 1)


def seam_pairs(correspondence: Correspondence, gbuffer: GBuffer) -> list[list[Pairs]]:
    """For each of `STEPS`: pairs across the border of the judged surface, pairs in it, pairs beside it."""
    index = torch.arange(len(correspondence.foreground), device=correspondence.foreground.device)
    judged = correspondence.scoring_mask
    beside = correspondence.visible[index, index] & ~judged
    kinds = ((judged, beside), (judged, judged), (beside, beside))
    steps = [correspondence.object_size / fraction for fraction in STEPS]
    return [[surface_pairs(one, other, gbuffer, step) for one, other in kinds] for step in steps]


def unjudged_seam(views: Tensor, correspondence: Correspondence, gbuffer: GBuffer) -> Measurement:
    """How much more the paint changes across the border of the judged surface than on either side; 1: no more.

    `views` float (V, H, W, 3) in [0, 1]; `gbuffer` is what the correspondence was made of.
    For steps of 1/16 and 1/8 of the object's size, D is the mean squared difference of two pixels of one view a step
    apart on one smooth surface: D_across of pairs with one pixel in Omega and one interior pixel beside it, D_within
    the mean of that of pairs in Omega and of pairs outside of it. The value is the root of the mean of
    D_across / D_within, over `SHOWN`, at least 1. `coverage` is
    |Omega| / |F|; under 10 %, or with fewer than 200 pairs of a kind (nearly all is judged, or parts end where views
    do), the value is NaN and the status 'not_measurable': geometry decides that, not the picture.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    coverage = correspondence.coverage
    pairs = correspondence.keep("seam", lambda: seam_pairs(correspondence, gbuffer))
    if coverage < MIN_COVERAGE or min(len(first) for kinds in pairs for first, _ in kinds) < FEWEST:
        return Measurement(math.nan, "not_measurable", coverage)
    ratios, views = [], views.double()
    for kinds in pairs:
        across, inside, outside = (pair_difference(views, kind) for kind in kinds)
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
