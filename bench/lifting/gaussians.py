"""A cloud of 3D Gaussians as a lift. Rendering is the work of gsplat, which runs on CUDA devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import WeightsMissing
from bench.extractors.hub import needed_package
from bench.geometry.cameras import Cameras
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

LOW_PASS = 0.3  # px^2 added to every projected Gaussian, as the rasteriser that LGM was trained with does
NEAR = 0.01


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians in the world of the cameras that they are rendered with, float32.

    means      (N, 3)
    opacities  (N,)    in [0, 1]
    scales     (N, 3)  standard deviations
    rotations  (N, 4)  unit quaternions, real part first
    colours    (N, 3)  sRGB in [0, 1], the same from all sides
    """

    means: Tensor
    opacities: Tensor
    scales: Tensor
    rotations: Tensor
    colours: Tensor

    def render(self, cameras: Cameras) -> tuple[Tensor, Tensor]:
        """As `Lift.render`, float32. Raises `WeightsMissing` without gsplat."""
        device = self.means.device
        colour, alpha, _ = rasteriser().rasterization(
            self.means,
            self.rotations,
            self.scales,
            self.opacities,
            self.colours,
            torch.as_tensor(cameras.world_to_camera, dtype=torch.float32, device=device),
            torch.as_tensor(cameras.intrinsics, dtype=torch.float32, device=device),
            cameras.resolution,
            cameras.resolution,
            near_plane=NEAR,
            eps2d=LOW_PASS,
            packed=False,
        )
        return colour.clamp(0.0, 1.0), alpha[..., 0].clamp(0.0, 1.0)


def rasteriser() -> Any:
    """gsplat. Raises `WeightsMissing` that says how to install it."""
    return needed_package("gsplat", "lgm", "the rasteriser of LGM's Gaussians")


def check_rasteriser(device: str) -> None:
    """Raise `WeightsMissing` when Gaussians cannot be rendered on `device`."""
    rasteriser()
    if torch.device(device).type != "cuda":
        raise WeightsMissing(
            "LGM's Gaussians are rendered by gsplat, which runs on CUDA devices only",
            where=f"--device {device}",
            hint="use --device cuda, or the metric hull_lift, which works on any device (its own numbers, not LGM's)",
        )
