"""By which convention camera files are right: every reading tried against the meshes' outlines in the pictures.

Most wrong readings are refused for themselves: their cameras look away from the object, or lie on their side. Of those
that are left, the right one puts the meshes' silhouettes where the pictures have them. The objects' size in the files'
units comes out of the same comparison, by area.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.geometry.cameras import Cameras
from bench.geometry.foreground import estimate_foreground
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.layouts.case_cameras import cameras_from
from bench.layouts.own_cameras import own_cameras
from bench.layouts.seen_camera import Seen

Float = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

WAYS = (("blender", "z"), ("blender", "y"), ("opencv", "z"), ("opencv", "y"))
FITS = 0.9  # intersection over union from which outlines are believed to be the meshes'
LEAD = 0.02  # over the next reading
_ROUNDS = 3  # of fitting the size
_USUAL_DISTANCE, _USUAL_FRAME = 2.5, 1.3  # in longest sides: where fitting begins
ZERO123_FOV = 49.1  # of the renders whose .npy files tell no lens


@dataclass(frozen=True)
class CameraReading:
    """A way to read camera files: `size` is the objects' longest side in the files' units.

    `outline` is the mean intersection over union of `views` silhouettes with the meshes'; `mirror`: it was taken with
    the pictures mirrored.
    """

    convention: str
    up: str
    size: float
    mirror: bool
    outline: float
    views: int

    def words(self) -> str:
        """Such as 'opencv, y up'."""
        return f"{self.convention}, {self.up} up" + (", pictures mirrored" if self.mirror else "")


def camera_readings(
    files: Mapping[str, Sequence[Path]], pictures: Mapping[str, Float], meshes: Mapping[str, Mesh],
    fov: float = ZERO123_FOV,
) -> tuple[list[CameraReading], dict[str, str]]:  # fmt: skip
    """The readings of camera files beside pictures, best first, and why others cannot be.

    By case: the `files` of its views, its `pictures` (N, S, S, 3) in [0, 1] on white, its normalised mesh. `fov` in
    degrees is taken where files tell no lens.
    """
    found, refused = [], {}
    outlines = {case: _outlines(views) for case, views in pictures.items()}
    for convention, up in WAYS:
        try:
            seen = {
                case: own_cameras({i: [path] for i, path in enumerate(files[case])}, convention, up) for case in meshes
            }
            size, shown = _fitted(seen, outlines, meshes, fov)
        except BenchError as error:
            refused[f"{convention}, {up} up"] = error.message
            continue
        for mirror in (False, True):
            scores = [_overlap(outlines[case], masks, mirror) for case, masks in shown.items()]
            each = np.concatenate(scores)
            found.append(CameraReading(convention, up, size, mirror, float(each.mean()), len(each)))
    return sorted(found, key=lambda reading: -reading.outline), refused


def settled(found: Sequence[CameraReading]) -> bool:
    """Whether the best reading fits, and leads by enough to be believed."""
    if not found or found[0].outline < FITS:
        return False
    return len(found) < 2 or found[0].outline - found[1].outline >= LEAD


def outline_agreement(views: Float, mesh: Mesh, cameras: Cameras) -> float:
    """Mean intersection over union of the pictures' outlines (V, S, S, 3), in [0, 1] on white, with a mesh's."""
    masks = rasterise(mesh, cameras.at_resolution(views.shape[1])).mask.numpy()
    return float(_overlap(_outlines(views), dict(enumerate(masks)), False).mean())


def _fitted(
    seen: Mapping[str, Mapping[int, Seen]], outlines: Mapping[str, Masks], meshes: Mapping[str, Mesh], fov: float
) -> tuple[float, dict[str, dict[int, Masks]]]:
    """The objects' size at which meshes cover as much as pictures do, and their silhouettes at that size."""
    first = [camera for cameras in seen.values() for camera in cameras.values()]
    if not first:
        raise BenchError("the files say nothing of these pictures")
    usual = [
        camera.distance / _USUAL_DISTANCE if camera.frame is None else camera.frame / _USUAL_FRAME for camera in first
    ]
    size, shown = float(np.median(usual)), {}
    for _ in range(_ROUNDS):
        shown = {case: _silhouettes(cameras, meshes[case], outlines[case], size, fov) for case, cameras in seen.items()}
        ours = sum(mask.mean() for masks in shown.values() for mask in masks.values())
        theirs = sum(outlines[case][view].mean() for case, masks in shown.items() for view in masks)
        size *= float(np.sqrt(theirs / ours)) if ours > 0 and theirs > 0 else 1.0
    return size, shown


def _silhouettes(seen: Mapping[int, Seen], mesh: Mesh, outlines: Masks, size: float, fov: float) -> dict[int, Masks]:
    views = [view for view in sorted(seen) if view < len(outlines)]
    cameras = cameras_from([seen[view] for view in views], outlines.shape[1], size, fov)
    return dict(zip(views, rasterise(mesh, cameras).mask.numpy(), strict=True))


def _outlines(views: Float) -> Masks:
    return np.stack([estimate_foreground(view, (1.0, 1.0, 1.0)) for view in views])


def _overlap(outlines: Masks, masks: Mapping[int, Masks], mirror: bool) -> Float:
    theirs = outlines[:, :, ::-1] if mirror else outlines
    both = [(theirs[view] & mask).sum() / max(1, (theirs[view] | mask).sum()) for view, mask in masks.items()]
    return np.array(both, dtype=np.float64)
