"""`inspect`: how a folder of pictures is laid out, which picture is which view, and the suite's entry to paste."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.cases.case import Case
    from bench.layouts.order import Reading
    from bench.layouts.shape import Shape
    from bench.suite.schema import Suite

_SECONDS = 60.0
_OTHER_GROUND = 40  # levels of 255
_NO_SUITE = "order: not looked at; --suite SUITE tries every order, mirroring and turn against its meshes"


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
    seconds: Annotated[
        float, flags.flag("--seconds", "Time for trying orders; what was not tried is said.", min=0, metavar="SECONDS")
    ] = _SECONDS,
    out: Annotated[Path | None, flags.flag("--out", "Write the evidence there as a picture.", metavar="PNG")] = None,
    as_json: flags.Json = False,
) -> None:
    """Find out how a folder of pictures is laid out: pattern, grid, ground, and, by the meshes, order and mirroring."""
    if not folder.is_dir():
        raise InputError("there is no such folder of images", where=str(folder))
    from bench.commands.inspect_choice import Choice, by_the_suite, choose, held_against, views_to_paste
    from bench.commands.inspect_order import for_cameras, readings_by, tiles_of
    from bench.commands.inspect_words import of_layout, of_order
    from bench.layouts.budget import Budget
    from bench.layouts.likeness import programs_like
    from bench.layouts.report import entry
    from bench.layouts.shape import find_shape, ground_of
    from bench.suite.folder import folder_name
    from groundwork.progress import Reporter

    loaded, cases = _suite(suite, overrides)
    shape = find_shape(folder, [case.id for case in cases])
    tiles = tiles_of(shape)
    shape = replace(shape, ground=ground_of(next(iter(tiles.values()))[0]))
    side = next(iter(tiles.values())).shape[1]
    programs = programs_like(shape, side)
    said = of_layout(shape, side, programs)
    if not as_json:  # at once: what follows takes a while
        for line in said:
            note(line)
    from bench.commands.inspect_cameras import about_cameras, agreement_line, readings_of

    path = _path(folder, loaded)
    small = for_cameras(cases, tiles, shape)
    ways = readings_of(shape, cases, small, cameras)
    told_views, told = about_cameras(path, shape, side, cameras, ways)
    of_each = (loaded is not None and loaded.views.cameras is not None) or "cameras" in (told_views or {})
    choice = Choice() if told_views is not None or of_each else choose(shape, side, programs, loaded)
    found: list[Reading] = []
    scale, budget = None, Budget(seconds, None if as_json else Reporter())
    if loaded is not None and not of_each:
        by_mesh = any(case.mesh is not None and case.id in tiles for case in cases)
        own = None
        if by_mesh and not choice.fits:
            found, scale = readings_by(loaded, cases, shape, tiles, budget, out)
            own = by_the_suite(loaded, side, found)
            choice = own or choice
        seen = loaded if choice.views is None else loaded.model_copy(update={"views": choice.views})
        if own is None and (by_mesh or choice.program is None):
            found, scale = readings_by(seen, cases, shape, tiles, budget, out)
        words = [] if choice.program is not None and not by_mesh else of_order(shape, seen, found, scale, budget.missed)
    else:
        words = ["order: that of the cameras, of which each case has its own"] if of_each else [_NO_SUITE]
    choice = held_against(choice, found)
    words += [*choice.said, *(told if told or not cases else agreement_line(cases, small))]
    reading = found[0] if found and choice.program is None else None
    paste = entry(shape, folder_name(folder), path, reading, _is_other_ground(shape, loaded), choice.program)
    views = views_to_paste(told_views if told_views is not None else choice.views, loaded)
    if as_json:
        from bench.layouts.order import settled

        answer_json(
            {
                "files": shape.layout.files[0], "names": list(shape.layout.names), "first": shape.layout.first,
                "grid": list(shape.layout.grid) if shape.sheet else None, "padding": shape.layout.padding,
                "views": shape.count, "resolution": side, "ground": shape.ground, "cases": sorted(shape.files),
                "readings": [asdict(reading) | {"total": reading.total} for reading in found],
                "settled": settled(found) if found else None, "scale": scale, "cameras": told_views,
                "camera_readings": [asdict(way) for way in ways[0]], "looks_like": list(programs),
                "not_tried": budget.missed, "suite_views": views, "entry": paste,
            }
        )  # fmt: skip
        return
    for line in words:
        note(line)
    note("to paste into the suite, in place of what it says there:")
    answer("\n".join([*([views] if views else []), f"generators:\n  {paste}"]))


def _suite(name: str | None, overrides: list[str] | None) -> tuple[Suite | None, tuple[Case, ...]]:
    if name is None:
        return None, ()
    from bench.run.plan import suite_cases
    from bench.suite.load import load_suite

    loaded = load_suite(name, overrides or ())
    return loaded, suite_cases(loaded)


def _path(folder: Path, suite: Suite | None) -> str:
    """As a suite names it: from its file on where the folder is below that, else in full."""
    full = folder.absolute()
    if suite is not None and full.is_relative_to(suite.folder.absolute()):
        return full.relative_to(suite.folder.absolute()).as_posix()
    return str(full)


def _is_other_ground(shape: Shape, suite: Suite | None) -> bool:
    """Whether the pictures' ground is so far from the suite's (white without one) that objects have to be cut out."""
    if shape.ground is None:
        return False
    wanted = (1.0, 1.0, 1.0) if suite is None else suite.views.rgb
    return max(abs(value - round(255 * want)) for value, want in zip(shape.ground, wanted, strict=True)) > _OTHER_GROUND
