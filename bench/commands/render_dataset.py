"""`render-dataset`: multiview training data from meshes, a suite's objects or the mini-world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note
from bench.errors import EXIT_INCOMPLETE, UsageError

if TYPE_CHECKING:
    from bench.cases.case import Case
    from bench.suite.views import Views

FORMATS = ("folder", "webdataset")
SPLITS = ("train", "eval")


def render_dataset(
    out: Annotated[Path, flags.flag("--out", "Folder of the data set, exactly as named.", metavar="DIR")],
    meshes: Annotated[
        Path | None, flags.flag("--meshes", "Folder of mesh files (GLB, glTF, OBJ, PLY).", metavar="FOLDER")
    ] = None,
    prompts: Annotated[
        Path | None, flags.flag("--prompts", "Captions of the meshes: a CSV file case,prompt.", metavar="CSV")
    ] = None,
    suite: Annotated[
        str | None, flags.flag("--suite", "A suite whose objects and views are rendered.", metavar="SUITE")
    ] = None,
    miniworld: Annotated[
        str | None, flags.flag("--miniworld", "Objects of the mini-world: train or eval.", metavar="SPLIT")
    ] = None,
    look: Annotated[
        str | None,
        flags.flag(
            "--look",
            "How mini-world objects look: synthetic (default), vivid, rich, muted or daylight.",
            metavar="LOOK",
        ),
    ] = None,
    count: Annotated[
        int | None, flags.flag("--count", "How many mini-world objects (default: all).", min=1, metavar="N")
    ] = None,
    views: Annotated[
        str | None, flags.flag("--views", "Azimuths in degrees (default: 0,90,180,270).", metavar="A,B")
    ] = None,
    elevation: Annotated[
        str | None,
        flags.flag("--elevation", "Elevation in degrees: one for all views, or one per view.", metavar="A,B"),
    ] = None,
    projection: Annotated[
        str | None, flags.flag("--projection", "perspective (default) or orthographic.", metavar="KIND")
    ] = None,
    fov: Annotated[
        float | None, flags.flag("--fov", "Full vertical angle in degrees (default: 40).", metavar="DEG")
    ] = None,
    resolution: Annotated[
        int | None, flags.flag("--resolution", "Side of the pictures in pixels (default: 512).", metavar="PX")
    ] = None,
    background: Annotated[
        str | None, flags.flag("--background", "white (default), black, grey or '#rrggbb'.", metavar="COLOUR")
    ] = None,
    form: Annotated[str, flags.flag("--format", "folder, or webdataset for tar shards.", metavar="NAME")] = "folder",
    shard_size: Annotated[int, flags.flag("--shard-size", "Objects per shard.", min=1, metavar="N")] = 500,
    device: flags.Device = "cpu",
    workers: flags.Workers = 1,
    as_json: flags.Json = False,
) -> None:
    """Render objects as training data: views, normal and position maps, captions, cameras. The same command resumes."""
    flags.one_of(form, FORMATS, "format")
    sources = {"--meshes": meshes, "--suite": suite, "--miniworld": miniworld}
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            "render-dataset needs one source of objects" if not given else f"{' and '.join(given)} cannot be combined",
            expected="one of --meshes FOLDER, --suite SUITE, --miniworld SPLIT",
        )
    _refuse_idle("--prompts", prompts is not None and meshes is None, "--meshes")
    _refuse_idle("--look", look is not None and miniworld is None, "--miniworld")
    _refuse_idle("--count", count is not None and miniworld is None, "--miniworld")

    from bench.dataset.make import make_dataset
    from bench.run.environment import versions
    from bench.run.plan import check_device

    check_device(device)
    about: dict[str, Any] = {"versions": versions(), "device": device.partition(":")[0]}
    base: dict[str, Any] = {}
    cases: tuple[Case, ...]
    if meshes is not None:
        from bench.cases.mesh_folder import mesh_folder_cases

        cases = mesh_folder_cases(meshes, prompts)
        about["source"] = {"meshes": meshes.absolute().name}
    elif suite is not None:
        from bench.run.plan import find_cases
        from bench.suite.load import load_suite
        from bench.suite.schema import suite_hash

        loaded = load_suite(suite)
        cases, base = find_cases(loaded.cases, loaded.folder), loaded.views.model_dump()
        if base.pop("cameras", None) is not None and views is None:
            raise UsageError(
                "each case of the suite has cameras of its own, and a data set has one set of views for all",
                where=f"--suite {suite}",
                expected="the views to render: --views 0,90,180,270",
            )
        about["source"] = {"suite": loaded.name, "hash": suite_hash(loaded)}
    else:
        from bench.cases.miniworld.world import LOOKS, miniworld_cases

        split, chosen = flags.one_of(str(miniworld), SPLITS, "split"), flags.one_of(look or "synthetic", LOOKS, "look")
        cases = miniworld_cases(split, count, chosen)  # type: ignore[arg-type]
        about["source"] = {"miniworld": split, "look": chosen}
    changes: dict[str, Any] = {"azimuths": _angles(views, "--views"), "projection": projection}
    heights = _angles(elevation, "--elevation")
    changes |= {"elevation": heights[0] if heights and len(heights) == 1 else heights}
    changes |= {"fov": fov, "resolution": resolution, "background": background}
    made = make_dataset(
        cases,
        _views(base | {key: value for key, value in changes.items() if value is not None}),
        out,
        about=about,
        shard_size=shard_size if form == "webdataset" else None,
        device=device,
        workers=workers,
    )
    for name, why in made.failed.items():
        note(f"left out: {name}: {why}", style="yellow")
    if as_json:
        answer_json({"out": str(out), "kept": made.kept, "rendered": made.rendered, "failed": made.failed})
    else:
        answer(str(out))
    if made.failed:
        raise typer.Exit(EXIT_INCOMPLETE)


def _refuse_idle(name: str, idle: bool, owner: str) -> None:
    if idle:
        raise UsageError(f"{name} says nothing without {owner}", expected=f"{owner} ... {name} ...")


def _angles(text: str | None, name: str) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError("these are not angles", where=f"{name} {text}", expected="degrees: 0,90,180,270") from error


def _views(fields: dict[str, Any]) -> Views:
    from pydantic import ValidationError

    from bench.suite.views import Views

    try:
        return Views.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "views"
        name = "views" if name == "azimuths" else name
        raise UsageError(
            f"these views cannot be rendered: {first['msg'].removeprefix('Value error, ')}",
            where=f"--{name} {first['input']}",
        ) from error
