"""`selftest --cheats`: the shipped suites' primaries against what tries to win without doing what was asked."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from bench.commands.terminal import answer_json, answer_table, note, only_answers_on_stdout
from bench.errors import EXIT_REGRESSION, UsageError
from groundwork.files import write_atomically

FEWEST = 6  # objects: fewer cannot tell a cheat from the ceiling


def try_cheats(objects: int, out: Path | None, device: str, workers: int | None, as_json: bool) -> None:
    """Print cheat by primary for each suite that runs from the install alone. Exits with 1 when a cheat wins.

    `out` keeps the runs, attacks.md and a sheet of pictures. Raises `UsageError` for fewer than six objects.
    """
    from bench.run.executors import default_workers
    from bench.selftest.cheats import COURTS, Trial, hold_court
    from groundwork.progress import Reporter
    from reports.attacks import COLUMNS, markdown, rows, sheet, summary

    if objects < FEWEST:
        raise UsageError(
            f"{objects} objects cannot tell a cheat from the truth", expected=f"--objects {FEWEST} or more"
        )
    trials: list[Trial] = []
    with ExitStack() as stack:
        stack.enter_context(only_answers_on_stdout())
        root = Path(stack.enter_context(TemporaryDirectory())) if out is None else out
        for court in COURTS:
            reporter = Reporter()
            reporter.say(f"{court.suite}: {objects} objects")
            count = workers or default_workers(device)
            trials += hold_court(court, objects, root / court.suite, None, device, count, reporter)
        if out is not None:
            write_atomically(out / "attacks.md", markdown(trials, objects).encode())
            first = COURTS[0].suite
            samples = out / first / "samples"
            case = sorted(path.name for path in (samples / "ceiling").iterdir() if path.is_dir())[0]
            sheet(samples, [trial for trial in trials if trial.suite == first], case).save(out / "attacks.png")
    if as_json:
        answer_json(summary(trials))
    else:
        for court in COURTS:
            own = [trial for trial in trials if trial.suite == court.suite]
            answer_table(f"{court.suite}: cheats on {objects} objects", COLUMNS, rows(own))
    winners = [f"{trial.cheat.name} in {trial.suite}" for trial in trials if not trial.loses]
    if winners:
        note(f"{len(winners)} of {len(trials)} cheats do not lose: {', '.join(winners)}", style="bold red")
        raise typer.Exit(EXIT_REGRESSION)
    note(f"all {len(trials)} cheats lose")
