"""Cameras of the evaluation views, in pixels, without a renderer in sight.

World: y up, the front of an object looks along +z, objects fill a box of longest side 1 round the origin. View at
azimuth a sits at (sin a, 0, cos a) and looks at the origin: 0 front, 90 the object's left-hand side seen from +x,
180 back, 270 from -x. Camera space is x right, y down, z forward (OpenCV); pixel (row r, column c) has its centre at
(x, y) = (c + 0.5, r + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.geometry.mesh import FloatArray
from groundwork.hashing import hash_array, hash_strings
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

MARGIN = 1.1  # the unit cube's projection fills 1 / MARGIN of the frame


@dataclass(frozen=True)
class Cameras:
    """V cameras of one resolution. `world_to_camera` float64 (V, 4, 4); `intrinsics` float64 (V, 3, 3) in pixels.

    Perspective: (x, y) = (fx X / Z + cx, fy Y / Z + cy). Orthographic: (x, y) = (fx X + cx, fy Y + cy).
    """

    world_to_camera: FloatArray
    intrinsics: FloatArray
    projection: Literal["perspective", "orthographic"]
    resolution: int

    def __len__(self) -> int:
        return len(self.world_to_camera)

    @property
    def centres(self) -> FloatArray:
        """Positions of the cameras in the world, (V, 3). Orthographic ones stand at their nominal distance."""
        rotation, translation = self.world_to_camera[:, :3, :3], self.world_to_camera[:, :3, 3]
        return -(translation[:, None] @ rotation)[:, 0]

    @property
    def forward(self) -> FloatArray:
        """Viewing directions in the world, unit, (V, 3)."""
        return self.world_to_camera[:, 2, :3]

    @property
    def angles(self) -> FloatArray:
        """Azimuth in [0, 360) and elevation in [-90, 90] in degrees, (V, 2), of cameras that are not rolled."""
        right, forward = self.world_to_camera[:, 0, :3], self.forward
        azimuth = np.arctan2(-right[:, 2], right[:, 0])  # also defined straight above and below
        elevation = np.arctan2(-forward[:, 1], np.hypot(forward[:, 0], forward[:, 2]))
        return np.stack([np.rad2deg(azimuth) % 360.0, np.rad2deg(elevation)], axis=-1)

    def at_resolution(self, resolution: int) -> Cameras:
        """The same cameras with pictures of `resolution` pixels a side."""
        intrinsics = self.intrinsics.copy()
        intrinsics[:, :2] *= resolution / self.resolution
        return replace(self, intrinsics=intrinsics, resolution=resolution)

    def project(self, points: Tensor, view: int) -> tuple[Tensor, Tensor]:
        """World points (..., 3) to pixel coordinates (..., 2) and depths (...) in one view, in the points' dtype."""
        matrix = torch.as_tensor(self.world_to_camera[view], dtype=points.dtype, device=points.device)
        k = torch.as_tensor(self.intrinsics[view], dtype=points.dtype, device=points.device)
        local = points @ matrix[:3, :3].T + matrix[:3, 3]
        depth = local[..., 2]
        plane = local[..., :2] / depth[..., None] if self.projection == "perspective" else local[..., :2]
        return plane * torch.stack((k[0, 0], k[1, 1])) + k[:2, 2], depth


def cameras_digest(cameras: Cameras) -> str:
    """SHA-256 (hex) of everything that decides where the views look."""
    parts = [cameras.projection, str(cameras.resolution)]
    return hash_strings([*parts, hash_array(cameras.world_to_camera), hash_array(cameras.intrinsics)])


def _rotation(azimuth: float, elevation: float) -> FloatArray:
    a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
    forward = -np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(forward, right), forward])


def view_cameras(
    azimuths: Sequence[float] = (0.0, 90.0, 180.0, 270.0),
    elevation: float | Sequence[float] = 0.0,
    projection: Literal["perspective", "orthographic"] = "perspective",
    fov: float | Sequence[float] = 40.0,
    resolution: int = 512,
    distance: float | Sequence[float] | None = None,
    frame: float | Sequence[float] | None = None,
) -> Cameras:
    """Cameras round the object, degrees in, all framing the unit cube alike (so the scale never depends on the object).

    `elevation` in [-90, 90], `fov` (the full vertical angle, perspective only), `distance` (perspective) from the
    origin and `frame` (orthographic), its side, both in world units, are one for all views or one per view. Straight
    above or below, azimuth turns the picture: right in it is right in the level view of that azimuth. `distance` and
    `frame` None: what holds the unit cube and a margin in every view.
    """
    count = len(azimuths)
    elevations = np.broadcast_to(elevation, count)
    rotations = np.stack([_rotation(a, e) for a, e in zip(azimuths, elevations, strict=True)])
    corners = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), axis=-1).reshape(8, 3)
    local = np.einsum("vij,nj->vni", rotations, corners)
    half = np.abs(local[..., :2]).max(axis=-1) * MARGIN
    if projection == "perspective":
        tangents = np.array([np.tan(np.deg2rad(angle) / 2) for angle in np.broadcast_to(fov, count)])
        # the nearest distance at which every corner of the cube stays inside the frame less its margin
        nearest = float((half / tangents[:, None] - local[..., 2]).max())
        away = np.broadcast_to(nearest if distance is None else distance, count)
        focal = resolution / 2 / tangents
    else:
        away = np.full(count, 2.0)
        focal = resolution / np.broadcast_to(2 * float(half.max()) if frame is None else frame, count)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, :3] = rotations
    matrices[:, 2, 3] = away
    k = np.tile(np.array([[0.0, 0.0, resolution / 2], [0.0, 0.0, resolution / 2], [0.0, 0.0, 1.0]]), (count, 1, 1))
    k[:, [0, 1], [0, 1]] = focal[:, None]
    return Cameras(matrices, k, projection, resolution)
