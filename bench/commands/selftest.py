"""`selftest`: known corruptions against the metrics, with what each must answer and what it did."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer_json, answer_table, note, only_answers_on_stdout
from bench.errors import EXIT_REGRESSION


def selftest(
    objects: Annotated[int, flags.flag("--objects", "How many objects of the mini-world.", min=1, metavar="N")] = 10,
    resolution: Annotated[
        int, flags.flag("--resolution", "Pixels a side; the bounds were set at 256.", min=1, metavar="PX")
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
    as_json: flags.Json = False,
) -> None:
    """Prove the metrics: break perfect views in known ways, and check that each metric answers as documented.

    Exit code 0 when every property holds, 1 when one fails. --out also writes selftest.md and selftest.svg, with
    --cheats attacks.md, attacks.png and the runs.
    """
    if cheats:
        from bench.commands.cheats import try_cheats

        return try_cheats(objects, out, device, workers, as_json)
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
