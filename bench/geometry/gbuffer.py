"""What the rasteriser knows of each pixel of each view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.geometry.cameras import Cameras

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GBuffer:
    """Per-pixel geometry of V views of one mesh, on the device that rasterised it. Background pixels hold zeros.

    depth        float64 (V, H, W)     distance along the viewing axis, 0 on the background
    face         int32   (V, H, W)     index of the visible face, -1 on the background
    barycentric  float64 (V, H, W, 3)  perspective-correct weights of the face's vertices
    position     float64 (V, H, W, 3)  surface point in the world
    normal       float64 (V, H, W, 3)  smooth unit normal in the world, turned to the camera (surfaces are two-sided)
    face_normal  float64 (V, H, W, 3)  flat unit normal in the world, turned to the camera
    cosine       float64 (V, H, W)     cos(theta): flat normal against the direction to the camera, in [0, 1]
    """

    cameras: Cameras
    depth: Tensor
    face: Tensor
    barycentric: Tensor
    position: Tensor
    normal: Tensor
    face_normal: Tensor
    cosine: Tensor

    @property
    def mask(self) -> Tensor:
        """Foreground, bool (V, H, W)."""
        return self.face >= 0
