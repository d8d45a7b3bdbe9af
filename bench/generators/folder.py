"""Images that another tool made, in the documented layout or in one that is named.

    <root>/<case>/view_0.png ... view_3.png            one seed, the suite's view order
    <root>/<case>/seed_<s>/view_0.png ...              several seeds
    <root>/<case>/grid.png (or seed_<s>/grid.png)      all views in one picture, row by row

Zeros before a number do not matter (`view_00`, `000`). Tools that lay their views out otherwise are read with `layout`
(a preset by program) or `files`, `names`, `grid`, `padding`, `rows`, and `take`. Camera files beside the pictures
(`transforms.json`, `meta.json`, `000.npy`) must tell the suite's cameras: other views are refused. Where each case has
its own cameras, such files also say which picture is which view. Transparent pictures are laid over the suite's
background. Nothing is resized: a wrong size is an error, because a silent resize would change every number.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import ImageError, InputError, UsageError, nearest
from bench.generators.base import SingleCaseGenerator
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.layouts.camera_files import find_camera_files
from bench.layouts.fit import check_cameras, views_of
from bench.layouts.layout import Index, Layout, Pictures, find_pictures
from bench.layouts.listing import listing
from bench.layouts.own_cameras import check_own_cameras, own_cameras, views_seen
from bench.layouts.pattern import VIDEOS, composed
from bench.layouts.presets import Preset, preset
from bench.layouts.tiles import corners, cut, straightened
from groundwork.hashing import hash_file, hash_strings
from groundwork.notes import tell
from groundwork.pictures import picture_size, read_picture
from groundwork.walk import folders_in

_Count = Annotated[int, Field(ge=1, le=64)]
_Word = Annotated[str, Field(min_length=1, max_length=64)]
_BLANK = 2  # levels of 255 within which a picture is one colour: decoders and hazes leave that much


class FolderOptions(BaseModel):
    """Options of `folder`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path = Field(description="root of <case>/view_<i>.png, <case>/seed_<s>/view_<i>.png or <case>/grid.png")
    layout: str | None = Field(None, description="how a program lays its views out: wonder3d, zero123plus-1.2, ...")
    files: str | tuple[str, ...] | None = Field(
        None, description="patterns of file names with {case}, {view}, {seed}, such as '{case}/rgb_000_{view}'"
    )
    names: tuple[_Word, ...] | None = Field(None, description="what {view} is called, in order, where it is no number")
    first: int | None = Field(None, ge=0, le=1, description="number of the first view, where it is not 0")
    grid: tuple[_Count, _Count] | None = Field(
        None, description="rows and columns of pictures that hold several views; a strip of six is [1, 6]"
    )
    padding: int | None = Field(None, ge=0, le=1024, description="pixels between the views of such a picture")
    rows: Literal["views", "seeds"] | None = Field(
        None, description="seeds: each row of such a picture is a sample of its own"
    )
    take: tuple[Annotated[int, Field(ge=0, lt=4096)], ...] | None = Field(
        None, description="which of the tool's views are the suite's, in the suite's order, from 0; null: all of them"
    )
    mirror: bool = Field(False, description="the pictures are mirrored left to right, and are mirrored back")
    turn: Literal[0, 1, 2, 3] = Field(0, description="quarter turns counter-clockwise that set the pictures upright")
    cut_out: bool = Field(
        False, description="lay objects on the suite's background, where the pictures' own is another plain colour"
    )
    cameras: Literal["blender", "opengl", "opencv", "zero123", "ignore"] | None = Field(
        None, description="convention of camera files beside the pictures, which must be the suite's; ignore: unread"
    )


class FolderGenerator(SingleCaseGenerator):
    """Images that another tool made: <root>/<case>/view_<i>.png, .../seed_<s>/view_<i>.png or one grid.png."""

    Options: ClassVar[type[BaseModel]] = FolderOptions
    timed: ClassVar[bool] = False
    version: ClassVar[int] = 2

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        program = None if options.layout is None else preset(options.layout)
        self.layout = _layout(options, program)
        self.taken: tuple[int, ...] | None = options.take
        self.told = program is not None and not program.azimuths  # a data set's views, told by camera files
        if self.taken is None and program is not None and not self.told:
            if context.shared is None:
                raise UsageError(
                    f"generator '{name}': {program.program} makes one set of views, and each case of this suite has "
                    "cameras of its own",
                    expected="`files` in place of `layout`, or a suite with the program's views",
                    hint=program.views(),
                )
            check_cameras(program, options.layout, context.shared)
            self.taken = views_of(program, options.layout, context.shared)
        self._check_taken()
        self.root: Path = context.suite_folder / options.path
        if not self.root.is_dir():
            raise InputError(
                f"generator '{name}': the folder of images does not exist",
                where=str(self.root),
                hint="check `path` (relative to the suite file), or pass --set generators.NAME.path=DIR",
            )
        self.index = find_pictures(self.root, self.layout, {case.id for case in context.cases})
        self._check_cases(self.index)

    def _check_taken(self) -> None:
        shared = self.context.shared
        if self.taken is not None and shared is not None and len(self.taken) != (count := len(shared)):
            raise UsageError(
                f"generator '{self.name}': `take` names {len(self.taken)} views, the suite has {count}",
                expected="a number for each view of the suite, in its order",
                hint="or give the suite the views that the tool made: --set views.azimuths='[0, 90]'",
            )
        if self.taken is not None and len(set(self.taken)) < len(self.taken):
            raise UsageError(
                f"generator '{self.name}': `take` names a view twice",
                expected="different views: a view that agrees with itself proves nothing",
            )

    def _check_cases(self, index: Index) -> None:
        known = {case.id for case in self.context.cases}
        same = {composed(case) for case in known}
        strangers = [*index.strangers]
        if self.options.layout is None and self.options.files is None:
            strangers += [folder.name for folder in folders_in(self.root) if composed(folder.name) not in same]
        there = f"found {listing(index.walk)}"
        if strangers:
            raise InputError(
                f"generator '{self.name}': folder '{strangers[0]}' is not a case of the suite",
                where=str(index.strangers.get(strangers[0], self.root / strangers[0])),
                expected=f"cases of the suite only; {there}",
                hint=nearest(strangers[0], known),
            )
        if not index.pictures and not any(folders_in(self.root)):
            raise InputError(
                f"generator '{self.name}': the folder holds no case",
                where=str(self.root),
                expected=f"{' or '.join(self.layout.files[:4:2])}; {there}",
                hint=_HOW_TO_NAME,
            )

    def fingerprint(self) -> str:
        """Hash of every picture's name and bytes, and of how they are read; where the root lies does not matter."""
        walk, unmatched = self.index.walk, self.index.unmatched
        notes = [walk.left_out()] if walk.left_out() else []
        if unmatched:
            first = unmatched[0].relative_to(self.root).as_posix()
            notes.append(f"{len(unmatched)} pictures of {self.root} fit no pattern and are left out, first {first}")
        for note in notes:
            tell(f"generator '{self.name}': {note}")
        how = ["folder", str(self.version), repr(self.layout), repr(self.taken), repr(self.options.cut_out)]
        how += [repr(self.options.mirror), repr(self.options.turn)]
        if self.options.cameras != "ignore":
            own = {file for folder in {path.parent for path in walk.files} for file in find_camera_files(folder)}
            how += [f"{os.path.relpath(file, self.root)}={hash_file(file)}" for file in sorted(own)]
        how += [self.options.cameras] if self.options.cameras else []
        return hash_strings([*how, *(f"{f.relative_to(self.root)}={hash_file(f)}" for f in walk.files)])

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """Raises `ImageError` for a missing case or view, a wrong size, a blank or broken picture."""
        found = self._pictures(request)
        views = self._singles(found, request) if found.views else self._sheet(found, request)
        for view, path in views:
            if int(np.ptp(view.reshape(-1, 3), axis=0).max()) <= _BLANK:
                raise ImageError("the picture is blank: every pixel has the same colour", where=str(path))
        straight = [straightened(view, self.options.mirror, self.options.turn) for view, _ in views]
        return self._grounded(np.ascontiguousarray(np.stack(straight)), request)

    def _grounded(self, views: npt.NDArray[np.uint8], request: GenerationRequest) -> npt.NDArray[np.uint8]:
        from bench.geometry.ground import laid_on, other_ground

        found = [other_ground(view / 255.0, request.background) for view in views]
        if not any(found):
            return views
        if self.options.cut_out:
            return np.stack([laid_on(v, g, request.background) for v, g in zip(views, found, strict=True)])
        colour = next(ground for ground in found if ground)
        shown = "#" + "".join(f"{round(255 * value):02x}" for value in colour)
        tell(
            f"generator '{self.name}': its pictures have a ground of {shown}, the suite's is another: what needs the "
            "object's outline is not measurable. Say `cut_out: true`, or set views.background"
        )
        return views

    def _pictures(self, request: GenerationRequest) -> Pictures:
        case = request.case.id
        found = self.index.pictures.get((case, request.seed)) or self.index.pictures.get((case, None))
        if not found:
            seeds = self.index.seeds(case)
            raise ImageError(
                f"generator '{self.name}' has no images of case '{case}'"
                + (f" for seed {request.seed}" if seeds else ""),
                where=str(self.root / case),
                expected=f"a folder seed_<s> for each seed of the suite; of this case there are seeds {sorted(seeds)}"  # type: ignore[type-var]
                if seeds
                else f"files like {' or '.join(self.layout.files[:4:2])}; found {listing(self.index.walk)}",
                hint=_HOW_TO_NAME if not seeds else "pictures straight in the case's folder are seed 0",
            )
        kinds = {pictures.pattern for pictures in found}
        if self.layout.files == Layout().files and len(found) > 1:
            both = " and ".join(sorted(kinds))
            twice = len({"{seed}" in kind for kind in kinds}) > 1
            what = "pictures of seed 0 twice" if twice else "both a grid and single views"
            raise ImageError(
                f"case '{case}' has {what}",
                where=f"{both} in {self.root}",
                hint="keep one: pictures straight in the case's folder are seed 0 too" if twice else "keep one",
            )
        return found[0]

    def _singles(self, found: Pictures, request: GenerationRequest) -> list[tuple[npt.NDArray[np.uint8], Path]]:
        count = len(request.cameras)
        wanted = self._wanted(found, request)
        views = []
        for index in wanted:
            name, paths = self._called(index), found.views.get(index, [])
            if not paths:
                stem = found.pattern.replace("{case}", request.case.id).replace("{seed}", str(request.seed))
                named = Path(found.pattern).name
                raise ImageError(
                    f"view {name} of case '{request.case.id}' is missing",
                    where=f"{self.root / stem.replace('{view}', name)}.png",
                    expected=f"{', '.join(named.replace('{view}', self._called(i)) for i in wanted)}; "
                    f"found {listing(self.index.walk)}",
                    hint=_HOW_TO_NAME,
                )
            if len(paths) > 1:
                raise ImageError(
                    f"two pictures claim to be view_{name}: {', '.join(p.name for p in paths)}",
                    where=str(paths[0].parent),
                    hint="keep one",
                )
            views.append((_tiles(paths[0], request, (1, 1))[0], paths[0]))
        surplus = [paths[0] for index, paths in sorted(found.views.items()) if index >= count and index not in wanted]
        if self.taken is None and not self.told and surplus:
            raise ImageError(
                f"case '{request.case.id}' has more views than the suite's {count}",
                where=str(surplus[0]),
                hint="say which are the suite's (`take: [0, 2, ...]`), or choose a suite of that many azimuths",
            )
        return views

    def _wanted(self, found: Pictures, request: GenerationRequest) -> tuple[int, ...]:
        """Numbers of the pictures that are the suite's views; cameras told beside them must be the suite's."""
        wanted = self.taken or tuple(range(len(request.cameras)))
        if len(wanted) != len(request.cameras):
            raise ImageError(
                f"`take` names {len(wanted)} views, case '{request.case.id}' has {len(request.cameras)} cameras",
                hint="say which cameras are its views: views.cameras.take",
            )
        if self.options.cameras == "ignore" and not self.told:
            return wanted
        told = request.case.cameras
        up, usual = ("z", None) if told is None else (told.up, told.convention)
        own = own_cameras(found.views, self.options.cameras or usual, up)
        where = next(iter(found.views.values()))[0].parent
        if self.taken is None and (self.told or (told is not None and own)):
            wanted = views_seen(own, request.cameras, where)
        check_own_cameras(own, wanted, request.cameras, where)
        return wanted

    def _called(self, index: int) -> str:
        """What a view is called in file names."""
        return self.layout.names[index] if index < len(self.layout.names) else str(index + self.layout.first)

    def _sheet(self, found: Pictures, request: GenerationRequest) -> list[tuple[npt.NDArray[np.uint8], Path]]:
        count, size = len(request.cameras), request.cameras.resolution
        if len(found.sheets) > 1:
            raise ImageError(
                f"two pictures claim to be {found.pattern}: {', '.join(p.name for p in found.sheets)}",
                where=str(found.sheets[0].parent),
                hint="keep one",
            )
        path, (rows, columns) = found.sheets[0], self.layout.grid
        by_seed = self.layout.rows == "seeds"
        is_video = path.suffix.lower() in VIDEOS
        if not is_video:
            self._check_count(path, columns if by_seed else rows * columns, count)
        if is_video:
            from bench.layouts.video import read_frames

            tiles = np.stack([cut(frame, (1, 1), size, 0, str(path))[0] for frame in read_frames(path)])
        else:
            tiles = _tiles(path, request, (None if by_seed else rows, columns), self.layout.padding)
        if by_seed:
            if (request.seed + 1) * columns > len(tiles):
                raise ImageError(
                    f"case '{request.case.id}' has no row for seed {request.seed}",
                    where=str(path),
                    expected=f"seeds 0 to {len(tiles) // columns - 1}: each row is one",
                )
            tiles = tiles[request.seed * columns : (request.seed + 1) * columns]
        self._check_count(path, len(tiles), count)
        return [(tiles[index], path) for index in self.taken or range(count)]

    def _check_count(self, path: Path, held: int, count: int) -> None:
        taken = self.taken or tuple(range(held))
        if len(taken) != count or max(taken) >= held:
            rows, columns = self.layout.grid
            shape = f"a grid of {rows} x {columns}" if held == rows * columns else "the picture"
            raise ImageError(
                f"{shape} holds {held} views, the suite has {count}",
                where=str(path),
                hint="say how it is laid out (`grid: [rows, columns]`) and which are the suite's (`take: [0, 2, ...]`)",
            )


def _tiles(
    path: Path, request: GenerationRequest, grid: tuple[int | None, int], padding: int = 0
) -> npt.NDArray[np.uint8]:
    """Views of a picture file, uint8 (N, S, S, 3); one of another size is refused by its header, before it is decoded.

    A file of a few kilobytes may hold gigabytes of pixels.
    """
    size, where = request.cameras.resolution, str(path)
    corners(*picture_size(path), grid, size, padding, where)
    return cut(read_picture(path, request.background), grid, size, padding, where)


_HOW_TO_NAME = (
    "say how it is laid out: `files: '{case}/rgb_{view}'` with `names`, or `layout: PROGRAM`; "
    "realiz3d-bench inspect FOLDER finds it"
)


def _layout(options: FolderOptions, program: Preset | None) -> Layout:
    """The options' layout; what they leave open is the program's, or the documented one."""
    base = Layout() if program is None else program.layout
    files = base.files if options.files is None else options.files
    return Layout(
        files=(files,) if isinstance(files, str) else files,
        names=base.names if options.names is None else options.names,
        first=base.first if options.first is None else options.first,
        grid=base.grid if options.grid is None else options.grid,
        padding=base.padding if options.padding is None else options.padding,
        rows=base.rows if options.rows is None else options.rows,
        ignore=base.ignore,
    )
