"""`score`: judge images that some other tool made, by a suite's protocol."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.run import execute, read_options
from bench.commands.terminal import note
from bench.errors import BenchError, InputError, UsageError
from bench.run.options import RunOptions

if TYPE_CHECKING:
    from bench.suite.schema import Suite


def score(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="<case>/view_<i>.png or <case>/grid.png.")],
    suite: Annotated[str, flags.flag("--suite", "The suite whose protocol judges the images.", metavar="SUITE")],
    name: Annotated[
        str | None, flags.flag("--name", "How results call these images [default: the folder's name].")
    ] = None,
    out: flags.Out = None,
    limit: flags.Limit = None,
    device: flags.Device = RunOptions.device,
    batch_size: flags.BatchSize = RunOptions.batch_size,
    seeds: flags.Seeds = None,
    executor: flags.Executor = RunOptions.executor,
    workers: flags.RunWorkers = None,
    overrides: flags.Set = None,
    dry_run: flags.DryRun = False,
    as_json: flags.Json = False,
) -> None:
    """Score a folder of images that some other tool made for the cases of a suite."""
    if not folder.is_dir():
        raise InputError(
            "there is no such folder of images", where=str(folder), expected="<case>/view_<i>.png inside it"
        )
    label = name or safe_name(folder)
    from bench.suite.load import load_suite

    judged = with_folder(load_suite(suite, overrides or ()), label, folder)
    options = read_options(
        context, out, tuple(generator.name for generator in judged.generators), limit, device, batch_size, seeds,
        executor, workers, dry_run, as_json,
    )  # fmt: skip
    execute(judged, replace(options, generators=present(judged, label, options)))


def present(suite: Suite, scored: str, options: RunOptions) -> tuple[str, ...]:
    """Names of the scored folder and of those generators that stand beside it and can be had here.

    A person who scores a folder need not have the model whose pictures are a reference. Without it, metrics against
    that reference are rows that say so; everything else is measured.
    """
    from bench.run.plan import generator_fingerprint, make_plan

    names = [scored]
    context = make_plan(suite, options).context
    for entry in suite.generators:
        if entry.name == scored:
            continue
        try:
            generator_fingerprint(entry, context)
        except BenchError as error:
            note(f"without {entry.name}, whose pictures are a reference: {error}", style="yellow")
        else:
            names.append(entry.name)
    return tuple(names)


def safe_name(folder: Path) -> str:
    """The folder's base name as a generator's name: letters, digits, `.`, `_`, `-`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.absolute().name).strip("-.")
    return name[:64] or "images"


def with_folder(suite: Suite, name: str, folder: Path) -> Suite:
    """The suite with one `folder` generator in place of its own, less those whose images are a reference of it.

    Raises `UsageError` when `name` is not a safe name, or belongs to a generator that has to stay.
    """
    from pydantic import ValidationError

    from bench.suite.schema import GeneratorEntry, GeneratorReference

    kept = {r.generator for r in suite.references.values() if isinstance(r, GeneratorReference)}
    if name in kept:
        raise UsageError(
            f"'{name}' is the suite's own name for the images of a reference",
            where=f"--name {name}",
            hint="pass another --name",
        )
    try:
        entry = GeneratorEntry.model_validate({"name": name, "use": "folder", "path": str(folder.absolute())})
    except ValidationError as error:
        raise UsageError(
            f"'{name}' cannot be a generator's name",
            where=f"--name {name}",
            expected="letters, digits, '.', '_', '-'; at most 64",
        ) from error
    return suite.model_copy(update={"generators": (entry, *(g for g in suite.generators if g.name in kept))})
