"""Views that share a picture: grids and strips, with or without a border between them, cut into views."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from groundwork.errors import ImageError

Tiles = npt.NDArray[np.uint8]
Values = TypeVar("Values", bound=np.generic)


def cut(picture: Tiles, grid: tuple[int | None, int], side: int, padding: int, where: str) -> Tiles:
    """Views of a picture (H, W, 3), row by row, uint8 (rows * columns, side, side, 3).

    `padding` pixels lie between views, and may lie round them too. Rows that are None are as many as there are. Raises
    `ImageError` when the picture is not of that size.
    """
    down, right = corners(picture.shape[1], picture.shape[0], grid, side, padding, where)
    return np.stack([picture[y : y + side, x : x + side] for y in down for x in right])


def corners(
    width: int, height: int, grid: tuple[int | None, int], side: int, padding: int, where: str
) -> tuple[list[int], list[int]]:
    """Where the rows and the columns of views begin in a picture of that size, as `cut`; its header tells enough."""
    rows, columns = grid
    counted = rows if rows is not None else max(1, round(height / (side + padding)))
    down, right = _starts(height, counted, side, padding), _starts(width, columns, side, padding)
    if down is None or right is None:
        border = f" with {padding} pixels between" if padding else ""
        raise ImageError(
            f"the picture is {width} x {height} pixels",
            where=where,
            expected=f"{columns * side + padding * (columns - 1)} x {counted * side + padding * (counted - 1)}: "
            f"{counted} x {columns} views of {side} x {side}{border}",
            hint="images are never resized silently: make them at the suite's resolution, or --set views.resolution=N; "
            "for another grid say `grid: [rows, columns]`, for borders `padding: PIXELS`; "
            "realiz3d-bench inspect FOLDER finds both",
        )
    return down, right


def straightened(view: npt.NDArray[Values], mirror: bool, turn: int) -> npt.NDArray[Values]:
    """A picture (H, W, 3) once mirrored left to right, then turned by quarter turns counter-clockwise."""
    return np.rot90(view[:, ::-1] if mirror else view, turn)


def _starts(length: int, count: int, side: int, padding: int) -> list[int] | None:
    for before in (0, padding):
        if length == count * side + (count - 1) * padding + 2 * before:
            return [before + i * (side + padding) for i in range(count)]
    return None
