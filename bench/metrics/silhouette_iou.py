"""Silhouette IoU: does the generated object fill the outline that it was asked to fill? Needs no weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.geometry.foreground import FOREGROUND_PARAMETERS, BoolArray
from bench.metrics.declaration import SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.judged_foreground import judge_foreground

if TYPE_CHECKING:
    from torch import Tensor


def intersection_over_union(found: BoolArray, wanted: BoolArray) -> float:
    """|found and wanted| / |found or wanted| of two masks; 1 when both are empty, for then they agree."""
    union = int((found | wanted).sum())
    return int((found & wanted).sum()) / union if union else 1.0


def silhouette_iou(views: Tensor, mask: Tensor, background: tuple[float, float, float]) -> Measurement:
    """Mean over views of the IoU between the object estimated from each picture and the mesh's mask.

    `views` float (V, H, W, 3) in [0, 1], `mask` bool (V, H, W). A blank view has IoU 0. The value is NaN and the status
    'not_measurable' when no view shows the mesh. Raises `ImageError` when views and mask differ in number or size.
    """
    return judge_foreground(views, mask, background, intersection_over_union)


class SilhouetteIou(ObjectMetric):
    """Overlap of the generated foreground with the mesh's mask."""

    needs_mesh = True

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (Result("silhouette_iou", "up", "", "silhouette IoU", axis="control", worst=0.0, limits=SHARE),)

    def parameters(self) -> str:
        """How the object is found in the picture."""
        return f"{FOREGROUND_PARAMETERS} pooling=mean-of-views v1"

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's IoU, with its views. Raises `UsageError` for a sample without a mesh."""
        return {"silhouette_iou": silhouette_iou(sample.views, sample.geometry.gbuffer.mask, sample.background)}
