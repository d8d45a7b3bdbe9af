"""One camera of a file, in our axes: where it looks from, through which lens, and whether a view can be seen by it.

Views look at the object's middle and are upright: other cameras are refused, not bent. Most files that are read by a
wrong convention fail on exactly this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import InputError

Float = npt.NDArray[np.float64]

WORLDS = {
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),  # z up, front at -y
    "y": np.eye(3),  # y up, front at +z
}
"""From a file's world to ours, by what is up in it."""

_OFF_CENTRE = 0.03  # of the distance, by which a camera may look past the origin
_ROLL = 1.0  # degrees
_SAME_LENS = 0.01
_PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "PERSPECTIVE", "PERSP")
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
_OTHER_CONVENTION = "another convention? blender (opengl), opencv, zero123; another world? up: y"


@dataclass(frozen=True)
class Lens:
    """A pinhole in sides of the square picture: focal lengths, and where its axis meets the picture."""

    fx: float
    fy: float
    cx: float = 0.5
    cy: float = 0.5

    @property
    def fov(self) -> float:
        """Full vertical angle in degrees."""
        return math.degrees(2 * math.atan(0.5 / self.fy))

    @classmethod
    def of_angle(cls, degrees: float, vertical: float | None = None) -> Lens:
        """Of the full horizontal angle, and of the vertical one where it is another."""
        fx, fy = (0.5 / math.tan(math.radians(angle) / 2) for angle in (degrees, vertical or degrees))
        return cls(fx, fy)

    @classmethod
    def of_matrix(cls, matrix: Float, side: float) -> Lens:
        """Of intrinsics (3, 3) in pixels of a picture with `side` pixels a side."""
        fx, fy, cx, cy = (float(matrix[i]) / side for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
        return cls(fx, fy, cx, cy)


@dataclass(frozen=True)
class Seen:
    """One view: degrees; the distance in the file's units; the full vertical angle of its field of view.

    `fov` and `lens` are None where they are not told. `frame` is the side of an orthographic camera's frame in the
    file's units; None: perspective. `pose` is world to camera (3, 4) in our axes, OpenCV camera, the file's units.
    `unit` is the object's longest side in the file's units, where the file tells it.
    """

    azimuth: float
    elevation: float
    distance: float
    fov: float | None
    file: str = ""
    frame: float | None = None
    lens: Lens | None = None
    unit: float | None = None
    pose: Float = field(default_factory=lambda: np.eye(4)[:3], compare=False, repr=False)


def seen_camera(
    camera: Float, where: str, name: str, *, up: str = "z", lens: Lens | None = None, frame: float | None = None,
    unit: float | None = None,
) -> Seen:  # fmt: skip
    """Of camera to world (3, 4) with an OpenCV camera, in a world with `up` up. Raises `InputError` (see above)."""
    ours = WORLDS[up] @ camera
    right, forward, centre = (ours[:, column] for column in (0, 2, 3))
    distance = float(np.linalg.norm(centre))
    if distance < 1e-6 or np.linalg.norm(np.cross(forward, centre)) > _OFF_CENTRE * distance or forward @ centre > 0:
        raise InputError(
            "the camera does not look at the object's middle",
            where=where,
            expected="cameras round the origin",
            hint=_OTHER_CONVENTION,
        )
    if abs(math.degrees(math.asin(float(np.clip(right[1], -1, 1))))) > _ROLL or ours[1, 1] > 1e-3:
        raise InputError(
            "the camera is rolled", where=where, expected="upright cameras: level to the right", hint=_OTHER_CONVENTION
        )
    azimuth = math.degrees(math.atan2(-right[2], right[0])) % 360
    elevation = math.degrees(math.atan2(-forward[1], math.hypot(forward[0], forward[2])))
    rotation = ours[:, :3].T
    pose = np.hstack([rotation, -(rotation @ centre)[:, None]])
    fov = None if lens is None or frame is not None else lens.fov
    return Seen(
        round(azimuth, 6) % 360, round(elevation, 6) + 0.0, distance, fov, name, frame, lens, unit, pose
    )  # fmt: skip


def check_pose(matrix: Float, where: str, what: str) -> None:
    """Raises `InputError` for what is no rotation and move, (3, 4) or (4, 4)."""
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise InputError("there is no camera here", where=where, expected=f"3 x 4 or 4 x 4 {what}")
    if len(matrix) == 4 and np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-4:
        raise InputError(
            "the camera's matrix does not end in the row 0, 0, 0, 1",
            where=where,
            expected=f"4 x 4 {what}",
            hint="a matrix for row vectors? Transpose it",
        )
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3:
        raise InputError(
            "the camera's matrix is not a rotation", where=where, expected="a matrix without scale or shear"
        )
    if np.linalg.det(rotation) < 0:
        raise InputError(
            "the camera's matrix mirrors: its axes or its world are left-handed",
            where=where,
            expected="right-handed axes, as OpenGL's and OpenCV's cameras have",
            hint="turn one axis round where the files are written, as Unity's or DirectX's need",
        )


def read_lens(values: Mapping[str, Any], where: str) -> Lens | None:
    """`fl_x` ... of nerfstudio, else `camera_angle_x`; None where neither is told, or the camera is orthographic.

    Raises `InputError` for pictures that are not square, lenses that distort and values that contradict each other.
    """
    if values.get("projection_type") == "ORTHO":
        return None
    model = values.get("camera_model")
    if model is not None and model not in _PINHOLES:
        raise InputError(f"the camera model is {model}", where=where, expected="a pinhole: views have no other lens")
    if any(abs(float(values.get(key) or 0)) > 1e-6 for key in _DISTORTION):
        raise InputError("the lens distorts (k1 ... p2)", where=where, expected="pictures that were undistorted")
    angle = values.get("camera_angle_x")
    by_angle = None
    if angle is not None:
        across, up = (math.degrees(float(values.get(f"camera_angle_{axis}") or angle)) for axis in "xy")
        if not (0 < across < 180 and 0 < up < 180):
            raise InputError(
                f"camera_angle_x is {angle!r}", where=where, expected="the full angle in radians, between 0 and pi"
            )
        by_angle = Lens.of_angle(across, up)
    if "fl_x" not in values or "w" not in values:
        return by_angle
    width, height = float(values["w"]), float(values.get("h", values["w"]))
    if width != height:
        raise InputError(
            f"the camera's pictures are {width:g} x {height:g} pixels",
            where=where,
            expected="square pictures, as the suite's views are",
            hint="render square ones, or crop pictures and cameras alike (cx, cy, w, h)",
        )
    fx = float(values["fl_x"])
    fy, cx, cy = (float(values.get(key, usual)) for key, usual in (("fl_y", fx), ("cx", width / 2), ("cy", width / 2)))
    lens = Lens(fx / width, fy / width, cx / width, cy / width)
    if not (lens.fx > 0 and lens.fy > 0 and 0 <= lens.cx <= 1 and 0 <= lens.cy <= 1):
        raise InputError("the lens looks past its picture", where=where, expected="fl_x, fl_y > 0; cx, cy inside")
    if by_angle is not None and abs(by_angle.fx / lens.fx - 1) > _SAME_LENS:
        fl_x = math.degrees(2 * math.atan(0.5 / lens.fx))
        raise InputError(
            f"fl_x says a field of view of {fl_x:.4g} degrees, camera_angle_x one of {math.degrees(float(angle)):.4g}",  # type: ignore[arg-type]
            where=where,
            expected="values that agree",
        )
    return lens
