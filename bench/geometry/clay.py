"""Meshes without looks as grey clay: light from above the camera's left shoulder makes their shape visible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.errors import UsageError
from bench.geometry.cameras import Cameras
from bench.geometry.mesh import Mesh
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

ALBEDO = 0.6  # of light that falls on the clay, linear
AMBIENT, LAMP = 0.3, 0.7  # of the light, together 1: a surface that faces the lamp has the albedo's brightness
LAMP_DIRECTION = (-0.5, -0.6, -0.8)  # towards the lamp in camera space (x right, y down, z forward), to be normalised


def render_clay(
    mesh: Mesh, cameras: Cameras, background: tuple[float, float, float], device: str = "cpu", supersample: int = 2
) -> npt.NDArray[np.uint8]:
    """sRGB views, uint8 (V, H, W, 3), of `mesh` in Lambertian grey over `background` (sRGB in [0, 1]).

    Each camera has its own lamp; there are no shadows. A pixel is the mean of `supersample`^2 samples in sRGB, as for
    albedo. Raises `UsageError` for a device that is not there or a `supersample` below 1.
    """
    if supersample < 1:
        raise UsageError(f"supersample {supersample} takes no samples", expected="1 or more samples a side")
    views = [_clay(mesh, cameras, view, background, device, supersample) for view in range(len(cameras))]
    return (torch.stack(views) * 255.0 + 0.5).floor().to(torch.uint8).cpu().numpy()


def _clay(
    mesh: Mesh, cameras: Cameras, view: int, background: tuple[float, float, float], device: str, supersample: int
) -> Tensor:
    from bench.geometry.rasteriser import rasterise

    k = cameras.intrinsics[view : view + 1].copy()
    k[:, :2] *= supersample
    one = replace(
        cameras,
        world_to_camera=cameras.world_to_camera[view : view + 1],
        intrinsics=k,
        resolution=cameras.resolution * supersample,
    )
    seen = rasterise(mesh, one, device)
    lamp = torch.tensor(LAMP_DIRECTION, dtype=torch.float64, device=seen.normal.device)
    rotation = torch.as_tensor(one.world_to_camera[0, :3, :3], device=seen.normal.device)
    towards = rotation.T @ (lamp / lamp.norm())
    light = AMBIENT + LAMP * (seen.normal[0] @ towards).clamp(min=0.0)
    linear = ALBEDO * light
    grey = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055)
    behind = torch.tensor(background, dtype=torch.float64, device=grey.device)
    picture = torch.where(seen.mask[0][..., None], grey[..., None], behind)
    pooled = torch.nn.functional.avg_pool2d(picture.permute(2, 0, 1)[None], supersample)
    return pooled[0].permute(1, 2, 0)
