"""`selftest --cheats`: the shipped suites' primaries against what tries to win without doing what was asked."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from bench.commands.terminal import answer_json, answer_table, note, only_answers_on_stdout
from bench.errors import EXIT_REGRESSION, UsageError
from groundwork.files import write_atomically

PICTURED = "miniworld-calibration"  # cheats at the suite's full resolution
FEWEST = 6  # objects: fewer cannot tell a cheat from the ceiling


def try_cheats(
    objects: int, out: Path | None, meshes: Path | None, resolution: int, device: str, workers: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Print cheat by primary for each suite that can be tried here, and why for the others. Exits with 1 when one wins.

    `out` keeps the runs, attacks.md and a sheet of pictures. A court on fewer than six objects is shown and decides
    nothing. Raises `UsageError` for fewer than six `objects`, or a folder of `meshes` that is not there.
    """
    from bench.run.executors import default_workers
    from bench.selftest.cheats import Trial, hold_court
    from bench.selftest.courts import CEILING, find_courts
    from groundwork.progress import Reporter
    from reports.attacks import COLUMNS, markdown, rows, sheet, summary

    if objects < FEWEST:
        raise UsageError(
            f"{objects} objects cannot tell a cheat from the truth", expected=f"--objects {FEWEST} or more"
        )
    if meshes is not None and not meshes.is_dir():
        raise UsageError("there is no such folder of meshes", where=str(meshes), expected="one mesh per object")
    courts, without = find_courts(meshes.absolute() if meshes else None, resolution)
    trials: dict[str, tuple[Trial, ...]] = {}
    seen: dict[str, int] = {}
    with ExitStack() as stack:
        stack.enter_context(only_answers_on_stdout())
        root = Path(stack.enter_context(TemporaryDirectory())) if out is None else out
        for court in courts:
            reporter = Reporter()
            reporter.say(f"{', '.join(court.suites)}: {objects} objects")
            count = workers or default_workers(device)
            seen[court.name] = court.count(objects)
            trials[court.name] = hold_court(court, objects, root / court.name, None, device, count, reporter)
        if out is not None:
            alike = {court.name: court.suites for court in courts}
            everyone = [trial for found in trials.values() for trial in found]
            write_atomically(out / "attacks.md", markdown(everyone, seen, alike, without).encode())
            first = PICTURED if PICTURED in trials else courts[0].name
            samples = out / first / "samples"
            cases = sorted(path.name for path in (samples / CEILING).iterdir() if path.is_dir())
            middle = cases[len(cases) // 2]  # the first object is what one-answer shows
            sheet(samples, trials[first], middle).save(out / "attacks.png")
    if as_json:
        answer_json({"trials": summary([t for found in trials.values() for t in found]), "without": without})
    else:
        for court in courts:
            title = f"{', '.join(court.suites)}: cheats on {seen[court.name]} objects"
            answer_table(title, COLUMNS, rows(trials[court.name]))
        for name, why in without.items():
            note(f"{name}: not tried, {why}")
    judged = [trial for name, found in trials.items() if seen[name] >= FEWEST for trial in found]
    winners = [f"{trial.cheat.name} in {trial.suite}" for trial in judged if not trial.loses]
    if winners:
        note(f"{len(winners)} of {len(judged)} cheats do not lose: {', '.join(winners)}", style="bold red")
        raise typer.Exit(EXIT_REGRESSION)
    note(f"all {len(judged)} cheats lose")
