"""`score`: judge images that some other tool made, by a suite's protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.run import execute, read_options
from bench.commands.terminal import note, only_answers_on_stdout
from bench.errors import InputError
from bench.run.options import RunOptions


@only_answers_on_stdout()
def score(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="<case>/view_<i>.png or <case>/grid.png.")],
    suite: Annotated[str, flags.flag("--suite", "The suite whose protocol judges the images.", metavar="SUITE")],
    name: Annotated[
        str | None, flags.flag("--name", "What results call these images (default: the folder's name).")
    ] = None,
    layout: Annotated[
        str | None,
        flags.flag(
            "--layout", "How they are laid out: a preset such as wonder3d, or options in {} as inspect prints them."
        ),
    ] = None,
    out: flags.Out = None,
    limit: flags.Limit = None,
    device: flags.Device = RunOptions.device,
    batch_size: flags.BatchSize = RunOptions.batch_size,
    seeds: flags.Seeds = None,
    executor: flags.Executor = RunOptions.executor,
    workers: flags.RunWorkers = None,
    isolate: flags.Isolate = RunOptions.isolate,
    timeout: flags.Timeout = None,
    memory: flags.Memory = None,
    cache: flags.Cache = None,
    overrides: flags.Set = None,
    dry_run: flags.DryRun = False,
    as_json: flags.Json = False,
) -> None:
    """Score a folder of images that some other tool made for the cases of a suite."""
    if not folder.is_dir():
        raise InputError(
            "there is no such folder of images", where=str(folder), expected="<case>/view_<i>.png inside it"
        )
    from bench.run.availability import available
    from bench.suite.declare import load_apart
    from bench.suite.folder import folder_name, with_folder

    label = name or folder_name(folder)
    judged = with_folder(load_apart(suite, overrides or (), isolate, timeout), label, folder, layout)
    options = read_options(
        context, out, tuple(generator.name for generator in judged.generators), limit, device, batch_size, seeds,
        executor, workers, dry_run, as_json, isolate, timeout, memory, cache,
    )  # fmt: skip
    there, absent = available(judged, label, options)
    for entry, error in absent.items():
        note(f"without {entry}, whose pictures are a reference: {error}", style="yellow")
    execute(judged, replace(options, generators=there))
