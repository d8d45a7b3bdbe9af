"""Cameras that data sets keep beside their pictures, as the views of a suite: angles, field of view, distance.

Files and conventions, by name:

    blender   `transforms.json` of NeRF, nerfstudio, MVGBench, TRELLIS: camera to world, OpenGL camera (x right, y up,
              looking along -z), world z up, the front camera at -y
    blender   `meta.json` of Objaverse-Ortho10View (bpy-renderer): the same, `locations` in place of `frames`, with
              `projection_type` and `ortho_scale`
    opencv    those files with an OpenCV camera (x right, y down, looking along +z)
    zero123   `000.npy` ...: 3 x 4 world to camera, OpenCV camera, world z up, the front camera at -y

A suite has one set of cameras, which look at the object's middle and are upright: others are refused, not bent.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import InputError, UsageError, nearest

Float = npt.NDArray[np.float64]

CONVENTIONS = ("blender", "opencv", "zero123")
TRANSFORMS, META = "transforms.json", "meta.json"
_MAX_BYTES = 64 * 2**20
_OFF_CENTRE = 0.03  # of the distance, by which a camera may look past the origin
_ROLL = 1.0  # degrees
_OURS = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # z up, front at -y, to y up, front at +z


@dataclass(frozen=True)
class Seen:
    """One view: degrees; the distance in the file's units; the full angle of its field of view (None: not told).

    `frame` is the side of an orthographic camera's frame in the file's units; None: perspective.
    """

    azimuth: float
    elevation: float
    distance: float
    fov: float | None
    file: str = ""
    frame: float | None = None


def find_camera_files(folder: Path) -> tuple[Path, ...]:
    """What describes the cameras of a folder's pictures: one JSON file, here or above, or one `.npy` a picture."""
    for place in (folder, folder.parent):
        if (place / TRANSFORMS).is_file():
            return (place / TRANSFORMS,)
        if _tells_cameras(place / META):
            return (place / META,)
    return tuple(sorted(folder.glob("[0-9]*.npy")))


def _tells_cameras(file: Path) -> bool:
    """Many programs write a `meta.json`: whether this one is about cameras."""
    try:
        content = json.loads(_content(file)) if file.is_file() else None
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and isinstance(content.get("locations"), list)


def read_cameras(files: tuple[Path, ...], convention: str | None = None) -> tuple[Seen, ...]:
    """The views that camera files describe, in their order. `convention` None: blender for JSON, zero123 for `.npy`.

    Raises `UsageError` for an unknown convention, `InputError` for files that are broken or cameras that are rolled or
    do not look at the object's middle.
    """
    if convention is not None and convention not in CONVENTIONS:
        raise UsageError(f"unknown convention of cameras '{convention}'", hint=nearest(convention, CONVENTIONS))
    if files[0].suffix == ".npy":
        return tuple(_seen(_from_npy(file), None, str(file), file.stem) for file in files)
    return _from_json(files[0], convention or "blender")


def views_of(cameras: tuple[Seen, ...], size: float = 1.0) -> dict[str, Any]:
    """The `views` of a suite. `size`: the object's longest side in the file's units."""
    frames = {None if seen.frame is None else round(seen.frame / size, 4) for seen in cameras}
    if len(frames) > 1:
        raise InputError(
            "the cameras have several frames, or are of both projections", expected="one frame for all views of a suite"
        )
    if (frame := frames.pop()) is not None:
        return _angles(cameras) | {"projection": "orthographic", "frame": frame}
    fovs = {round(seen.fov, 3) for seen in cameras if seen.fov is not None}
    distances = [seen.distance / size for seen in cameras]
    closest, farthest = min(distances), max(distances)
    if len(fovs) > 1 or farthest - closest > 0.01 * closest:
        raise InputError(
            f"the cameras have {len(fovs)} fields of view and distances from {closest:.3g} to {farthest:.3g}",
            expected="one lens and one distance for all views of a suite",
            hint="render the views again with one camera setup",
        )
    found = _angles(cameras) | {"projection": "perspective"}
    found |= {"fov": fovs.pop()} if fovs else {}
    return found | {"distance": round(float(np.mean(distances)), 4)}


def _angles(cameras: tuple[Seen, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"azimuths": [round(seen.azimuth, 2) + 0.0 for seen in cameras]}
    heights = [round(seen.elevation, 2) + 0.0 for seen in cameras]
    return found | {"elevation": heights[0] if len(set(heights)) == 1 else heights}


def _from_npy(file: Path) -> Float:
    """World to camera (3 x 4) as camera to world with an OpenCV camera, 3 x 4."""
    matrix = np.asarray(_array(file), dtype=np.float64)
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise InputError("the file holds no camera", where=str(file), expected="3 x 4 world to camera")
    rotation, move = matrix[:3, :3], matrix[:3, 3]
    _check_rotation(rotation, str(file))
    return np.hstack([rotation.T, -(rotation.T @ move)[:, None]])


def _array(file: Path) -> Any:
    content = _content(file)
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"the camera cannot be read: {error}", where=str(file)) from error


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(
                "the file of cameras is too large", where=str(file), expected=f"at most {_MAX_BYTES} bytes"
            )
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"the cameras cannot be read: {error.strerror}", where=str(file)) from error


def _from_json(file: Path, convention: str) -> tuple[Seen, ...]:
    try:
        content = json.loads(_content(file))
        frames = content["locations" if file.name == META else "frames"]
        found = []
        for number, frame in enumerate(frames):
            where = f"{file}: frame {number}"
            pose = np.array(frame["transform_matrix"], dtype=np.float64)
            if pose.shape not in ((3, 4), (4, 4)) or not np.isfinite(pose).all():
                raise InputError("the frame holds no camera", where=where, expected="4 x 4 camera to world")
            _check_rotation(pose[:3, :3], where)
            turned = pose[:3, :3] @ np.diag([1.0, -1.0, -1.0]) if convention == "blender" else pose[:3, :3]
            camera = np.hstack([turned, pose[:3, 3:4]])
            name = str(frame.get("file_path", frame.get("index", "")))
            found.append(replace(_seen(camera, _fov(content | frame), where, name), frame=_frame(frame)))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        expected = "frames (meta.json: locations) with transform_matrix; camera_angle_x, or fl_x and w"
        raise InputError(
            f"the file does not describe cameras ({error!r})", where=str(file), expected=expected
        ) from error
    if not found:
        raise InputError("the file has no frames", where=str(file))
    return tuple(found)


def _fov(values: dict[str, Any]) -> float | None:
    """Full angle in degrees: `camera_angle_x`, else of `fl_x` and `w`; a frame's own goes before the file's.

    None where it is not told, or is not what counts: the camera is orthographic.
    """
    if values.get("projection_type") == "ORTHO":
        return None
    if "camera_angle_x" in values:
        return math.degrees(float(values["camera_angle_x"]))
    if "fl_x" in values and "w" in values:
        return math.degrees(2 * math.atan(float(values["w"]) / 2 / float(values["fl_x"])))
    return None


def _frame(frame: dict[str, Any]) -> float | None:
    """Blender writes `ortho_scale` and `camera_angle_x` of every camera; its type says which one counts."""
    return float(frame["ortho_scale"]) if frame.get("projection_type") == "ORTHO" else None


def _check_rotation(rotation: Float, where: str) -> None:
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise InputError(
            "the camera's matrix is not a rotation", where=where, expected="a matrix without scale or mirroring"
        )


def _seen(camera: Float, fov: float | None, where: str, file: str) -> Seen:
    """Of camera to world (3 x 4) with an OpenCV camera in a world with z up and the front at -y."""
    right, forward, centre = (_OURS @ camera[:, column] for column in (0, 2, 3))
    distance = float(np.linalg.norm(centre))
    if distance < 1e-6 or np.linalg.norm(np.cross(forward, centre)) > _OFF_CENTRE * distance or forward @ centre > 0:
        raise InputError(
            "the camera does not look at the object's middle",
            where=where,
            expected="cameras round the origin",
            hint="another convention? blender, opencv, zero123",
        )
    if abs(math.degrees(math.asin(float(np.clip(right[1], -1, 1))))) > _ROLL:
        raise InputError("the camera is rolled", where=where, expected="upright cameras", hint="another convention?")
    azimuth = math.degrees(math.atan2(-right[2], right[0])) % 360
    elevation = math.degrees(math.atan2(-forward[1], math.hypot(forward[0], forward[2])))
    return Seen(round(azimuth, 6) % 360, round(elevation, 6) + 0.0, distance, fov, file)
