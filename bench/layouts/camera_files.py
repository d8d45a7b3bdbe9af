"""Cameras that programs keep beside their pictures. Files and conventions, by name:

    blender   `transforms.json` of NeRF, nerfstudio, MVGBench, TRELLIS: camera to world, OpenGL camera (x right, y up,
              looking along -z), world z up, the front camera at -y. Also called opengl
    blender   `meta.json` of Objaverse-Ortho10View (bpy-renderer): the same, `locations` in place of `frames`, with
              `projection_type` and `ortho_scale`
    blender   `.npy`: 3 x 4 or 4 x 4 camera to world with that camera
    opencv    JSON as above with an OpenCV camera (x right, y down, looking along +z)
    opencv    `.npy`: 3 x 4 or 4 x 4 world to camera, OpenCV camera, as COLMAP and cv2 have it
    zero123   `000.npy` ...: the same

`.npy` is one file a picture, or one file of all, (V, 3, 4). Worlds with y up (front at +z, as glTF) are read with
`up: y`. `cameras.json` is ours: what `generate` writes, or a suite's `views` for one case; both say all by themselves.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError, UsageError, nearest
from bench.geometry.camera_file import read_cameras as read_ours
from bench.geometry.cameras import Cameras, view_cameras
from bench.layouts.seen_camera import Float, Lens, Seen, check_pose, read_lens, seen_camera

__all__ = ["CONVENTIONS", "Seen", "find_camera_files", "read_cameras", "tells_cameras", "views_of"]

CONVENTIONS = ("blender", "opengl", "opencv", "zero123")
TRANSFORMS, META, OURS = "transforms.json", "meta.json", "cameras.json"
STACKED = ("cameras.npy", "poses.npy", "extrinsics.npy")
LENSES = ("intrinsics.npy", "K.npy")
_MAX_BYTES = 64 * 2**20
_MAX_VIEWS = 1024
_VIEW_KEYS = ("azimuths", "elevation", "projection", "fov", "distance", "frame")


def find_camera_files(folder: Path) -> tuple[Path, ...]:
    """What describes the cameras of a folder's pictures: one JSON file, here or above, or one `.npy` a picture."""
    for place in (folder, folder.parent):
        if (place / TRANSFORMS).is_file():
            return (place / TRANSFORMS,)
        for name in (META, OURS):
            if tells_cameras(place / name):
                return (place / name,)
    return tuple(sorted(folder.glob("[0-9]*.npy")))


def tells_cameras(file: Path) -> bool:
    """Many programs write a `meta.json`: whether this one is about cameras."""
    try:
        content = json.loads(_content(file)) if file.is_file() else None
    except (ValueError, RecursionError, InputError):
        return False
    return isinstance(content, dict) and _kind(content) is not None


def _kind(content: Mapping[str, Any]) -> str | None:
    for key in ("locations", "frames"):
        if isinstance(content.get(key), list):
            return key
    return next((key for key in ("world_to_camera", "azimuths") if key in content), None)


def read_cameras(
    files: tuple[Path, ...], convention: str | None = None, up: str = "z", side: int | None = None
) -> tuple[Seen, ...]:
    """The views that camera files describe, in their order. `convention` None: blender for JSON, zero123 for `.npy`.

    `side` is that of the pictures in pixels, which intrinsics beside `.npy` files are in.
    Raises `UsageError` for an unknown convention, `InputError` for files that are broken, cameras that are rolled or
    do not look at the object's middle, and lenses that views do not have.
    """
    if convention is not None and convention not in CONVENTIONS:
        raise UsageError(f"unknown convention of cameras '{convention}'", hint=nearest(convention, CONVENTIONS))
    if files[0].suffix == ".npy":
        found = _from_arrays(files, convention in ("blender", "opengl"), up, side)
    else:
        found = _from_json(files[0], convention in (None, "blender", "opengl"), up)
    return tuple(found)


def views_of(cameras: tuple[Seen, ...], size: float = 1.0) -> dict[str, Any]:
    """The `views` of a suite. `size`: the object's longest side in the file's units.

    Raises `InputError` for cameras that one set of views cannot have: of both projections, or with lenses that are not
    square or look to one side.
    """
    if len({seen.frame is None for seen in cameras}) > 1:
        raise InputError("the cameras are of both projections", expected="one projection for all views of a suite")
    found: dict[str, Any] = {"azimuths": [round(seen.azimuth, 2) + 0.0 for seen in cameras]}
    found |= {"elevation": _one_or_each([round(seen.elevation, 2) + 0.0 for seen in cameras])}
    if cameras[0].frame is not None:
        frames = [round((seen.frame or 0.0) / size, 4) for seen in cameras]
        return found | {"projection": "orthographic", "frame": _one_or_each(frames)}
    if any(seen.lens is not None and not _is_plain(seen.lens) for seen in cameras):
        raise InputError(
            "the lens is not square or looks to one side (fl_x, fl_y, cx, cy)",
            hint="read the files themselves: `views: {cameras: {path: FOLDER}}`",
        )
    found |= {"projection": "perspective"}
    if all(seen.fov is not None for seen in cameras):
        found |= {"fov": _one_or_each([round(seen.fov or 0.0, 3) for seen in cameras])}
    distances = [seen.distance / size for seen in cameras]
    if max(distances) - min(distances) <= 0.001 * min(distances):
        return found | {"distance": round(float(np.mean(distances)), 4)}
    return found | {"distance": [round(distance, 4) for distance in distances]}


def _one_or_each(values: list[float]) -> float | list[float]:
    return values[0] if len(set(values)) == 1 else values


def _is_plain(lens: Lens) -> bool:
    off = max(abs(lens.fx / lens.fy - 1), abs(lens.cx - 0.5), abs(lens.cy - 0.5))
    return off < 1e-3


def _from_arrays(files: tuple[Path, ...], opengl: bool, up: str, side: int | None) -> list[Seen]:
    """One matrix a file, or all in one file."""
    what = "camera to world" if opengl else "world to camera"
    named = []
    for file in files:
        matrices = np.asarray(_array(file))
        if matrices.ndim == 3:
            named += [(str(number), matrix, f"{file}: camera {number}") for number, matrix in enumerate(matrices)]
        else:
            named.append((file.stem, matrices, str(file)))
    _check_count(len(named), files[0])
    lenses = _lenses(files[0].parent, len(named), side)
    found = []
    for (name, matrix, where), lens in zip(named, lenses, strict=True):
        check_pose(matrix, where, what)
        found.append(seen_camera(_to_world(matrix[:3], opengl), where, name, up=up, lens=lens))
    return found


def _to_world(matrix: Float, opengl: bool) -> Float:
    """Camera to world with an OpenCV camera (3, 4), of camera to world with an OpenGL one or of world to camera."""
    if opengl:
        return np.hstack([matrix[:, :3] @ np.diag([1.0, -1.0, -1.0]), matrix[:, 3:]])
    rotation, move = matrix[:, :3], matrix[:, 3]
    return np.hstack([rotation.T, -(rotation.T @ move)[:, None]])


def _lenses(folder: Path, count: int, side: int | None) -> list[Lens | None]:
    file = next((folder / name for name in LENSES if (folder / name).is_file()), None)
    if file is None or side is None:
        return [None] * count
    matrices = np.asarray(_array(file))
    if matrices.shape == (3, 3):
        matrices = np.tile(matrices, (count, 1, 1))
    sound = matrices.shape == (count, 3, 3) and np.isfinite(matrices).all()
    lenses = [Lens.of_matrix(matrix, side) for matrix in matrices] if sound else []
    if not lenses or min(min(lens.fx, lens.fy) for lens in lenses) <= 0:
        raise InputError(
            "the file holds no intrinsics of these cameras",
            where=str(file),
            expected=f"3 x 3 or {count} x 3 x 3, in pixels of the pictures",
        )
    if any(not (0 <= c <= 1) for lens in lenses for c in (lens.cx, lens.cy)):
        raise InputError(
            f"the intrinsics look past pictures of {side} pixels",
            where=str(file),
            expected="pixels of the suite's pictures, views.resolution",
        )
    return [*lenses]


def _array(file: Path) -> Float:
    content = _content(file)
    try:
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False), dtype=np.float64)
    except (ValueError, TypeError, EOFError, OSError) as error:
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


def _from_json(file: Path, opengl: bool, up: str) -> list[Seen]:
    try:
        content = json.loads(_content(file))
        kind = _kind(content)
        if kind in ("world_to_camera", "azimuths"):
            return _from_ours(file, content)
        unit = _unit(content)
        found = []
        _check_count(len(content[kind or "frames"]), file)
        for number, frame in enumerate(content[kind or "frames"]):
            where = f"{file}: frame {number}"
            pose = np.array(frame["transform_matrix"], dtype=np.float64)
            check_pose(pose, where, "camera to world")
            camera = _to_world(pose[:3], True) if opengl else pose[:3]
            values = {key: value for key, value in content.items() if key != kind} | frame
            # Blender writes `ortho_scale` and `camera_angle_x` of every camera; its type says which one counts
            scale = float(frame["ortho_scale"]) if values.get("projection_type") == "ORTHO" else None
            if scale is not None and not 0 < scale < math.inf:
                raise InputError(f"ortho_scale is {scale}", where=where, expected="the side of the frame")
            name = str(frame.get("file_path", frame.get("index", "")))
            lens = read_lens(values, where)
            found.append(seen_camera(camera, where, name, up=up, lens=lens, frame=scale, unit=unit))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError) as error:
        expected = "frames (meta.json: locations) with transform_matrix; camera_angle_x, or fl_x and w"
        raise InputError(
            f"the file does not describe cameras ({error!r})", where=str(file), expected=expected
        ) from error
    return found


def _check_count(count: int, file: Path) -> None:
    if not 1 <= count <= _MAX_VIEWS:
        raise InputError(f"the file has {count or 'no'} cameras", where=str(file), expected=f"1 to {_MAX_VIEWS}")


def _unit(content: Mapping[str, Any]) -> float | None:
    """The object's longest side, where the file tells the box that it was scaled to (TRELLIS)."""
    if "aabb" not in content:
        return None
    low, high = np.array(content["aabb"], dtype=np.float64)
    side = float((high - low).max())
    return side if side > 0 else None


def _from_ours(file: Path, content: Mapping[str, Any]) -> list[Seen]:
    """Of `cameras.json`, in the object's longest sides."""
    cameras = read_ours(file) if "world_to_camera" in content else _told_by_angles(file, content)
    found = []
    for number, (matrix, intrinsics) in enumerate(zip(cameras.world_to_camera, cameras.intrinsics, strict=True)):
        where = f"{file}: view {number}"
        check_pose(matrix, where, "world to camera")
        lens = Lens.of_matrix(intrinsics, cameras.resolution)
        frame = None if cameras.projection == "perspective" else 1 / lens.fy
        world = _to_world(matrix[:3], False)
        found.append(seen_camera(world, where, str(number), up="y", lens=lens, frame=frame, unit=1.0))
    return found


def _told_by_angles(file: Path, content: Mapping[str, Any]) -> Cameras:
    strangers = sorted(set(content) - set(_VIEW_KEYS))
    if strangers:
        raise InputError(f"unknown key '{strangers[0]}'", where=str(file), hint=nearest(strangers[0], _VIEW_KEYS))
    if content.get("projection", "perspective") not in ("perspective", "orthographic"):
        raise InputError(
            f"unknown projection {content['projection']!r}", where=str(file), expected="perspective or orthographic"
        )
    _check_count(len(content["azimuths"]), file)
    with np.errstate(all="ignore"):
        cameras = view_cameras(**content)
    focal, away = cameras.intrinsics[:, 0, 0], cameras.world_to_camera[:, 2, 3]
    if not (np.isfinite(cameras.world_to_camera).all() and ((focal > 0) & (focal < np.inf) & (away > 0)).all()):
        raise InputError(
            "a number is out of range", where=str(file), expected="fov in (0, 180), distance and frame above 0"
        )
    return cameras
