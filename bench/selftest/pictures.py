"""The pictures that the self-test measures: perfect views, and the same views broken in one known way each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from bench.generators.corruptions import Corruption, Floats
from bench.generators.protocol import RGB, GenerationRequest
from bench.geometry.cameras import view_cameras
from bench.geometry.scene import SceneGeometry

CEILING = "ceiling"
CUT_OUT = "cut-out"
WHITE: RGB = (1.0, 1.0, 1.0)
RING = (0.0, 90.0, 180.0, 270.0)
SHIFTS = (1, 2, 3, 4, 6)


class FlatColour(Corruption):
    """Calibration: the object in one grey, all views alike. Perfectly consistent, and nothing is there."""

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """The outline stays as it is."""
        flat: Floats = alpha * 0.5 + (1.0 - alpha) * np.asarray(request.background)
        return flat


class MirroredViews(Corruption):
    """Calibration: every view mirrored left to right."""

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """Front and back alone would make a mirrored object; the views between them contradict it."""
        return views[:, :, ::-1]


class TurnedViews(Corruption):
    """Calibration: each view shows what the next one should, as if the object stood turned."""

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """On a ring of even steps the views still fit each other, but not the mesh."""
        return np.roll(views, 1, axis=0)


class CutOut(Corruption):
    """Calibration: the ceiling cut along the mesh's mask, so that everything beside it is background exactly."""

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """Pixels are of the object, or of the background, and none of both."""
        mask = request.control("mask").cpu().numpy().reshape(alpha.shape) > 0.5
        return np.where(mask, views, np.asarray(request.background))


@dataclass(frozen=True)
class Pictures:
    """Views of every object under one generator. `use` and `options` are read as in a suite; `what` is for people.

    `padding` adds background on all sides, in px, once the views are made; `moved` moves mesh and cameras together.
    `realism`: whether the pictures are compared with the ceiling's as sets, too. `same`: the ceiling in other clothes,
    measured only where a property asks.
    """

    name: str
    what: str
    use: str
    options: Mapping[str, Any] = field(default_factory=dict)
    azimuths: tuple[float, ...] = RING
    background: RGB = WHITE
    padding: int = 0
    moved: bool = False
    realism: bool = False
    same: bool = False

    def scene(self, ring: SceneGeometry) -> SceneGeometry:
        """Where the pictures are made: the object of `ring` under these azimuths."""
        if self.azimuths == RING:
            return ring
        cameras = view_cameras(self.azimuths, resolution=ring.cameras.resolution)
        return SceneGeometry(ring.mesh, cameras, ring.device)

    def measured(self, views: Tensor, scene: SceneGeometry) -> tuple[Tensor, SceneGeometry]:
        """The views (V, H, W, 3) and their scene after padding and motion."""
        mesh, cameras, pad = scene.mesh, scene.cameras, self.padding
        if pad:
            intrinsics = cameras.intrinsics.copy()
            intrinsics[:, :2, 2] += pad
            cameras = replace(cameras, intrinsics=intrinsics, resolution=cameras.resolution + 2 * pad)
            frame = torch.tensor(self.background, dtype=views.dtype, device=views.device)
            wide = frame.repeat(len(views), cameras.resolution, cameras.resolution, 1)
            wide[:, pad:-pad, pad:-pad] = views
            views = wide
        if self.moved:
            motion = np.eye(4)
            motion[:3, :3] = Rotation.from_euler("xyz", [0.4, -1.1, 2.3]).as_matrix()
            motion[:3, 3] = [3.0, -7.0, 20.0]
            mesh = mesh.transformed(motion)
            cameras = replace(cameras, world_to_camera=cameras.world_to_camera @ np.linalg.inv(motion))
        unchanged = not pad and not self.moved
        return views, scene if unchanged else SceneGeometry(mesh, cameras, scene.device)


PICTURES = (
    Pictures(CEILING, "renders of the textured mesh itself", "ceiling", realism=True),
    *(
        Pictures(
            f"shift-{axis}-{pixels}px", f"odd views {pixels} px to {side}", "shift", {"pixels": pixels, "axis": axis}
        )
        for axis, side in (("x", "the right"), ("y", "the bottom"))
        for pixels in SHIFTS
    ),
    Pictures("swapped-views", "the two side views change places", "swapped_views", realism=True),
    Pictures("mirrored-views", "every view mirrored left to right", f"{__name__}:MirroredViews"),
    Pictures("turned-views", "each view in the next one's place", f"{__name__}:TurnedViews"),
    Pictures("colour-cast", "odd views 5 % warmer, even views cooler", "colour_cast", {"strength": 0.05}),
    Pictures("noise", "independent noise of .05 in every view", "noise", {"sigma": 0.05}, realism=True),
    *(
        Pictures(f"blur-{sigma}px", f"every view blurred by {sigma} px", "blur", {"sigma": float(sigma)}, realism=True)
        for sigma in (1, 2, 5)
    ),
    Pictures("flat-colour", "one grey everywhere", f"{__name__}:FlatColour", realism=True),
    Pictures("floor", "every view wears another object's texture", "floor", realism=True),
    Pictures("right-where-judged", "right where two views see, else a photograph", "right_where_judged"),
    Pictures(
        "view-order", "the ceiling, views in reverse order", "ceiling", azimuths=RING[::-1], realism=True, same=True
    ),
    Pictures("background", "the ceiling on black", "ceiling", background=(0.0, 0.0, 0.0), same=True),
    Pictures("padding", "the ceiling in a wider frame", "ceiling", padding=16, same=True),
    Pictures("rigid-motion", "mesh and cameras moved together", "ceiling", moved=True, same=True),
    Pictures(
        "floor-elsewhere", "the floor in a wider frame, all moved together", "floor", padding=16, moved=True, same=True
    ),
    Pictures(CUT_OUT, "the ceiling cut along the mesh's outline", f"{__name__}:CutOut", same=True),
)
