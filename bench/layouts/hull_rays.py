"""Which pixels of a view the visual hull reaches, for many orders of the same pictures.

The points of a view's rays fall on the same pixels of the other views whatever picture is which view. So they are
projected once; each order then is a matter of looking up.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import torch

from bench.geometry.cameras import Cameras
from bench.lifting.visual_hull import half_side, pixel_rays, through_cube

Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]


class HullRays:
    """Rays through the pixels of `seen`, bool (S, S), in each of the cameras; S is their resolution.

    Points are a pixel's width apart, as in `visual_hull.hull_masks`, and beyond the frame an outline goes on likewise.
    """

    def __init__(self, cameras: Cameras, seen: Bool) -> None:
        self.cameras, self.side = cameras, cameras.resolution
        self.pixels = np.flatnonzero(seen)
        row, column = np.divmod(self.pixels, self.side)
        centres = torch.from_numpy(np.stack((column, row), axis=-1) + 0.5)
        reach = half_side(cameras)
        step = 2.0 * reach / self.side
        samples = (torch.arange(math.ceil(math.sqrt(3.0) * self.side)) + 0.5) * step
        self._tables: dict[tuple[int, int], npt.NDArray[np.int32]] = {}
        for view in range(len(cameras)):
            origin, direction = pixel_rays(cameras, view, centres)
            near, far = through_cube(origin, direction, reach)
            distance = near[:, None] + samples
            points = origin[:, None] + distance[..., None] * direction[:, None]
            for other in range(len(cameras)):
                if other != view:
                    self._tables[view, other] = self._met_pixels(points, distance < far[:, None], other)

    def _met_pixels(self, points: torch.Tensor, inside: torch.Tensor, view: int) -> npt.NDArray[np.int32]:
        """Flat pixels of `view` that points (n, K, 3) fall on, int32 (n, K); one past the last where there is none."""
        xy, depth = self.cameras.project(points, view)
        column, row = xy.nan_to_num().floor().clamp(0, self.side - 1).long().unbind(dim=-1)
        met = row * self.side + column
        if self.cameras.projection == "perspective":
            inside = inside & (depth > 0)
        return torch.where(inside, met, self.side**2).numpy().astype(np.int32)

    def flat(self, outlines: Bool) -> Bool:
        """Outlines (N, S, S) as they are looked up: (N, S * S + 1), the last of each is nothing."""
        return np.pad(outlines.reshape(len(outlines), -1), ((0, 0), (0, 1)))

    def pairs(self, flat: Bool) -> Float:
        """(N, N, V, V): what the hull of outlines i as view a and j as view b covers of both, mean of two."""
        count, views = len(flat), len(self.cameras)
        own = flat[:, self.pixels]
        area = np.maximum(1, own.sum(axis=1))
        shares = np.full((count, count, views, views), np.nan)  # of i as view a that j as view b reaches
        for a, b in itertools.permutations(range(views), 2):
            met = np.stack([outline[self._tables[a, b]].any(axis=1) for outline in flat])
            shares[:, :, a, b] = own.astype(float) @ met.T / area[:, None]
        both: Float = (shares + shares.transpose(1, 0, 3, 2)) / 2
        return both

    def covered(self, flat: Bool) -> float:
        """The share of outlines, one for each view in order, that their hull covers, mean over the views."""
        found = []
        for view, outline in enumerate(flat):
            rays = np.flatnonzero(outline[self.pixels])
            if not len(rays):
                found.append(0.0)
                continue
            ray, sample = rays[:, None], np.arange(self._tables[view, (view + 1) % len(flat)].shape[1])
            for other, silhouette in enumerate(flat):
                if other != view:
                    met = silhouette[self._tables[view, other][ray, sample]]
                    if met.ndim == 2:
                        row, sample = np.nonzero(met)
                        ray = rays[row]
                    else:
                        ray, sample = ray[met], sample[met]
            found.append(len(np.unique(ray)) / len(rays))
        return float(np.mean(found))
