"""Camera files as other programs write them, made from our cameras by their formulas: what `bench.layouts` reads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.geometry.cameras import Cameras, view_cameras

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # our world (y up, front +z) to Blender's
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def random_cameras(seed: int, count: int = 4, side: int = 64, **lens: Any) -> Cameras:
    """Views that have nothing to do with each other, far enough for the unit cube to be seen."""
    random = np.random.default_rng(seed)
    azimuths = (random.uniform(0, 360) + np.arange(count) * 360 / count + random.uniform(-20, 20, count)) % 360
    told = {"fov": 35.0, "distance": [float(d) for d in random.uniform(2.6, 3.2, count)]} | lens
    return view_cameras(azimuths.tolist(), random.uniform(-30, 50, count).tolist(), resolution=side, **told)


def camera_to_world(cameras: Cameras, *, size: float = 1.0, opengl: bool = True, z_up: bool = True) -> npt.NDArray:
    """(V, 4, 4) in units of which the object's longest side has `size`."""
    found = np.linalg.inv(cameras.world_to_camera)
    found[:, :3, 3] *= size
    if z_up:
        found[:, :3] = Z_UP @ found[:, :3]
    return found @ OPENGL if opengl else found


def angle_x(cameras: Cameras, view: int = 0) -> float:
    return float(2 * math.atan(cameras.resolution / 2 / cameras.intrinsics[view, 0, 0]))


def write_nerf(
    folder: Path, cameras: Cameras, name: str = "./{:03d}", file: str = "transforms.json", **how: Any
) -> None:
    """NeRF-synthetic, and what took it over: one angle for all frames."""
    poses = camera_to_world(cameras, **how)
    frames = [{"file_path": name.format(i), "transform_matrix": pose.tolist()} for i, pose in enumerate(poses)]
    write(folder / file, {"camera_angle_x": angle_x(cameras), "frames": frames})


def write_nerfstudio(folder: Path, cameras: Cameras, pixels: int = 800, **how: Any) -> None:
    """Intrinsics in pixels of pictures of another size, frame by frame."""
    frames = []
    for index, (pose, k) in enumerate(zip(camera_to_world(cameras, **how), cameras.intrinsics, strict=True)):
        scale = pixels / cameras.resolution
        lens = {"fl_x": k[0, 0], "fl_y": k[1, 1], "cx": k[0, 2], "cy": k[1, 2]}
        frame = {"file_path": f"images/{index:05d}.png", "transform_matrix": pose.tolist()}
        frames.append(frame | {key: float(value * scale) for key, value in lens.items()} | {"w": pixels, "h": pixels})
    write(folder / "transforms.json", {"camera_model": "OPENCV", "k1": 0.0, "frames": frames})


def write_trellis(folder: Path, cameras: Cameras) -> None:
    """An angle a frame, and the box that the object was scaled to."""
    frames = [
        {"file_path": f"{i:03d}.png", "camera_angle_x": angle_x(cameras, i), "transform_matrix": pose.tolist()}
        for i, pose in enumerate(camera_to_world(cameras))
    ]
    write(
        folder / "transforms.json",
        {"aabb": [[-0.5] * 3, [0.5] * 3], "scale": 0.37, "offset": [0, 1, 0], "frames": frames},
    )


def write_meta(folder: Path, cameras: Cameras) -> None:
    """bpy-renderer's `meta.json` of orthographic cameras."""
    scale = cameras.resolution / cameras.intrinsics[:, 0, 0]
    locations = [
        {"index": f"{i:04d}", "projection_type": "ORTHO", "ortho_scale": float(scale[i]), "camera_angle_x": 0.857556,
         "transform_matrix": pose.tolist()}
        for i, pose in enumerate(camera_to_world(cameras))
    ]  # fmt: skip
    write(folder / "meta.json", {"width": cameras.resolution, "height": cameras.resolution, "locations": locations})


def write_arrays(folder: Path, cameras: Cameras, *, rows: int = 3, opengl: bool = False, stacked: str = "") -> None:
    """World to camera in OpenCV axes (Zero-1-to-3, COLMAP), or camera to world in OpenGL axes; a file a view or one."""
    folder.mkdir(parents=True, exist_ok=True)
    poses = camera_to_world(cameras, opengl=opengl)
    matrices = (poses if opengl else np.linalg.inv(poses))[:, :rows]
    if stacked:
        np.save(folder / stacked, matrices)
    else:
        for index, matrix in enumerate(matrices):
            np.save(folder / f"{index:03d}.npy", matrix)


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def write_pictures(folder: Path, views: npt.NDArray[np.uint8], name: str = "{:03d}.png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, view in enumerate(views):
        Image.fromarray(view).save(folder / name.format(index))
