"""Do the outlines of the views belong to one shape? Needs no mesh and no weights.

The visual hull is the largest shape that fits into all silhouettes. Views of one object are covered by its hull
completely; a view whose outline the others contradict is not, whatever is painted inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.geometry.cameras import Cameras
from bench.geometry.foreground import MESHLESS_PARAMETERS, find_silhouettes
from bench.geometry.ground import stands_elsewhere
from bench.geometry.prediction import check_views
from bench.lifting.visual_hull import hull_masks
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample

if TYPE_CHECKING:
    from torch import Tensor


def hull_iou(silhouettes: Tensor, cameras: Cameras) -> Measurement:
    """The least share, over the views, of a silhouette that the visual hull of all silhouettes covers, in [0, 1].

    `silhouettes` bool (V, H, W). The hull never leaves a silhouette, so the share is its IoU with the hull's outline.
    A view without object is 0 beside views with one. NaN and 'not_measurable' when no view shows an object, and for
    fewer than two views. Raises `ImageError` when silhouettes and cameras differ in number or size.
    """
    size = cameras.resolution
    check_views(silhouettes[..., None], silhouettes.new_zeros(len(cameras), size, size))
    area = silhouettes.sum(dim=(1, 2))
    if len(cameras) < 2 or not bool(area.any()):
        return Measurement(math.nan, "not_measurable")
    covered = hull_masks(silhouettes, cameras).sum(dim=(1, 2))
    return Measurement(float((covered.double() / area.clamp(min=1)).min()))


class HullIou(ObjectMetric):
    """Whether the outlines of the views belong to one shape: the least covered silhouette."""

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (Result("hull_iou", "up", "", "visual hull IoU", axis="consistency", worst=0.0, limits=SHARE),)

    def parameters(self) -> str:
        """How the object is found in the pictures, and how the hull is."""
        return f"{MESHLESS_PARAMETERS} hull=image-based step=1px beyond_frame=border pooling=least-view v1"

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's hull IoU; on another plain ground than the suite's it is not measurable.

        Raises `UsageError` for a sample without cameras.
        """
        if sample.cameras is None:
            raise UsageError("the outlines of views can only be compared when their cameras are known")
        if stands_elsewhere(sample.views, sample.background):
            return {"hull_iou": Measurement(math.nan, "not_measurable")}
        return {"hull_iou": hull_iou(find_silhouettes(sample.views, sample.background), sample.cameras)}
