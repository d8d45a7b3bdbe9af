"""Re-projection PSNR, SSIM and LPIPS (compat): what papers on multiview texturing print, to stand beside their numbers.

The views of an object are made again from the surface that they paint together (`repainted.py`), and compared with the
originals over the full frame. Read it with care, and beside `loo_psnr`:

- each pixel is blended from the views that see it *including its own*, and most pixels are seen by no other: their
  error is zero by construction, so even unrelated views score well;
- the background agrees by construction and adds -10 log10(share of the frame that is foreground) dB;
- blur raises it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import WeightsMissing
from bench.geometry.channels import squared_length
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.lpips_distance import PINS, Lpips, Net, find_lpips
from bench.metrics.psnr import HIGHEST, psnr
from bench.metrics.repainted import OWN_VIEW, not_measurable, perceptual, projection_parameters, repaint
from bench.metrics.ssim import SSIM_SIGMA, mean_per_view, ssim_map
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")


def psnr_per_view(views: Tensor, others: Tensor, counted: Tensor) -> tuple[float, ...]:
    """PSNR in dB (at most 58.92) of each view over its pixels in `counted`, bool (V, H, W); NaN when it has none."""
    error = squared_length(views.double() - others.double()) / views.shape[-1]
    sums = torch.where(counted, error, 0.0).sum(dim=(1, 2))
    return tuple(psnr(mean) for mean in (sums / counted.sum(dim=(1, 2))).tolist())


class Reprojection(ObjectMetric):
    """The papers' back-project and re-project PSNR, SSIM and LPIPS, under both hole policies (compat).

    Without the weights of LPIPS, or the package, its two results are missing and the others go on.
    """

    class Options(BaseModel):
        """Options of `reprojection`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        alpha: float = Field(2.0, ge=0.0, description="views are blended by cos(theta)^alpha")
        net: Net = Field("alex", description="the network of LPIPS: alex or vgg")

    needs_mesh = True
    never_primary = MappingProxyType(
        {f"reprojection_{k}_{holes}": OWN_VIEW for k in ("psnr", "ssim", "lpips") for holes in ("white", "skipped")}
    )

    def __init__(self, options: Options) -> None:
        self.alpha = options.alpha
        self.net: Net = options.net
        self._lpips: Lpips | WeightsMissing | None = None

    def results(self) -> tuple[Result, ...]:
        """PSNR, SSIM and LPIPS under both hole policies."""
        return (
            Result(
                "reprojection_psnr_white",
                "up",
                "dB",
                "re-projection PSNR, holes white (compat)",
                axis="consistency",
                worst=0.0,
            ),
            Result(
                "reprojection_psnr_skipped",
                "up",
                "dB",
                "re-projection PSNR, holes skipped (compat)",
                axis="consistency",
                worst=0.0,
            ),
            Result(
                "reprojection_ssim_white",
                "up",
                "",
                "re-projection SSIM, holes white (compat)",
                axis="consistency",
                worst=0.0,
            ),
            Result(
                "reprojection_ssim_skipped",
                "up",
                "",
                "re-projection SSIM, holes skipped (compat)",
                axis="consistency",
                worst=0.0,
            ),
            Result(
                "reprojection_lpips_white", "down", "", "re-projection LPIPS, holes white (compat)", axis="consistency"
            ),
            Result(
                "reprojection_lpips_skipped",
                "down",
                "",
                "re-projection LPIPS, holes skipped (compat)",
                axis="consistency",
            ),
        )

    def parameters(self) -> str:
        """Weight, cut-off and mask of the projection, and the settings of SSIM and LPIPS.

        The weights of LPIPS are pinned, so the same is said whether they are there or not.
        """
        pins = PINS[self.net]
        return (
            f"{projection_parameters(self.alpha)} cap={HIGHEST:.2f}dB "
            f"ssim=gaussian11,sigma{SSIM_SIGMA},k0.01,k0.03,no-border "
            f"lpips={self.net},v0.1,backbone@sha256:{pins.backbone.sha256[:12]},heads@sha256:{pins.heads_sha256[:12]} "
            "other-ground=unmeasurable v4"
        )

    def prepare(self, device: str, offline: bool) -> None:
        """Load LPIPS onto `device`; fetch nothing when `offline`."""
        self._lpips = find_lpips(self.net, device, offline)

    def missing(self) -> Mapping[str, str]:
        """The results of LPIPS with the reason, when it is not available."""
        if not isinstance(self._lpips, WeightsMissing):
            return {}
        return {name: str(self._lpips) for name in ("reprojection_lpips_white", "reprojection_lpips_skipped")}

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The numbers of a sample, each with its views; `coverage` is the painted share of the foreground.

        Not measurable when no view shows the mesh or one stands on another plain ground than the suite's, LPIPS also on
        pictures under 32 px. Raises `UsageError` for a sample without a mesh.
        """
        made = repaint(sample, self.alpha)
        if made is None:
            return not_measurable(self.results())
        views, again, holes = made.views, made.again, made.holes
        everywhere = torch.ones_like(holes)
        similarity = ssim_map(views, again)
        without_holes = ssim_map(views, made.patched, known=(again, similarity))
        found = {
            "reprojection_psnr_white": made.measurement(psnr_per_view(views, again, everywhere)),
            "reprojection_psnr_skipped": made.measurement(psnr_per_view(views, again, ~holes)),
            "reprojection_ssim_white": made.measurement(mean_per_view(similarity, everywhere)),
            "reprojection_ssim_skipped": made.measurement(mean_per_view(without_holes, ~holes)),
        }
        if isinstance(self._lpips, Lpips):
            found |= perceptual(self._lpips, made, "reprojection_lpips")
        return found
