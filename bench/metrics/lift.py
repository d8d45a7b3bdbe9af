"""Agreement of four views through LGM (compat): what papers on text-to-multiview print as lift PSNR, SSIM and LPIPS.

The views are made into Gaussians, the Gaussians rendered where the views were, and the two compared over the full
frame. Each view has had its say in what it is compared with, and the background agrees by itself: stand beside a
paper's numbers with it, rank by `hull_lift` and `hull_iou`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import UsageError, WeightsMissing
from bench.geometry.cameras import Cameras
from bench.geometry.ground import stands_elsewhere
from bench.geometry.prediction import check_views
from bench.lifting.lgm import INPUT_SIZE, LgmLifter, find_lgm
from bench.lifting.protocol import Lifter
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.lpips_distance import PINS, Lpips, Net, find_lpips
from bench.metrics.psnr import HIGHEST
from bench.metrics.repainted import not_measurable
from bench.metrics.reprojection import psnr_per_view
from bench.metrics.ssim import SSIM_SIGMA, ssim_per_view
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

_NOT_PREPARED = WeightsMissing("LGM has not been loaded", hint="call prepare(device, offline) first")


def rendered_lift(lifter: Lifter, views: Tensor, cameras: Cameras, background: tuple[float, float, float]) -> Tensor:
    """The lifted views as the same cameras see them, over the background, (V, H, W, 3) like `views`.

    A lift that failed shows nothing, and nothing over the background is the background: it is compared like any other.
    Raises `ImageError` for views that do not fit the cameras, and what the lifter raises.
    """
    size = cameras.resolution
    check_views(views, torch.empty(len(cameras), size, size))
    behind = torch.tensor(background, dtype=views.dtype, device=views.device)
    lift = lifter.lift(views, cameras, background)
    if lift is None:
        return behind.expand_as(views)
    colour, alpha = (found.to(views) for found in lift.render(cameras))
    return (colour + (1.0 - alpha[..., None]) * behind).clamp(0.0, 1.0)


class LiftAgreement(ObjectMetric):
    """PSNR, SSIM and LPIPS between views and renders of what LGM makes of them (compat).

    Without LGM's code, weights or rasteriser its results are missing; without LPIPS that one alone.
    """

    class Options(BaseModel):
        """Options of `lift`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        code: Path | None = Field(None, description="folder of a checkout of LGM; relative to the suite file")
        module: str = Field("core.unet", description="the module with LGM's class UNet, inside `code` or installed")
        net: Net = Field("alex", description="the network of LPIPS: alex or vgg")

    def __init__(self, options: Options) -> None:
        self.options = options
        self._lgm: LgmLifter | WeightsMissing = _NOT_PREPARED
        self._lpips: Lpips | WeightsMissing = _NOT_PREPARED

    def prepare(self, device: str, offline: bool) -> None:
        """Load LGM and LPIPS onto `device`; fetch nothing when `offline`."""
        self._lgm = find_lgm(self.options.code, self.options.module, device, offline)
        self._lpips = find_lpips(self.options.net, device, offline)

    def missing(self) -> Mapping[str, str]:
        """All results without LGM, LPIPS without its package or weights, each with the reason."""
        if isinstance(self._lgm, WeightsMissing):
            return {result.name: str(self._lgm) for result in self.results()}
        return {"lift_lpips": str(self._lpips)} if isinstance(self._lpips, WeightsMissing) else {}

    def results(self) -> tuple[Result, ...]:
        """Three numbers per sample."""
        return (
            Result("lift_psnr", "up", "dB", "PSNR of LGM's lift (compat)", axis="consistency", worst=0.0),
            Result("lift_ssim", "up", "", "SSIM of LGM's lift (compat)", axis="consistency", worst=0.0),
            Result("lift_lpips", "down", "", "LPIPS of LGM's lift (compat)", axis="consistency"),
        )

    def parameters(self) -> str:
        """LGM's code and weights, and the settings of the comparison."""
        lgm = "lgm missing" if isinstance(self._lgm, WeightsMissing) else self._lgm.fingerprint
        pins = PINS[self.options.net]
        return (
            f"lift={lgm} input={INPUT_SIZE}px,bilinear dtype=float32 rasteriser=gsplat compared=full-frame,own-views "
            f"cap={HIGHEST:.2f}dB ssim=gaussian11,sigma{SSIM_SIGMA},k0.01,k0.03,no-border "
            f"lpips={self.options.net},v0.1,backbone@sha256:{pins.backbone.sha256[:12]},"
            f"heads@sha256:{pins.heads_sha256[:12]} other-ground=unmeasurable v3"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """The numbers of a sample, each with its views; not measurable on another plain ground than the suite's.

        Raises `WeightsMissing` without LGM, `UsageError` for a sample without cameras or with views that LGM was not
        made for.
        """
        if isinstance(self._lgm, WeightsMissing):
            raise self._lgm
        if sample.cameras is None:
            raise UsageError("views can only be lifted when their cameras are known")
        if stands_elsewhere(sample.views, sample.background):
            return not_measurable(self.results())
        lpips = self._lpips if isinstance(self._lpips, Lpips) else None
        return agreement(sample, rendered_lift(self._lgm, sample.views, sample.cameras, sample.background), lpips)


def agreement(sample: Sample, rendered: Tensor, lpips: Lpips | None) -> dict[str, Measurement]:
    """The results for a sample and the renders of its lift; without `lpips` there is no LPIPS."""
    everywhere = torch.ones(rendered.shape[:3], dtype=torch.bool, device=rendered.device)
    found = {
        "lift_psnr": _mean(psnr_per_view(sample.views, rendered, everywhere)),
        "lift_ssim": _mean(ssim_per_view(sample.views, rendered, everywhere)),
    }
    if lpips is not None:
        found["lift_lpips"] = _mean(lpips.distances(sample.views, rendered))
    return found


def _mean(per_view: tuple[float, ...]) -> Measurement:
    return Measurement(sum(per_view) / len(per_view), per_view=per_view)
