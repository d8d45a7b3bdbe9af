"""Leave-one-view-out PSNR: does each view agree with what the *other* views say about the same surface?

Unlike a re-projection that includes the view itself, nothing is right by construction: a pixel that no other view sees
is not scored, and a view cannot vouch for its own paint. What it does not see: blur and lack of detail, which agree
easily. `cde` is there for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.geometry.correspondence import VISIBILITY, Correspondence
from bench.geometry.prediction import predict
from bench.metrics.declaration import POSITIVE, ErrorScale, Measurement, ObjectMetric, Result, Sample
from bench.metrics.psnr import HIGHEST, psnr
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

MIN_COVERAGE = 0.1  # of the foreground; a smaller part does not speak for the object


def loo_psnr(views: Tensor, correspondence: Correspondence) -> Measurement:
    """PSNR in dB between views and their leave-one-view-out prediction, squared errors pooled over Omega of all views.

    `views` float (V, H, W, 3) in [0, 1]. The prediction weighs the other views by cos^2(theta_j). Omega is
    `correspondence.scoring_mask`; holes are never filled. At most 58.92 dB, the rounding of 8-bit pictures.
    `coverage` is |Omega| / |F|; under 10 % the value is NaN and the status 'not_measurable'.
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    prediction, _ = predict(views, correspondence)
    coverage = correspondence.coverage
    if coverage < MIN_COVERAGE:
        return Measurement(math.nan, "not_measurable", coverage)
    scored = correspondence.scoring_mask
    error = (views[scored].double() - prediction[scored]).flatten().square().mean()
    return Measurement(psnr(float(error)), coverage=coverage)


def loo_error(views: Tensor, correspondence: Correspondence) -> Tensor:
    """Root mean square over R, G, B of view - prediction at each pixel, float64 (V, H, W); NaN outside of Omega.

    Arguments and errors as `loo_psnr`, which pools the squares of exactly these.
    """
    prediction, _ = predict(views, correspondence)
    error = (views.double() - prediction).square().mean(dim=-1).sqrt()
    return torch.where(correspondence.scoring_mask, error, torch.nan)


class LooPsnr(ObjectMetric):
    """How well each view agrees with what the other views say of the same surface (leave one out)."""

    needs_mesh = True
    never_primary = MappingProxyType({"loo_psnr": "one colour all over the object wins it"})
    error_scale = ErrorScale("loo_psnr", "RMS difference of R, G, B, where white is 1", 0.25)

    def results(self) -> tuple[Result, ...]:
        """One number per sample."""
        return (
            Result(
                "loo_psnr",
                "up",
                "dB",
                "leave-one-view-out PSNR",
                axis="consistency",
                worst=0.0,
                limits=POSITIVE,
            ),
        )

    def parameters(self) -> str:
        """The definition's constants."""
        return f"weight=cos^2 {VISIBILITY} min_coverage={MIN_COVERAGE} cap={HIGHEST:.2f}dB v2"

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The sample's LOO PSNR. Raises `UsageError` for a sample without a mesh."""
        return {"loo_psnr": loo_psnr(sample.views, sample.geometry.correspondence)}

    def error_map(self, sample: Sample) -> Tensor:
        """Where each view disagrees with the others, float64 (V, H, W). Raises `UsageError` without a mesh."""
        return loo_error(sample.views, sample.geometry.correspondence)
