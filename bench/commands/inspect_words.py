"""What `inspect` says of a folder, line by line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.commands.inspect_order import SAME_SCALE

if TYPE_CHECKING:
    from bench.layouts.order import Reading
    from bench.layouts.presets import Preset
    from bench.layouts.shape import Shape
    from bench.suite.schema import Suite

_ALIKE = {
    "mesh": "these are about equally good: the objects look alike from several sides. Look at --out PNG",
    "hull": "outlines and colours do not tell these apart, and there is no mesh to ask: look at --out PNG",
}


def of_layout(shape: Shape, side: int, programs: dict[str, Preset]) -> list[str]:
    """What names and pixels alone tell."""
    grid = "{} x {} views in each picture".format(*shape.layout.grid) if shape.sheet else "a picture a view"
    cases = f"{len(shape.files)} case{'' if len(shape.files) == 1 else 's'}"
    lines = [
        f"{cases}, {shape.count} views each, {side} x {side} pixels; {grid}"
        + (f", {shape.layout.padding} pixels between" if shape.layout.padding else ""),
        f"files: {shape.layout.files[0]}"
        + (f", in the order {', '.join(shape.layout.names)}" if shape.layout.names else ""),
        "ground: " + ("transparent" if shape.ground is None else "#{:02x}{:02x}{:02x}".format(*shape.ground)),
    ]
    if shape.walk.left_out():
        lines.append(shape.walk.left_out())
    if programs:
        shown = [f"{program.program} (layout: {name})" for name, program in list(programs.items())[:3]]
        lines.append(f"looks like what {', or '.join(shown)} writes")
    return lines


def of_order(shape: Shape, suite: Suite, found: list[Reading], scale: float | None, missed: list[str]) -> list[str]:
    """Which picture is which view, as far as it could be found."""
    from bench.layouts.order import is_lying, settled

    lines = [f"not tried, for want of time (--seconds): {'; '.join(missed)}"] if missed else []
    if not found:
        return [
            *lines,
            f"order: not looked at; it needs at least the suite's {len(suite.views.azimuths)} views (each case has "
            f"{shape.count}), and meshes or at most 16 views to hold against each other",
        ]
    if scale is not None and abs(scale - 1) > SAME_SCALE:
        lines.append(f"objects are {scale:.3g} times as large as in the suite's views: {_framing(suite, scale)}")
    best = found[0]
    for reading in found[: 1 if settled(found) else 3]:
        scores = [("outline", reading.outline), ("agreement", reading.agreement), ("look", reading.look)]
        shown = ", ".join(f"{name} {value:.3f}" for name, value in scores if not math.isnan(value))
        moved = (" mirrored" if reading.mirror else "") + (f" turned by {90 * reading.turn}°" if reading.turn else "")
        lines.append(f"order: {', '.join(map(str, reading.take))}{moved} ({shown})")
    if not settled(found):
        lines.append(_ALIKE[best.by])
        if is_lying(best):
            lines.append("nothing speaks against the pictures as they lie, so these are taken in their order")
    elif best.outline < 0.8:
        lines.append("outlines fit badly even so: another scale, projection or elevation than the suite's views")
    return lines


def _framing(suite: Suite, scale: float) -> str:
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    if cameras.projection == "orthographic":
        return f"--set views.frame={cameras.resolution / float(cameras.intrinsics[0, 0, 0]) / scale:.3f}"
    return f"about --set views.distance={float(cameras.world_to_camera[0, 2, 3]) / scale:.2f}"
