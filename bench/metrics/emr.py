"""Equivalent misregistration: by how many pixels would the views have to slip to disagree as much as they do?

The same squared error is a catastrophe on smooth paint and nothing on gravel. Here the views themselves say what an
error is worth: D(delta), how much a view differs from itself a few pixels on, is the scale on which the leave-one-out
error is read. The answer is in pixels, which people can picture and which compares objects of different texture.

It reads any error as a slip: a cast or a blur of some views' outlines has its pixels too. And it misses noise, which
raises the error and the scale alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.prediction import check_views, predict
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

SHIFTS = (1, 2, 3, 4, 6, 8)  # px; the last is the largest answer
FLAT = (1.0 / 255.0) ** 2  # views that differ from themselves by less than one level of 8 bits cannot show a slip


def structure_function(views: Tensor, correspondence: Correspondence) -> tuple[float, ...]:
    """D(delta) = E |x(p) - x(p + delta)|^2 per channel, for delta in `SHIFTS` px.

    `views` float (V, H, W, C). Means over the views, over right, left, down and up, and over p in Omega whose p + delta
    is an interior pixel too; 0 where there is no such pair.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    check_views(views, correspondence.foreground)
    index = torch.arange(len(views), device=views.device)
    scored, interior = correspondence.scoring_mask, correspondence.visible[index, index]
    return tuple(_mean_difference(views.double(), scored, interior, shift) for shift in SHIFTS)


def _mean_difference(views: Tensor, scored: Tensor, interior: Tensor, shift: int) -> float:
    total, count = 0.0, 0
    for axis in (1, 2):
        length = max(views.shape[axis] - shift, 0)
        start = views.shape[axis] - length
        squared = (views.narrow(axis, start, length) - views.narrow(axis, 0, length)).square().mean(dim=-1)
        # a pair counts for each of its ends in Omega: once as a step on, once as a step back
        ends = scored.narrow(axis, start, length).int() + scored.narrow(axis, 0, length).int()
        ends = ends * (interior.narrow(axis, start, length) & interior.narrow(axis, 0, length))
        total += float((squared * ends).sum())
        count += int(ends.sum())
    return total / max(count, 1)


def emr(views: Tensor, correspondence: Correspondence) -> Measurement:
    """The slip in px, within [0, 8], at which a view differs from itself as much as from its prediction.

    `views` float (V, H, W, 3) in [0, 1]. delta* = D^-1(MSE), with MSE the mean squared error of the leave-one-view-out
    prediction over Omega of all views, and D made increasing by its running maximum. Between the measured shifts the
    root of D is interpolated linearly, from 0 at 0 px: a small slip changes smooth paint in proportion. An error above
    all of D is reported as 8 px, which reads 'at least'. `coverage` is |Omega| / |F|. Under 10 %, and for paint without
    any texture, the value is NaN and the status 'not_measurable'.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    coverage = correspondence.coverage
    scale = np.maximum.accumulate(structure_function(views, correspondence))
    if coverage < MIN_COVERAGE or scale[-1] < FLAT:
        return Measurement(math.nan, "not_measurable", coverage)
    scored = correspondence.scoring_mask
    error = float((views[scored].double() - prediction[scored]).square().mean())
    # where D has reached its height it is level, and an error of that height means the first place that reaches it
    height, first = np.unique(np.sqrt([0.0, *scale]), return_index=True)
    shift = np.array([0, *SHIFTS])[first]
    return Measurement(float(np.interp(math.sqrt(error), height, shift, right=SHIFTS[-1])), coverage=coverage)


class Emr(ObjectMetric):
    """The disagreement between views, read as a slip in pixels."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result(
                "emr", "down", "px", "equivalent misregistration", axis="consistency", limits=(0.0, float(SHIFTS[-1]))
            ),
        )

    def parameters(self) -> str:
        """The definition's constants."""
        shifts = ",".join(map(str, SHIFTS))
        return (
            f"shifts={shifts}px interpolation=root-linear flat={FLAT * 255**2:g}level^2 weight=cos^2 "
            f"{VISIBILITY} min_coverage={MIN_COVERAGE} v2"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's EMR. Raises `UsageError` for a sample without a mesh."""
        return {"emr": emr(sample.views, sample.geometry.correspondence)}
