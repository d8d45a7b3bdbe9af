"""Folders as programs write them, from views that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench.layouts.presets import PRESETS
from bench.suite.views import Views


def suite_views(name: str, size: int, order: slice = slice(None)) -> Views:
    """The program's views as a suite's, at `size` pixels."""
    program = PRESETS[name]
    fields = {key: getattr(program, key) for key in ("projection", "fov", "distance", "frame")}
    azimuths, elevation = zip(*program.directions, strict=True)
    elevation = tuple(e or 0.0 for e in elevation)
    given = {key: value for key, value in fields.items() if value is not None}
    return Views(azimuths=azimuths[order], elevation=elevation[order], resolution=size, **given)


def write_as(name: str, root: Path, case: str, views: np.ndarray, first: bool = False) -> None:
    """`views` uint8 (V, S, S, C) of one case, where the preset's program puts them.

    first: by the first of its patterns, else by the plainest. Tiles of a grid that are no views are filled with the
    first one, turned upside down.
    """
    layout = PRESETS[name].layout
    pattern = layout.files[0] if first or "**" not in layout.files[0] else layout.files[-1]
    at = pattern.replace("**/", "some/where/").replace("{case}", case).replace("{seed}", "0").replace("*", "x")
    if "{view}" in pattern:
        for index, view in enumerate(views):
            called = layout.names[index] if layout.names else f"{index:04d}"
            _save(view, root / (at.replace("{view}", called) + ".png"))
        return
    rows, columns = layout.grid
    spare = np.repeat(views[:1, ::-1], rows * columns - len(views), axis=0)
    tiles = np.concatenate([views, spare]).reshape(rows, columns, *views.shape[1:])
    _save(np.concatenate([np.concatenate(list(row), axis=1) for row in tiles]), root / (at + ".png"))


def _save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
