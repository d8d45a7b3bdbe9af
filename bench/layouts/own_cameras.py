"""Cameras told beside a folder's pictures, held against the suite's: pictures seen otherwise are refused, not scored.

Frames and pictures belong together by name (`file_path: ./000` and `000.png`, `index: "0004"` and `color_0004.webp`).
The unit of distances is not known, so distances are only asked to be the suite's times one number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from bench.errors import ImageError
from bench.geometry.cameras import Cameras
from bench.layouts.camera_files import Seen, find_camera_files, read_cameras

_SAME_ANGLE = 1.0  # degrees
_SAME_LENS = 0.01  # of the field of view, and of distances
_WAY_OUT = (
    "realiz3d-bench inspect FOLDER prints the `views` that these files describe, of each case where they differ; "
    "`cameras: opencv` reads them by another convention, `cameras: ignore` not at all"
)


def own_cameras(views: Mapping[int, Sequence[Path]], convention: str | None, up: str = "z") -> dict[int, Seen]:
    """By number of view what files beside the pictures say of its camera; empty where they say nothing of them.

    Raises `InputError` for camera files that are broken, rolled or look past the object.
    """
    files = find_camera_files(next(iter(views.values()))[0].parent)
    if not files:
        return {}
    seen = read_cameras(files, convention, up)
    by_name = {PurePosixPath(camera.file.replace("\\", "/")).stem: camera for camera in seen}
    by_number = {int(name): camera for name, camera in by_name.items() if name.isdecimal()}
    found = {}
    for view, paths in views.items():
        number = re.search(r"\d+$", paths[0].stem)
        camera = by_name.get(paths[0].stem) or (by_number.get(int(number[0])) if number else None)
        if camera is not None:
            found[view] = camera
    return found


def views_seen(own: Mapping[int, Seen], cameras: Cameras, where: Path) -> tuple[int, ...]:
    """For each view of the suite the picture that was taken from there. Raises `ImageError` where there is none."""
    taken = []
    for azimuth, elevation in cameras.angles:
        off = {view: _off(seen, azimuth, elevation) for view, seen in own.items()}
        closest = min(off, key=off.__getitem__, default=None)
        if closest is None or off[closest] > _SAME_ANGLE:
            raise ImageError(
                f"no picture was taken from azimuth {azimuth:.4g} and elevation {elevation:.4g}",
                where=str(where),
                expected="for each view of the suite a picture with such a camera beside it",
                hint=_WAY_OUT,
            )
        taken.append(closest)
    return tuple(taken)


def check_own_cameras(own: Mapping[int, Seen], wanted: Sequence[int], cameras: Cameras, where: Path) -> None:
    """Raises `ImageError` where picture `wanted[v]` was taken by another camera than the suite's view v."""
    for view, picture in enumerate(wanted):
        if (seen := own.get(picture)) is not None and (other := _other(seen, cameras, view)):
            raise ImageError(f"picture {picture} has {other}", where=str(where), hint=_WAY_OUT)
    told = [(view, own[picture]) for view, picture in enumerate(wanted) if picture in own]
    away = cameras.world_to_camera[:, 2, 3]
    ratios = [seen.distance / float(away[view]) for view, seen in told if seen.frame is None]
    if ratios and max(ratios) - min(ratios) > _SAME_LENS * min(ratios):
        one = np.ptp(away) <= _SAME_LENS * away.min()
        distances = [seen.distance for _, seen in told]
        raise ImageError(
            f"the pictures were taken from distances of {min(distances):.3g} to {max(distances):.3g}",
            where=str(where),
            expected="one distance for all views, as the suite's" if one else "the suite's distances, in any unit",
            hint=_WAY_OUT,
        )


def _other(seen: Seen, cameras: Cameras, view: int) -> str:
    """What of a camera is not the suite's, in words; empty: nothing that could be told."""
    azimuth, elevation = cameras.angles[view]
    if _off(seen, azimuth, elevation) > _SAME_ANGLE:
        return (
            f"a camera at azimuth {seen.azimuth:.4g} and elevation {seen.elevation:.4g}, the suite's view {view} is at "
            f"azimuth {azimuth:.4g} and elevation {elevation:.4g}"
        )
    projection = "perspective" if seen.frame is None else "orthographic"
    if (seen.frame is not None or seen.fov is not None) and projection != cameras.projection:
        return f"a camera that is {projection}, the suite's are {cameras.projection}"
    if seen.fov is not None:
        fov = float(2 * np.rad2deg(np.arctan(cameras.resolution / 2 / cameras.intrinsics[view, 1, 1])))
        if abs(fov / seen.fov - 1) > _SAME_LENS:
            return f"a field of view of {seen.fov:.4g} degrees, the suite's is {fov:.4g}"
    return ""


def _off(seen: Seen, azimuth: float, elevation: float) -> float:
    """In degrees. Near the poles too an azimuth counts in full: it turns the picture there."""
    return max(abs((seen.azimuth - azimuth + 180) % 360 - 180), abs(seen.elevation - elevation))
