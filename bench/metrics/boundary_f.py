"""Boundary F: does the generated object's outline run where the mesh's outline runs?

IoU counts area, and a large body forgives what happens to thin legs and ears. The boundary counts outline by its
length, so that they weigh what the eye gives them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from bench.geometry.foreground import FOREGROUND_PARAMETERS, BoolArray
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.judged_foreground import judge_foreground

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 0.0075  # of the frame's diagonal, as in the Berkeley boundary benchmark (Martin et al. 2004): 5.4 px at 512


def boundary(mask: BoolArray) -> BoolArray:
    """The pixels of a mask (H, W) with a side to a pixel that is none, or to the outside of the frame."""
    from scipy import ndimage

    found: BoolArray = mask & ~ndimage.binary_erosion(mask)
    return found


def boundary_f_measure(found: BoolArray, wanted: BoolArray, tolerance: float) -> float:
    """F-measure 2 P R / (P + R) of the boundaries of two masks (H, W).

    P is the share of the found boundary within `tolerance` px of the wanted one (Euclidean, between pixel centres), R
    the share of the wanted one within `tolerance` of the found one (Perazzi et al. 2016). Two empty masks agree: 1.
    """
    ours, theirs = boundary(found), boundary(wanted)
    if not (ours.any() and theirs.any()):
        return float(ours.any() == theirs.any())
    precision, recall = share_near(ours, theirs, tolerance), share_near(theirs, ours, tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def share_near(pixels: BoolArray, targets: BoolArray, tolerance: float) -> float:
    """The share of `pixels` (H, W) with a target within `tolerance` px. Both sets must have members."""
    from scipy import ndimage

    return float((ndimage.distance_transform_edt(~targets)[pixels] <= tolerance).mean())


def boundary_f(views: Tensor, mask: Tensor, background: tuple[float, float, float]) -> Measurement:
    """Mean over views of the boundary F between the object estimated from each picture and the mesh's mask.

    `views` float (V, H, W, 3) in [0, 1], `mask` bool (V, H, W); the tolerance is `TOLERANCE` of the frame's diagonal. A
    blank view has 0. The value is NaN and the status 'not_measurable' when no view shows the mesh. Raises `ImageError`
    when views and mask differ in number or size.
    """
    tolerance = TOLERANCE * math.hypot(*mask.shape[1:])
    return judge_foreground(views, mask, background, partial(boundary_f_measure, tolerance=tolerance))


class BoundaryF(ObjectMetric):
    """Outline of the generated foreground against that of the mesh's mask."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (Result("boundary_f", "up", "", "boundary F-measure", axis="control", worst=0.0, limits=SHARE),)

    def parameters(self) -> str:
        """The tolerance, and how the object is found in the picture."""
        return f"tolerance={TOLERANCE:g}*diagonal {FOREGROUND_PARAMETERS} pooling=mean-of-views v1"

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's F-measure, with its views. Raises `UsageError` for a sample without a mesh."""
        return {"boundary_f": boundary_f(sample.views, sample.geometry.gbuffer.mask, sample.background)}
