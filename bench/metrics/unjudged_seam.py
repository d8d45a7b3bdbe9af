"""Where the judged surface ends, does the picture change? What nobody compares must not be free.

Consistency is judged where two views see the same surface, which four views on a ring do for a third of an object. A
picture can be right there and anything elsewhere. But paint that belongs together varies across that border as it does
beside it; a photograph of something else, or a repainted strip, does not. No other view is asked, so this sees all of
the foreground's interior.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.geometry.correspondence import VISIBILITY, Correspondence
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
_DIAGONAL = math.sqrt(0.5)


def pair_difference(views: Tensor, one: Tensor, other: Tensor, step: float) -> tuple[float, int]:
    """Mean squared length of the colour difference of pixels about `step` px apart, and the number of pairs.

    `views` float (V, H, W, C). One pixel of a pair is in `one`, the other in `other`, both bool (V, H, W); pairs lie
    along rows, columns and both diagonals. 0 and 0 when there are none.
    """
    total, count = 0.0, 0
    straight, slanted = max(1, round(step)), max(1, round(step * _DIAGONAL))
    for down, right in ((0, straight), (straight, 0), (slanted, slanted), (slanted, -slanted)):
        height, width = views.shape[1] - down, views.shape[2] - abs(right)
        if height <= 0 or width <= 0:
            continue
        here = (slice(None), slice(0, height), slice(max(0, -right), max(0, -right) + width))
        there = (slice(None), slice(down, None), slice(max(0, right), max(0, right) + width))
        chosen = (one[here] & other[there]) | (other[here] & one[there])
        total += float((views[here][chosen].double() - views[there][chosen].double()).square().sum())
        count += int(chosen.sum())
    return total / max(count, 1), count


def unjudged_seam(views: Tensor, correspondence: Correspondence) -> Measurement:
    """How much more the paint changes across the border of the judged surface than on either side; 1: no more.

    `views` float (V, H, W, 3) in [0, 1]. For steps of 1/16 and 1/8 of the object's size, D is the mean squared
    difference of two pixels of one view a step apart: D_across of pairs with one pixel in Omega and one interior pixel
    beside it, D_within the mean of that of pairs in Omega and of pairs outside of it. The value is the root of the mean
    of D_across / D_within, at least 1. `coverage` is |Omega| / |F|; under 10 %, or with fewer than 200 pairs of a kind
    (nearly all is judged), the value is NaN and the status 'not_measurable': geometry decides that, not the picture.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    coverage = correspondence.coverage
    index = torch.arange(len(views), device=views.device)
    judged = correspondence.scoring_mask
    beside = correspondence.visible[index, index] & ~judged
    ratios = []
    for fraction in STEPS:
        step = correspondence.object_size / fraction
        kinds = [pair_difference(views, a, b, step) for a, b in ((judged, beside), (judged, judged), (beside, beside))]
        if coverage < MIN_COVERAGE or min(count for _, count in kinds) < FEWEST:
            return Measurement(math.nan, "not_measurable", coverage)
        across, inside, outside = (difference for difference, _ in kinds)
        ratios.append((across + FLAT) / ((inside + outside) / 2 + FLAT))
    return Measurement(max(1.0, math.sqrt(math.fsum(ratios) / len(ratios))), coverage=coverage)


class UnjudgedSeam(ObjectMetric):
    """Whether the picture changes where other views stop looking: right where it is judged alone does not pay."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (Result("unjudged_seam", "down", "", "seam round the judged surface", axis="consistency"),)

    def parameters(self) -> str:
        """Steps and floor, and the constants of visibility."""
        steps = ",".join(map(str, STEPS))
        return (
            f"steps=object/{steps} within=mean-of-parts flat={FLAT:.3g} fewest={FEWEST} least=1 {VISIBILITY} "
            f"min_coverage={MIN_COVERAGE} v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's seam. Raises `UsageError` for a sample without a mesh."""
        return {"unjudged_seam": unjudged_seam(sample.views, sample.geometry.correspondence)}
