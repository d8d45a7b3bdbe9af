"""Whether a program's cameras are the suite's, and which of its views are the suite's."""

from __future__ import annotations

import numpy as np

from bench.errors import UsageError
from bench.geometry.cameras import Cameras
from bench.layouts.presets import Preset

_SAME_ANGLE = 1.0  # degrees
_SAME_LENS = 0.01  # of fov, distance, frame


def check_cameras(program: Preset, name: str, cameras: Cameras) -> None:
    """Raises `UsageError` where the suite looks through another lens than the program did."""
    tangent = cameras.resolution / 2 / float(cameras.intrinsics[0, 1, 1])
    has: dict[str, object] = {"projection": cameras.projection}
    if cameras.projection == "perspective":
        has |= {"fov": float(2 * np.rad2deg(np.arctan(tangent))), "distance": float(cameras.world_to_camera[0, 2, 3])}
    else:
        has |= {"frame": 2 * tangent}
    for key, value in has.items():
        wanted = getattr(program, key)
        same = value == wanted if isinstance(wanted, str) else wanted and abs(float(value) / wanted - 1) <= _SAME_LENS  # type: ignore[arg-type]
        if wanted is not None and not same:
            shown = value if isinstance(value, str) else f"{value:.4g}"
            raise UsageError(
                f"layout '{name}': {program.program} has {key} {wanted}, the suite {shown}",
                expected=f"the program's cameras, such as {program.views()}",
                hint="change the suite's views; with `take` instead of its own choice of views this is not checked",
            )


def views_of(program: Preset, name: str, cameras: Cameras) -> tuple[int, ...]:
    """For each view of the suite the program's that looks the same way. Raises `UsageError` where there is none."""
    taken = []
    for azimuth, elevation in cameras.angles:
        close = [
            index
            for index, (a, e) in enumerate(program.directions)
            if (e is None or abs(e - elevation) <= _SAME_ANGLE) and abs((a - azimuth + 180) % 360 - 180) <= _SAME_ANGLE
        ]
        if not close:
            raise UsageError(
                f"layout '{name}': {program.program} makes no view of azimuth {azimuth:g} and elevation {elevation:g}",
                expected=f"views among its own: {program.views()}",
                hint="change the suite's views, or name the program's with `take`",
            )
        taken.append(close[0])
    return tuple(taken)
