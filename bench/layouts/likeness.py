"""Which programs write a folder like this one: by names, by grids, by sizes, by what lies beside the pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from bench.layouts.layout import Layout, find_pictures
from bench.layouts.pattern import VIDEOS
from bench.layouts.presets import PRESETS, Preset
from bench.layouts.shape import Shape

_GROUNDS = {"white": (255, 255, 255), "grey": (127, 127, 127), "#7f7f7f": (127, 127, 127)}
_SAME_GROUND = 12  # levels of 255
_COMMON = (4,)  # columns that anybody's strips have


def programs_like(shape: Shape, side: int) -> dict[str, Preset]:
    """Presets by name, the likeliest first, at the pictures' size; none where nothing but the number of views fits."""
    found = [(score, name) for name, program in PRESETS.items() if (score := _likeness(shape, side, program))]
    likely = sorted(found, key=lambda item: [-value for value in item[0]])
    return {name: replace(PRESETS[name], size=side) for _, name in likely}


def read_by(shape: Shape, program: Preset) -> bool:
    """Whether the program's own patterns read the pictures that were found, and all of their cases."""
    index = find_pictures(shape.walk.root, program.layout, shape.files)
    cases = {case for case, _ in index.pictures}
    return cases == set(shape.files)


def _likeness(shape: Shape, side: int, program: Preset) -> tuple[int, ...] | None:
    """How much speaks for it: name, size, what lies beside, ground; None: not enough."""
    layout = program.layout
    if layout.files[0].endswith(VIDEOS) or not program.azimuths or shape.sheet != _holds_several(layout):
        return None
    named = PurePosixPath(shape.layout.files[0]).name in {PurePosixPath(file).name for file in layout.files}
    sized = program.size == side
    if layout.names:
        if set(shape.layout.names) != set(layout.names) or not named:
            return None
    elif shape.sheet:
        rows, columns = shape.layout.grid
        if columns != layout.grid[1] or (layout.rows == "views" and rows != layout.grid[0]):
            return None
        if columns in _COMMON and not sized:
            return None
    elif not named or shape.count != len(program.azimuths) or shape.layout.files[0].endswith("{case}/{view}"):
        return None
    beside = [marker for marker in layout.ignore if any(shape.walk.root.rglob(marker))]
    folder = any(file.count("/") and _folder(file) == _folder(shape.layout.files[0]) for file in layout.files)
    return 1, int(sized), len(beside), int(folder), int(_same_ground(shape, program))


def _folder(file: str) -> str:
    return PurePosixPath(file).parent.name


def _holds_several(layout: Layout) -> bool:
    return "{view}" not in layout.files[0]


def _same_ground(shape: Shape, program: Preset) -> bool:
    if shape.ground is None or program.background is None:
        return shape.ground is None and program.background is None
    wanted = _GROUNDS[program.background]
    return max(abs(a - b) for a, b in zip(shape.ground, wanted, strict=True)) <= _SAME_GROUND
