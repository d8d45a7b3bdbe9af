"""Re-projection PSNR and SSIM (compat): what papers on multiview texturing print, to stand beside their numbers.

All views are projected back onto the mesh and blended; the same views are made again from the result and compared with
the originals over the full frame. Read it with care, and beside `loo_psnr`:

- each pixel is blended from the views that see it *including its own*, and most pixels are seen by no other: their
  error is zero by construction, so even unrelated views score well;
- the background agrees by construction and adds -10 log10(share of the frame that is foreground) dB;
- blur raises it.

Surfaces that no view sees well enough (cos(theta) under the cut-off, next to an outline) are holes. Papers do not say
what they do with them, so both answers are printed: `white` leaves the suite's background colour there, as a renderer
of an unpainted texture would; `skipped` leaves the holes out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from bench.geometry.correspondence import EROSION, MIN_COSINE, OUTLINE, Correspondence
from bench.metrics.bounding_box import bounding_box
from bench.metrics.declaration import Measurement, Result, Sample
from bench.metrics.prediction import predict
from bench.metrics.psnr import HIGHEST, psnr

SSIM_SIGMA = 1.5
SSIM_BORDER = 5  # px; half of the 11 x 11 window that the Gaussian is cut to
_INNER = slice(SSIM_BORDER, -SSIM_BORDER)


def reproject(
    views: Tensor, correspondence: Correspondence, background: tuple[float, float, float], power: float = 2.0
) -> tuple[Tensor, Tensor]:
    """The views made again from the surface that they paint together, and the holes in it.

    `views` float (V, H, W, 3) in [0, 1]. Blends all views that see a point, its own included, by cos(theta)^power.
    Holes (foreground that no view paints) and what is not foreground get the `background` colour.
    Returns the pictures, float64 (V, H, W, 3), and the holes, bool (V, H, W).
    Raises `ImageError` when the views are not of the correspondence's number and size.
    """
    blend, painted = predict(views, correspondence, power=power, own_view=True)
    colour = torch.tensor(background, dtype=torch.float64, device=views.device)
    return torch.where(painted[..., None], blend, colour), correspondence.foreground & ~painted


def psnr_per_view(views: Tensor, others: Tensor, counted: Tensor) -> tuple[float, ...]:
    """PSNR in dB (at most 58.92) of each view over its pixels in `counted`, bool (V, H, W); NaN when it has none."""
    error = (views.double() - others.double()).square().mean(dim=-1)
    sums = torch.where(counted, error, 0.0).sum(dim=(1, 2))
    return tuple(psnr(mean) for mean in (sums / counted.sum(dim=(1, 2))).tolist())


def ssim_map(views: Tensor, others: Tensor) -> Tensor:
    """Structural similarity of each pixel, (V, H - 10, W - 10): the mean over channels, without the windows' border.

    Wang et al. 2004: Gaussian 11 x 11 window of sigma 1.5, k1 = 0.01, k2 = 0.03, values in [0, 1]; float32.
    """
    count, height, width = views.shape[:3]
    similarity = torch.ones(count, height, width, dtype=torch.float32, device=views.device)
    differing = (views != others).any(dim=-1)
    for view in range(count):
        # where a window holds equal pixels SSIM is 1 exactly, and most of a picture is background that agrees
        box = bounding_box(differing[view], 2 * SSIM_BORDER)
        if box is not None:
            _, found = structural_similarity_index_measure(
                views[view][box].permute(2, 0, 1)[None].float(),
                others[view][box].permute(2, 0, 1)[None].float(),
                gaussian_kernel=True,
                sigma=SSIM_SIGMA,
                reduction="none",
                data_range=1.0,
                k1=0.01,
                k2=0.03,
                return_full_image=True,
            )
            similarity[view][box][_INNER, _INNER] = found[0].mean(dim=0)[_INNER, _INNER]
    return similarity[:, _INNER, _INNER]


def ssim_per_view(views: Tensor, others: Tensor, counted: Tensor) -> tuple[float, ...]:
    """Mean SSIM of each view over its pixels in `counted`, bool (V, H, W), less a border of 5 px; NaN if none."""
    counted = counted[:, _INNER, _INNER]
    sums = torch.where(counted, ssim_map(views, others).double(), 0.0).sum(dim=(1, 2))
    return tuple((sums / counted.sum(dim=(1, 2))).tolist())


class Reprojection:
    """The papers' back-project and re-project PSNR and SSIM, under both hole policies (compat)."""

    class Options(BaseModel):
        """Options of `reprojection`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        alpha: float = Field(2.0, ge=0.0, description="views are blended by cos(theta)^alpha")

    needs_mesh: ClassVar[bool] = True

    def __init__(self, options: Options) -> None:
        self.alpha = options.alpha

    def results(self) -> tuple[Result, ...]:
        """PSNR and SSIM under both hole policies."""
        return (
            Result("reprojection_psnr_white", "up", "dB", "re-projection PSNR, holes white (compat)"),
            Result("reprojection_psnr_skipped", "up", "dB", "re-projection PSNR, holes skipped (compat)"),
            Result("reprojection_ssim_white", "up", "", "re-projection SSIM, holes white (compat)"),
            Result("reprojection_ssim_skipped", "up", "", "re-projection SSIM, holes skipped (compat)"),
        )

    def parameters(self) -> str:
        """Weight, cut-off and mask of the projection, and the settings of SSIM."""
        return (
            f"alpha={self.alpha:g} min_cos={MIN_COSINE} erosion={EROSION}px outline={OUTLINE:g}footprints "
            f"visibility=shadow-rays frame=full pooling=mean-of-views cap={HIGHEST:.2f}dB "
            f"ssim=gaussian11,sigma{SSIM_SIGMA},k0.01,k0.03,no-border v1"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The four numbers of a sample, each with its views; `coverage` is the painted share of the foreground.

        Not measurable when no view shows the mesh. Raises `UsageError` for a sample without a mesh.
        """
        views, correspondence = sample.views, sample.geometry.correspondence
        foreground = int(correspondence.foreground.sum())
        if foreground == 0:
            return {result.name: Measurement(math.nan, "not_measurable", 0.0) for result in self.results()}
        again, holes = reproject(views, correspondence, sample.background, self.alpha)
        everywhere = torch.ones_like(holes)
        # a skipped hole must not reach its neighbours' windows either: there it holds what it is compared with
        patched = torch.where(holes[..., None], views.double(), again)
        coverage = 1.0 - int(holes.sum()) / foreground
        return {
            "reprojection_psnr_white": _measurement(psnr_per_view(views, again, everywhere), coverage),
            "reprojection_psnr_skipped": _measurement(psnr_per_view(views, again, ~holes), coverage),
            "reprojection_ssim_white": _measurement(ssim_per_view(views, again, everywhere), coverage),
            "reprojection_ssim_skipped": _measurement(ssim_per_view(views, patched, ~holes), coverage),
        }


def _measurement(per_view: tuple[float, ...], coverage: float) -> Measurement:
    mean = math.fsum(per_view) / len(per_view)
    return Measurement(mean, "not_measurable" if math.isnan(mean) else "ok", coverage, per_view)
