"""The readable reference of the rasteriser: every pixel's ray against every face in the world, fp64, nothing clever.

It shares no formula with the kernels: rays come from the inverse of the cameras, hits from Moller and Trumbore (1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.geometry.cameras import Cameras
from bench.geometry.mesh import Mesh


@dataclass(frozen=True)
class BruteForce:
    """(V, H, W) buffers. `clear` marks pixels whose answer no rounding could turn: no edge and no rival within 1e-7."""

    face: Tensor
    depth: Tensor
    barycentric: Tensor
    clear: Tensor


def primary_rays(cameras: Cameras, view: int) -> tuple[Tensor, Tensor]:
    """Origins and directions (H, W, 3) of a view's rays; directions advance one unit of depth."""
    centre = torch.arange(cameras.resolution, dtype=torch.float64) + 0.5
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    k = cameras.intrinsics[view]
    x, y = (x - k[0, 2]) / k[0, 0], (y - k[1, 2]) / k[1, 1]
    to_world = torch.from_numpy(np.linalg.inv(cameras.world_to_camera[view]))
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    if cameras.projection == "perspective":
        origin, direction = torch.stack((zero, zero, zero), -1), torch.stack((x, y, one), -1)
    else:
        origin, direction = torch.stack((x, y, zero), -1), torch.stack((zero, zero, one), -1)
    return origin @ to_world[:3, :3].T + to_world[:3, 3], direction @ to_world[:3, :3].T


def brute_force(mesh: Mesh, cameras: Cameras) -> BruteForce:
    """Nearest hit of every pixel; faces behind a perspective camera do not count."""
    a, b, c = torch.from_numpy(mesh.vertices)[torch.from_numpy(mesh.faces).long()].unbind(1)
    views = [_view(a, b - a, c - a, cameras, view) for view in range(len(cameras))]
    return BruteForce(*(torch.stack(parts) for parts in zip(*views, strict=True)))


def _view(a: Tensor, ab: Tensor, ac: Tensor, cameras: Cameras, view: int) -> tuple[Tensor, ...]:
    origin, direction = (ray[:, :, None] for ray in primary_rays(cameras, view))  # (H, W, 1, 3)
    p = torch.linalg.cross(direction.expand(-1, -1, len(a), -1), ac.expand(*direction.shape[:2], -1, -1))
    determinant = (ab * p).sum(-1)
    away = origin - a
    u = (away * p).sum(-1) / determinant
    q = torch.linalg.cross(away, ab.expand_as(away))
    v = (direction * q).sum(-1) / determinant
    depth = (ac * q).sum(-1) / determinant

    weights = torch.stack((1 - u - v, u, v), -1)
    inside = weights.amin(-1)
    in_front = depth > 1e-6 if cameras.projection == "perspective" else torch.ones_like(depth, dtype=torch.bool)
    nearest = torch.where((inside >= 0) & in_front, depth, torch.inf)
    depth_of_hit, face = nearest.min(dim=-1)
    hit = depth_of_hit.isfinite()

    # a face whose border passes close by could win or lose by rounding, if it is not hidden anyway
    borderline = (inside.abs() < 1e-7) & in_front & (depth < depth_of_hit[..., None] + 1e-7)
    rival = (nearest - depth_of_hit[..., None]).abs() < 1e-7
    clear = ~borderline.any(-1) & (~hit | (rival.sum(-1) == 1))
    weights = torch.gather(weights, 2, face[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
    return (
        torch.where(hit, face, -1),
        torch.where(hit, depth_of_hit, 0.0),
        torch.where(hit[..., None], weights, 0.0),
        clear,
    )
