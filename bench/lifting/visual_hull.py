"""What the outlines of several views say about a shape: the space that is object in all of them, its visual hull.

A silhouette that the frame cuts off is taken to go on beyond it: looked up outside of the frame, a view answers with
the nearest pixel of its border. Otherwise an object that is larger than the frame would contradict itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.geometry.cameras import Cameras
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

_POINTS = 2**20  # looked at at once: memory, not numbers


def half_side(cameras: Cameras) -> float:
    """Half the side of the cube round the origin that a hull is looked for in: as wide as a frame is at the origin."""
    focal, centre = cameras.intrinsics[:, [0, 1], [0, 1]], cameras.intrinsics[:, :2, 2]
    reach = np.maximum(centre, cameras.resolution - centre)
    depth = cameras.world_to_camera[:, 2, 3] if cameras.projection == "perspective" else np.ones(len(cameras))
    return float((reach / focal * depth[:, None]).max())


def in_silhouette(silhouette: Tensor, xy: Tensor) -> Tensor:
    """Whether the pixels that positions (..., 2) fall on are object, bool (...). `silhouette` bool (H, W)."""
    height, width = silhouette.shape
    column, row = xy.floor().long().unbind(dim=-1)
    return silhouette[row.clamp(0, height - 1), column.clamp(0, width - 1)]


def hull_masks(silhouettes: Tensor, cameras: Cameras) -> Tensor:
    """What the visual hull of `silhouettes`, bool (V, H, W), shows in each view: the same, or less where they disagree.

    Image-based (Matusik et al. 2000), so that no grid limits it: a pixel of a silhouette shows the hull when a point on
    its ray falls into all other silhouettes. Points are a pixel's width apart, inside the cube of `half_side`.
    """
    masks = torch.zeros_like(silhouettes)
    for view in range(len(silhouettes)):
        row, column = torch.nonzero(silhouettes[view], as_tuple=True)
        centres = torch.stack((column, row), dim=-1).double() + 0.5
        masks[view, row, column] = _met_by_others(silhouettes, cameras, view, centres)
    return masks


def _met_by_others(silhouettes: Tensor, cameras: Cameras, view: int, centres: Tensor) -> Tensor:
    """For pixels at `centres` (n, 2) of one view, whether some point on the ray is object in all other views."""
    origin, direction = pixel_rays(cameras, view, centres)
    side = half_side(cameras)
    near, far = through_cube(origin, direction, side)
    step = 2.0 * side / cameras.resolution
    met = torch.zeros(len(centres), dtype=torch.bool, device=centres.device)
    for samples in _coarse_to_fine(math.ceil(2.0 * math.sqrt(3.0) * side / step)):
        open_rays = torch.nonzero(~met)[:, 0]
        for rays in torch.split(open_rays, max(1, _POINTS // len(samples))):
            distance = near[rays, None] + (samples.to(centres.device) + 0.5) * step
            ray, sample = torch.nonzero(distance < far[rays, None], as_tuple=True)
            for other in range(len(silhouettes)):
                if other == view:
                    continue
                which = rays[ray]
                points = origin[which] + distance[ray, sample, None] * direction[which]
                xy, depth = cameras.project(points, other)
                keep = in_silhouette(silhouettes[other], xy)
                if cameras.projection == "perspective":
                    keep &= depth > 0
                ray, sample = ray[keep], sample[keep]
            met[rays[ray]] = True
    return met


def pixel_rays(cameras: Cameras, view: int, xy: Tensor) -> tuple[Tensor, Tensor]:
    """World rays through positions (n, 2) of a view: origins (n, 3) and unit directions (n, 3), float64."""
    matrix = torch.as_tensor(cameras.world_to_camera[view], device=xy.device)
    k = torch.as_tensor(cameras.intrinsics[view], device=xy.device)
    plane = (xy.double() - k[:2, 2]) / torch.stack((k[0, 0], k[1, 1]))
    rotation = matrix[:3, :3]  # camera coordinates times this are world coordinates
    if cameras.projection == "perspective":
        local = torch.cat((plane, torch.ones_like(plane[:, :1])), dim=-1)
        origin = torch.as_tensor(cameras.centres[view], device=xy.device).expand(len(xy), 3)
        return origin, torch.nn.functional.normalize(local @ rotation, dim=-1)
    local = torch.cat((plane, torch.zeros_like(plane[:, :1])), dim=-1)
    return (local - matrix[:3, 3]) @ rotation, rotation[2].expand(len(xy), 3)


def through_cube(origin: Tensor, direction: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """Distances (n,) at which rays enter and leave the cube of half-side `side`; leave < enter when they miss it."""
    safe = torch.where(direction.abs() < 1e-12, 1e-12, direction)
    a, b = (-side - origin) / safe, (side - origin) / safe
    return torch.minimum(a, b).amax(dim=-1).clamp(min=0.0), torch.maximum(a, b).amin(dim=-1)


def _coarse_to_fine(count: int) -> Iterator[Tensor]:
    """The numbers 0 ... count - 1, every 32nd first and then those in between: most rays are settled early."""
    every = torch.arange(count)
    yield every[::32]
    for stride in (32, 16, 8, 4, 2):
        yield every[stride // 2 :: stride]
