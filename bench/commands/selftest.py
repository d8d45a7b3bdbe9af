"""`selftest`: known corruptions against the metrics, with what each must answer and what it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer_json, answer_table, note, only_answers_on_stdout
from bench.errors import EXIT_REGRESSION, UsageError

if TYPE_CHECKING:
    from bench.selftest.parity import Parity


def selftest(
    objects: Annotated[int, flags.flag("--objects", "How many objects of the mini-world.", min=1, metavar="N")] = 10,
    resolution: Annotated[
        int,
        flags.flag(
            "--resolution",
            "Pixels per side; the bounds were set at 256.",
            min=1,
            metavar="PX",
        ),
    ] = 256,
    out: flags.Out = None,
    device: flags.Device = "cpu",
    workers: Annotated[
        int | None,
        flags.flag(
            "--workers", "Worker processes; never changes a number (2 where there are cores).", min=1, metavar="N"
        ),
    ] = None,
    cheats: Annotated[
        bool,
        flags.flag("--cheats", "Try cheats on the shipped suites' primaries instead; about a minute an object."),
    ] = False,
    meshes: Annotated[
        Path | None,
        flags.flag(
            "--meshes", "With --cheats: textured meshes for the suites that ship without objects.", metavar="FOLDER"
        ),
    ] = None,
    suite: Annotated[
        list[str] | None,
        flags.flag("--suite", "With --cheats: this shipped suite alone; may be repeated.", metavar="NAME"),
    ] = None,
    parity: Annotated[
        bool,
        flags.flag("--parity", "Compare FID, KID, PSNR, SSIM and LPIPS with the packages installed here instead."),
    ] = False,
    as_json: flags.Json = False,
) -> None:
    """Prove the metrics: break perfect views in known ways, and check that each metric answers as documented.

    Exit code 0 when every property holds, 1 when one fails. --out also writes selftest.md and selftest.svg, with
    --cheats attacks.md, attacks.png and the runs.
    """
    if meshes is not None and not cheats:
        raise UsageError("--meshes gives cheats something to paint", hint="add --cheats")
    if suite and not cheats:
        raise UsageError("--suite says where cheats are tried", hint="add --cheats")
    if parity:
        return _compare_with_packages(as_json)
    if cheats:
        from bench.commands.cheats import try_cheats

        return try_cheats(objects, out, meshes, resolution, device, workers, as_json, suite or ())
    import torch

    from bench.run.executors import default_workers
    from bench.selftest.run import self_test
    from groundwork.progress import Reporter
    from reports.selftest import COLUMNS, rows, summary, write

    threads = torch.get_num_threads()
    # pictures are small: a second thread gains nothing, and on a busy machine the threads' waiting costs minutes
    torch.set_num_threads(1)
    try:
        with only_answers_on_stdout(), Reporter().stage("measure corruptions", objects) as stage:
            count = workers or default_workers(device)
            outcome = self_test(objects, resolution, device, count, lambda: stage.advance(1))
    finally:
        torch.set_num_threads(threads)
    if as_json:
        answer_json(summary(outcome))
    else:
        answer_table(f"{objects} objects at {resolution} px", COLUMNS, rows(outcome))
    if out is not None:
        for path in write(outcome, out):
            note(str(path))
    failed = sum(not verdict.holds for verdict in outcome.verdicts)
    if failed:
        note(f"{failed} of {len(outcome.verdicts)} properties fail", style="bold red")
        raise typer.Exit(EXIT_REGRESSION)
    note(f"all {len(outcome.verdicts)} properties hold")


def _compare_with_packages(as_json: bool) -> None:
    from bench.selftest.parity import compare_with_packages

    with only_answers_on_stdout():
        found = compare_with_packages()
    if as_json:
        answer_json(
            [
                {
                    "metric": row.metric,
                    "package": row.package,
                    "what": row.what,
                    "ours": row.ours,
                    "theirs": row.theirs,
                    "tolerance": row.tolerance,
                    "holds": row.holds,
                }
                for row in found
            ]
        )
    else:
        columns = ("metric", "package", "ours", "theirs", "difference", "tolerance", "verdict", "on")
        answer_table("Ours beside the packages installed here", columns, [_parity_cells(row) for row in found])
    if not all(row.holds for row in found):
        note("some numbers differ from the packages'", style="bold red")
        raise typer.Exit(EXIT_REGRESSION)


def _parity_cells(row: Parity) -> tuple[str, ...]:
    if row.theirs is None:
        return (row.metric, row.package, "", "", "", "", "not installed", row.what)
    numbers = (f"{row.ours:.8g}", f"{row.theirs:.8g}", f"{row.difference:.1e}", f"{row.tolerance:.0e}")
    return (row.metric, row.package, *numbers, "agrees" if row.holds else "DIFFERS", row.what)
