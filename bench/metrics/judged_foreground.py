"""Metrics that judge the object's pixels, as estimated from each picture, against the mesh's mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.geometry.foreground import BoolArray, estimate_foreground
from bench.geometry.ground import stands_elsewhere
from bench.geometry.prediction import check_views
from bench.metrics.declaration import Measurement

if TYPE_CHECKING:
    from torch import Tensor


def judge_foreground(
    views: Tensor,
    mask: Tensor,
    background: tuple[float, float, float],
    judge: Callable[[BoolArray, BoolArray], float],
) -> Measurement:
    """Mean over views of `judge(found, wanted)`: the object estimated from each picture against the mesh's mask.

    `views` float (V, H, W, 3) in [0, 1], `mask` bool (V, H, W). NaN and 'not_measurable' when no view shows the mesh
    or one stands on another plain ground than `background`.
    Raises `ImageError` when views and mask differ in number or size.
    """
    check_views(views, mask)
    if not bool(mask.any()):
        return Measurement(math.nan, "not_measurable")
    if stands_elsewhere(views, background):
        return Measurement(math.nan, "not_measurable")
    pictures, wanted = views.cpu().numpy(), mask.cpu().numpy()
    per_view = tuple(
        judge(estimate_foreground(picture, background, see_through=~shown), shown)
        for picture, shown in zip(pictures, wanted, strict=True)
    )
    return Measurement(float(np.mean(per_view)), per_view=per_view)
