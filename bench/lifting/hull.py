"""Lifting without a network: a rounded hull of the outlines, painted with the views that see it.

What is said of a view here is never said by that view: its colours are predicted from the others alone. Its *outline*
is used for the surface, as all outlines are. On a ring the opposite view has nearly the same one anyway, and whether
outlines agree is `hull_iou`'s question; here it is whether the paint agrees on the shape that they suggest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bench.geometry.cameras import Cameras
from bench.geometry.correspondence import Correspondence
from bench.geometry.foreground import find_silhouettes
from bench.geometry.mesh import Mesh
from bench.geometry.prediction import check_views, predict
from bench.geometry.scene import SceneGeometry
from bench.lifting.rounded_hull import rounded_hull
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")


@dataclass(frozen=True)
class HullLift:
    """A surface (`mesh`), and the `views` (V, H, W, 3) from `cameras` that paint it. `silhouettes` bool (V, H, W)."""

    mesh: Mesh
    views: Tensor
    cameras: Cameras
    silhouettes: Tensor

    @cached_property
    def correspondence(self) -> Correspondence:
        """Where the views show the same point of the surface; its foreground is what the views show as object.

        With it, `predict` paints each view with the others, as lifting without that view and rendering it would.
        """
        scene = SceneGeometry(self.mesh, self.cameras, str(self.views.device))
        return replace(scene.correspondence, foreground=self.silhouettes)

    def render(self, cameras: Cameras) -> tuple[Tensor, Tensor]:
        """As `Lift.render`, unfiltered: one sample a pixel. Surface that no view sees is black."""
        every = Cameras(
            np.concatenate([self.cameras.world_to_camera, cameras.world_to_camera]),
            np.concatenate([self.cameras.intrinsics, cameras.intrinsics]),
            cameras.projection,
            cameras.resolution,
        )
        count = len(self.cameras)
        matches = SceneGeometry(self.mesh, every, str(self.views.device)).correspondence
        visible = matches.visible.clone()
        visible[:, count:] = False  # nothing is painted there yet
        blank = self.views.new_zeros(len(cameras), *self.views.shape[1:])
        painted, _ = predict(torch.cat((self.views, blank)), replace(matches, visible=visible))
        return painted[count:], matches.foreground[count:].double()


class HullLifter:
    """Lifts by outlines and colours alone; see `rounded_hull` for what it can and cannot know of a shape."""

    def lift(self, views: Tensor, cameras: Cameras, background: tuple[float, float, float]) -> HullLift | None:
        """None when the outlines have no point in common. Raises `ImageError` for views that do not fit the cameras."""
        size = cameras.resolution
        check_views(views, torch.empty(len(cameras), size, size))
        silhouettes = find_silhouettes(views, background)
        mesh = rounded_hull(silhouettes, cameras)
        return None if mesh is None else HullLift(mesh, views, cameras, silhouettes)
