"""Images that another tool made, in the documented layout.

    <root>/<case>/view_0.png ... view_3.png            one seed, the suite's view order
    <root>/<case>/seed_<s>/view_0.png ...              several seeds
    <root>/<case>/grid.png (or seed_<s>/grid.png)      all views in one picture, row by row

Tools that make other views than the suite's, or lay them out otherwise, are read with `grid` and `take`. PNG, JPEG or
WebP, RGB or RGBA (laid over the suite's background). Nothing is resized: a wrong size is an error, because a silent
resize would change every number.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import ImageError, InputError, UsageError, nearest
from bench.generators.base import SingleCaseGenerator
from bench.generators.protocol import GenerationRequest, GeneratorContext
from groundwork.hashing import hash_file, hash_strings
from groundwork.pictures import SUFFIXES, read_picture


class FolderOptions(BaseModel):
    """Options of `folder`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path = Field(description="root of <case>/view_<i>.png, <case>/seed_<s>/view_<i>.png or <case>/grid.png")
    grid: tuple[Annotated[int, Field(ge=1, le=64)], Annotated[int, Field(ge=1, le=64)]] = Field(
        (2, 2), description="rows and columns of grid.png; a strip of six views is [1, 6]"
    )
    take: tuple[Annotated[int, Field(ge=0, lt=4096)], ...] | None = Field(
        None, description="which of the tool's views are the suite's, in the suite's order, from 0; null: all of them"
    )


class FolderGenerator(SingleCaseGenerator):
    """Images that another tool made: <root>/<case>/view_<i>.png, .../seed_<s>/view_<i>.png or one grid.png."""

    Options: ClassVar[type[BaseModel]] = FolderOptions
    timed: ClassVar[bool] = False

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        self.grid, self.taken = options.grid, options.take
        if self.taken is not None and len(self.taken) != len(context.cameras):
            raise UsageError(
                f"generator '{name}': `take` names {len(self.taken)} views, the suite has {len(context.cameras)}",
                expected="a number for each view of the suite, in its order",
                hint="or give the suite the views that the tool made: --set views.azimuths='[0, 90]'",
            )
        if self.taken is not None and len(set(self.taken)) < len(self.taken):
            raise UsageError(
                f"generator '{name}': `take` names a view twice",
                expected="different views: agreeing with oneself is no consistency",
            )
        self.root: Path = context.suite_folder / options.path
        if not self.root.is_dir():
            raise InputError(
                f"generator '{name}': the folder of images does not exist",
                where=str(self.root),
                hint="check `path` (relative to the suite file), or pass --set generators.NAME.path=DIR",
            )
        folders = [entry for entry in sorted(self.root.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
        if not folders:
            raise InputError(
                f"generator '{name}': the folder holds no case",
                where=str(self.root),
                expected="<case>/view_0.png ... or <case>/grid.png",
            )
        known = {case.id for case in context.cases}
        for folder in folders:
            if folder.name not in known:
                raise InputError(
                    f"generator '{name}': folder '{folder.name}' is no case of the suite",
                    where=str(folder),
                    hint=nearest(folder.name, known),
                )

    def fingerprint(self) -> str:
        """Hash of every picture's name and bytes, and of how they are read; where the root lies does not matter."""
        files = [f for f in sorted(self.root.rglob("*")) if f.suffix.lower() in SUFFIXES and f.is_file()]
        layout = [] if self.grid == (2, 2) else [f"grid={self.grid}"]
        layout += [] if self.taken is None else [f"take={self.taken}"]
        return hash_strings(
            ["folder", str(self.version), *layout, *(f"{f.relative_to(self.root)}={hash_file(f)}" for f in files)]
        )

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """Raises `ImageError` for a missing case or view, a wrong size, a blank or broken picture."""
        folder = self._case_folder(request)
        count, size = len(request.cameras), request.cameras.resolution
        grid = _picture_file(folder, "grid")
        surplus = _surplus_view(folder, count) if self.taken is None else None
        if grid is not None:
            if _picture_file(folder, "view_0") is not None:
                raise ImageError(
                    f"case '{request.case.id}' has both a grid and single views", where=str(folder), hint="keep one"
                )
            return self._grid(grid, count, size, request)
        views = []
        wanted = self.taken or tuple(range(count))
        for index in wanted:
            path = _picture_file(folder, f"view_{index}")
            if path is None:
                raise ImageError(
                    f"view {index} of case '{request.case.id}' is missing",
                    where=str(folder / f"view_{index}.png"),
                    expected=f"view_{', view_'.join(map(str, wanted))} (PNG, JPEG or WebP), or one grid.png",
                )
            picture = read_picture(path, request.background)
            _check(picture, (size, size), path)
            views.append(picture)
        if surplus is not None:
            raise ImageError(
                f"case '{request.case.id}' has more views than the suite's {count}",
                where=str(surplus),
                hint="say which are the suite's (`take: [0, 2, ...]`), or choose a suite of that many azimuths",
            )
        return np.stack(views)

    def _case_folder(self, request: GenerationRequest) -> Path:
        folder = self.root / request.case.id
        if not folder.is_dir():
            raise ImageError(
                f"generator '{self.name}' has no images of case '{request.case.id}'",
                where=str(folder),
                hint="make the case, or leave the row incomplete: the others are scored all the same",
            )
        seeded = folder / f"seed_{request.seed}"
        if seeded.is_dir():
            if request.seed == 0 and any(_picture_file(folder, stem) for stem in ("view_0", "grid")):
                raise ImageError(
                    f"case '{request.case.id}' has pictures of seed 0 twice",
                    where=f"{folder} and {seeded}",
                    hint="keep one: pictures straight in the case's folder are seed 0 too",
                )
            return seeded
        if request.seed == 0 and not any(entry.is_dir() for entry in folder.glob("seed_*")):
            return folder
        raise ImageError(
            f"generator '{self.name}' has no images of case '{request.case.id}' for seed {request.seed}",
            where=str(seeded),
            expected="a folder seed_<s> for each seed of the suite (pictures straight in the case's folder are seed 0)",
        )

    def _grid(self, path: Path, count: int, size: int, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        rows, columns = self.grid
        taken = list(self.taken or range(rows * columns))
        if len(taken) != count or max(taken) >= rows * columns:
            raise ImageError(
                f"a grid of {rows} x {columns} holds {rows * columns} views, the suite has {count}",
                where=str(path),
                hint="say how it is laid out (`grid: [rows, columns]`) and which are the suite's (`take: [0, 2, ...]`)",
            )
        picture = read_picture(path, request.background)
        if picture.shape[:2] != (rows * size, columns * size):
            raise _wrong_size(picture, (rows * size, columns * size), path)
        tiles = picture.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(rows * columns, size, size, 3)
        for tile in tiles[taken]:
            _check(tile, (size, size), path)
        return np.ascontiguousarray(tiles[taken])


def _picture_file(folder: Path, stem: str) -> Path | None:
    found = sorted(path for path in _pictures(folder) if path.stem == stem)
    if len(found) > 1:
        raise ImageError(
            f"two pictures claim to be {stem}: {', '.join(p.name for p in found)}", where=str(folder), hint="keep one"
        )
    return found[0] if found else None


def _pictures(folder: Path) -> list[Path]:
    """Pictures by their suffix, in whatever case it is written."""
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]


def _surplus_view(folder: Path, count: int) -> Path | None:
    found = [
        path for path in _pictures(folder) if (n := re.fullmatch(r"view_([0-9]+)", path.stem)) and int(n[1]) >= count
    ]
    return min(found, default=None)


def _wrong_size(picture: npt.NDArray[np.uint8], expected: tuple[int, int], path: Path) -> ImageError:
    return ImageError(
        f"the picture is {picture.shape[1]} x {picture.shape[0]} pixels",
        where=str(path),
        expected=f"{expected[1]} x {expected[0]}",
        hint="images are never resized silently: make them at the suite's resolution, or --set views.resolution=N",
    )


def _check(picture: npt.NDArray[np.uint8], size: tuple[int, int], path: Path) -> None:
    if picture.shape[:2] != size:
        raise _wrong_size(picture, size, path)
    if (picture == picture[:1, :1]).all():
        raise ImageError("the picture is blank: every pixel has the same colour", where=str(path))
