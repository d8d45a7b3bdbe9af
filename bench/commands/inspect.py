"""`inspect`: how a folder of pictures is laid out, which picture is which view, and the suite's entry to paste."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note
from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.cases.case import Case
    from bench.layouts.order import Reading
    from bench.layouts.shape import Shape
    from bench.suite.schema import Suite

_CASES = 6  # that are looked at: more say the same
_CASES_BY_HULL = 2  # hulls of every order take seconds
_SAME_SCALE = 0.03


def inspect(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures that some tool made.")],
    suite: Annotated[
        str | None, flags.flag("--suite", "The suite whose cases and views they are meant for.", metavar="SUITE")
    ] = None,
    overrides: flags.Set = None,
    cameras: Annotated[
        str | None,
        flags.flag(
            "--cameras",
            "Convention of camera files beside the pictures: blender (opengl), opencv or zero123; tried if left out.",
        ),
    ] = None,
    out: Annotated[Path | None, flags.flag("--out", "Write the evidence there as a picture.", metavar="PNG")] = None,
    as_json: flags.Json = False,
) -> None:
    """Find out how a folder of pictures is laid out: pattern, grid, ground, and, by the meshes, order and mirroring."""
    if not folder.is_dir():
        raise InputError("there is no such folder of images", where=str(folder))
    from bench.commands.inspect_cameras import about_cameras, agreement_line, readings_of
    from bench.layouts.report import entry
    from bench.layouts.shape import find_shape, ground_of
    from bench.suite.folder import folder_name

    loaded, cases = _suite(suite, overrides)
    shape = find_shape(folder, [case.id for case in cases])
    tiles = _tiles(shape)
    shape = replace(shape, ground=ground_of(next(iter(tiles.values()))[0]))
    side = next(iter(tiles.values())).shape[1]
    small = _for_cameras(cases, tiles, shape)
    ways = readings_of(shape, cases, small, cameras)
    views, told = about_cameras(folder, shape, side, cameras, ways)
    one_set = loaded is not None and loaded.views.cameras is None and "cameras" not in (views or {})
    found, scale = _readings(loaded, cases, shape, tiles, out) if loaded is not None and one_set else ([], None)
    cut_out = shape.ground is not None and max(abs(v - 255) for v in shape.ground) > 40
    if loaded is not None and shape.ground is not None:
        cut_out = max(abs(v - round(255 * b)) for v, b in zip(shape.ground, loaded.views.rgb, strict=True)) > 40
    best = found[0] if found and _settled(found) else None
    paste = entry(shape, folder_name(folder), folder, best or (found[0] if found else None), cut_out)
    said = _words(shape, side, loaded if one_set else None, found, scale)
    if loaded is not None and not one_set:
        said[-1] = "order: that of the cameras, of which each case has its own"
    said += told if told or not cases else agreement_line(cases, small)
    if as_json:
        answer_json(
            {
                "files": shape.layout.files[0], "names": list(shape.layout.names), "first": shape.layout.first,
                "grid": list(shape.layout.grid) if shape.sheet else None, "padding": shape.layout.padding,
                "views": shape.count, "resolution": side, "ground": shape.ground, "cases": sorted(shape.files),
                "readings": [asdict(reading) | {"total": reading.total} for reading in found],
                "settled": _settled(found) if found else None, "scale": scale, "cameras": views,
                "camera_readings": [asdict(way) for way in ways[0]], "entry": paste,
            }
        )  # fmt: skip
        return
    for line in said:
        note(line)
    answer(f"generators:\n  {paste}")


def _suite(name: str | None, overrides: list[str] | None) -> tuple[Suite | None, tuple[Case, ...]]:
    if name is None:
        return None, ()
    from bench.run.plan import suite_cases
    from bench.suite.load import load_suite

    loaded = load_suite(name, overrides or ())
    return loaded, suite_cases(loaded)


def _tiles(shape: Shape) -> dict[str, npt.NDArray[np.uint8]]:
    """Views of the first cases, uint8 (N, S, S, 4)."""
    import numpy as np

    from groundwork.pictures import read_rgba

    found = {}
    for case, paths in list(shape.files.items())[:_CASES]:
        pictures = [read_rgba(path) for path in paths]
        if shape.sheet:
            rows, columns = shape.layout.grid
            picture, padding = pictures[0], shape.layout.padding
            side = (picture.shape[0] - padding * (rows - 1)) // rows
            around = padding if picture.shape[0] != rows * side + padding * (rows - 1) else 0
            if padding and (picture.shape[0] - padding * (rows + 1)) % rows == 0:
                side, around = (picture.shape[0] - padding * (rows + 1)) // rows, padding
                if columns * side + padding * (columns + 1) != picture.shape[1]:
                    side, around = (picture.shape[0] - padding * (rows - 1)) // rows, 0
            steps = [around + i * (side + padding) for i in range(max(rows, columns))]
            pictures = [picture[y : y + side, x : x + side] for y in steps[:rows] for x in steps[:columns]]
        if len({picture.shape for picture in pictures}) == 1:
            found[case] = np.stack(pictures)
    if not found:
        raise InputError("no case has pictures of one size", where=str(shape.walk.root))
    return found


def _readings(
    suite: Suite, cases: tuple[Case, ...], shape: Shape, tiles: dict[str, Any], out: Path | None
) -> tuple[list[Reading], float | None]:
    """Against the meshes, and how large objects are beside them; without meshes against the pictures' own hull.

    None with too few views, or, without meshes, with more than are looked at.
    """
    from bench.layouts.order import SIDE, known, readings, rescaled, scale_of
    from bench.layouts.report import evidence, save
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    meshes = {case.id: case.mesh for case in cases if case.mesh is not None and case.id in tiles}
    if shape.count < len(cameras):
        return [], None
    if not meshes:
        return _by_hull(suite, shape, tiles, out), None
    things = {case: known(mesh.load(), cameras) for case, mesh in meshes.items()}
    small = {case: _small(tiles[case], shape.ground, SIDE) for case in things}
    scale = scale_of([small[case] for case in things], list(things.values()))
    if abs(scale - 1) > _SAME_SCALE:
        small = {case: rescaled(pictures, 1 / scale) for case, pictures in small.items()}
    found = readings([small[case] for case in things], list(things.values()))
    if out is not None:
        masks = {case: thing.mask for case, thing in things.items()}
        save(evidence(small, masks, found, suite.views.directions, _title(shape, found)), out)
    return found, scale


def _by_hull(suite: Suite, shape: Shape, tiles: dict[str, Any], out: Path | None) -> list[Reading]:
    from bench.layouts.hull_order import MOST_VIEWS, hull_outlines, hull_readings
    from bench.layouts.order import SIDE
    from bench.layouts.report import evidence, save
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    if len(cameras) < 2 or shape.count > MOST_VIEWS:
        return []
    small = {case: _small(tiles[case], shape.ground, SIDE) for case in list(tiles)[:_CASES_BY_HULL]}
    found = hull_readings(list(small.values()), cameras)
    if out is not None:
        masks = {case: hull_outlines(views, found[0], cameras) for case, views in small.items()}
        save(evidence(small, masks, found, suite.views.directions, _title(shape, found)), out)
    return found


def _title(shape: Shape, found: list[Reading]) -> str:
    return f"{shape.walk.root.name}: {shape.layout.files[0]}" + ("" if _settled(found) else "  (order not settled)")


def _small(tiles: npt.NDArray[np.uint8], ground: tuple[int, int, int] | None, side: int) -> npt.NDArray[np.float64]:
    """Pictures (N, side, side, 3) in [0, 1], their objects on white."""
    import numpy as np
    from PIL import Image

    from bench.geometry.ground import laid_on
    from groundwork.pictures import composite

    white = (1.0, 1.0, 1.0)
    opaque = [composite(tile, white) for tile in tiles]
    if ground is not None and min(ground) < 215:
        red, green, blue = (value / 255 for value in ground)
        opaque = [laid_on(tile, (red, green, blue), white) for tile in opaque]
    size = (side, side)
    return np.stack([np.asarray(Image.fromarray(tile).resize(size, Image.Resampling.BOX)) / 255.0 for tile in opaque])


def _for_cameras(cases: tuple[Case, ...], tiles: dict[str, Any], shape: Shape) -> dict[str, npt.NDArray[np.float64]]:
    if not cases:
        return {}
    from bench.layouts.order import SIDE

    return {case: _small(views, shape.ground, min(views.shape[1], SIDE)) for case, views in tiles.items()}


def _settled(found: list[Reading]) -> bool:
    from bench.layouts.order import settled

    return settled(found)


_ALIKE = {
    "mesh": "these are about equally good: the objects look alike from several sides. Look at --out PNG",
    "hull": "outlines and colours do not tell these apart, and there is no mesh to ask: look at --out PNG",
}


def _words(shape: Shape, side: int, suite: Suite | None, found: list[Reading], scale: float | None) -> list[str]:
    grid = "{} x {} views in each picture".format(*shape.layout.grid) if shape.sheet else "a picture a view"
    lines = [
        f"{len(shape.files)} cases, {shape.count} views each, {side} x {side} pixels; {grid}"
        + (f", {shape.layout.padding} pixels between" if shape.layout.padding else ""),
        f"files: {shape.layout.files[0]}"
        + (f", in the order {', '.join(shape.layout.names)}" if shape.layout.names else ""),
        "ground: " + ("transparent" if shape.ground is None else "#{:02x}{:02x}{:02x}".format(*shape.ground)),
    ]
    if shape.walk.left_out():
        lines.append(shape.walk.left_out())
    if suite is None:
        return [*lines, "order: not looked at; --suite SUITE tries every order, mirroring and turn against its meshes"]
    if suite.views.resolution != side:
        lines.append(f"the suite's views are {suite.views.resolution} pixels: --set views.resolution={side}")
    if not found:
        return [
            *lines,
            f"order: not looked at; it needs at least the suite's {len(suite.views.azimuths)} views, and meshes or at "
            "most 8 views to hold against each other",
        ]
    if scale is not None and abs(scale - 1) > _SAME_SCALE:
        lines.append(f"objects are {scale:.3g} times as large as in the suite's views: {_framing(suite, scale)}")
    best = found[0]
    for reading in found[: 1 if _settled(found) else 3]:
        scores = [("outline", reading.outline), ("agreement", reading.agreement), ("look", reading.look)]
        shown = ", ".join(f"{name} {value:.3f}" for name, value in scores if not math.isnan(value))
        moved = (" mirrored" if reading.mirror else "") + (f" turned by {90 * reading.turn}°" if reading.turn else "")
        lines.append(f"order: {', '.join(map(str, reading.take))}{moved} ({shown})")
    if not _settled(found):
        lines.append(_ALIKE[best.by])
    elif best.outline < 0.8:
        lines.append("outlines fit badly even so: another scale, projection or elevation than the suite's views")
    return lines


def _framing(suite: Suite, scale: float) -> str:
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    if cameras.projection == "orthographic":
        return f"--set views.frame={cameras.resolution / float(cameras.intrinsics[0, 0, 0]) / scale:.3f}"
    return f"about --set views.distance={float(cameras.world_to_camera[0, 2, 3]) / scale:.2f}"
