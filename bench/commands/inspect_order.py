"""How `inspect` finds which picture is which view: against the meshes, else by the pictures' own hull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import ImageError, InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.cases.case import Case
    from bench.layouts.budget import Budget
    from bench.layouts.order import Reading
    from bench.layouts.shape import Shape
    from bench.suite.schema import Suite

_CASES = 6  # that are looked at: more say the same
_CASES_BY_HULL = 2  # hulls of every order take seconds
SAME_SCALE = 0.03


def tiles_of(shape: Shape) -> dict[str, npt.NDArray[np.uint8]]:
    """Views of the first cases whose pictures can be read, uint8 (N, S, S, 4). Raises `InputError` without any."""
    import numpy as np

    from groundwork.pictures import read_rgba

    found: dict[str, npt.NDArray[np.uint8]] = {}
    broken = ""
    for case, paths in shape.files.items():
        if len(found) == _CASES:
            break
        try:
            pictures = [read_rgba(path) for path in paths]
        except ImageError as error:
            broken = f"; {error.message}: {error.where}"
            continue
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
        if len({picture.shape for picture in pictures}) == 1 and len(pictures) == shape.count:
            found[case] = np.stack(pictures)
    if not found:
        raise InputError(f"no case has pictures of one size{broken}", where=str(shape.walk.root))
    return found


def readings_by(
    suite: Suite, cases: tuple[Case, ...], shape: Shape, tiles: dict[str, Any], budget: Budget, out: Path | None
) -> tuple[list[Reading], float | None]:
    """Against the meshes, and how large objects are beside them; without meshes against the pictures' own hull.

    None with too few views, or, without meshes, with more than are looked at. `out`: where the evidence goes.
    """
    from bench.layouts.order import SIDE, known, readings, rescaled, scale_of
    from bench.layouts.report import evidence, save
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    meshes = {case.id: case.mesh for case in cases if case.mesh is not None and case.id in tiles}
    if shape.count < len(cameras):
        return [], None
    if not meshes:
        return _by_hull(suite, shape, tiles, budget, out), None
    things = {case: known(mesh.load(), cameras) for case, mesh in meshes.items()}
    small = {case: small_views(tiles[case], shape.ground, SIDE) for case in things}
    scale = scale_of([small[case] for case in things], list(things.values()))
    if abs(scale - 1) > SAME_SCALE:
        small = {case: rescaled(pictures, 1 / scale) for case, pictures in small.items()}
    found = readings([small[case] for case in things], list(things.values()), budget=budget)
    if out is not None:
        masks = {case: thing.mask for case, thing in things.items()}
        save(evidence(small, masks, found, suite.views.directions, _title(shape, found)), out)
    return found, scale


def _by_hull(suite: Suite, shape: Shape, tiles: dict[str, Any], budget: Budget, out: Path | None) -> list[Reading]:
    from bench.layouts.hull_order import MOST_VIEWS, hull_outlines, hull_readings
    from bench.layouts.order import SIDE
    from bench.layouts.report import evidence, save
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    if len(cameras) < 2 or shape.count > MOST_VIEWS:
        return []
    small = {case: small_views(tiles[case], shape.ground, SIDE) for case in list(tiles)[:_CASES_BY_HULL]}
    found = hull_readings(list(small.values()), cameras, budget=budget)
    if out is not None:
        masks = {case: hull_outlines(views, found[0], cameras) for case, views in small.items()}
        save(evidence(small, masks, found, suite.views.directions, _title(shape, found)), out)
    return found


def _title(shape: Shape, found: list[Reading]) -> str:
    from bench.layouts.order import settled

    return f"{shape.walk.root.name}: {shape.layout.files[0]}" + ("" if settled(found) else "  (order not settled)")


def small_views(
    tiles: npt.NDArray[np.uint8], ground: tuple[int, int, int] | None, side: int
) -> npt.NDArray[np.float64]:
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


def for_cameras(cases: tuple[Case, ...], tiles: dict[str, Any], shape: Shape) -> dict[str, npt.NDArray[np.float64]]:
    """As `small_views`, to be held against cameras that files tell; nothing without cases."""
    if not cases:
        return {}
    from bench.layouts.order import SIDE

    return {case: small_views(views, shape.ground, min(views.shape[1], SIDE)) for case, views in tiles.items()}
