"""`selftest --cheats`: the shipped suites' primaries against what tries to win without doing what was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from bench.commands.terminal import answer_json, answer_table, note, only_answers_on_stdout
from bench.errors import EXIT_REGRESSION, UsageError
from groundwork.files import write_atomically

if TYPE_CHECKING:
    from bench.selftest.cheats import Trial
    from bench.selftest.courts import Court

PICTURED = "miniworld-calibration"  # cheats at the suite's full resolution
FEWEST = 6  # objects: fewer cannot tell a cheat from the ceiling
_COUNTED = {"loses": "lost", "may tie": "may tie", "not told apart": "not told apart", "wins": "won"}


def try_cheats(
    objects: int, out: Path | None, meshes: Path | None, resolution: int, device: str, workers: int | None,
    as_json: bool, suites: Sequence[str] = (),
) -> None:  # fmt: skip
    """Print cheat by primary for each suite that can be tried here, and why for the others.

    Exits with 1 when a cheat wins, or when all the objects that a suite ships with do not tell it from the ceiling.
    `out` keeps the runs, attacks.md and a sheet of pictures. A court on fewer than six objects is shown and decides
    nothing. Without `suites` all are tried. Raises `UsageError` for fewer than six `objects`, a folder of `meshes` that
    is not there, or a suite that is not shipped or cannot be tried.
    """
    from bench.run.executors import default_workers
    from bench.selftest.cheats import hold_court
    from bench.selftest.courts import find_courts
    from groundwork.progress import Reporter
    from reports.attacks import COLUMNS, markdown, rows, sheet, summary, telling_case

    if objects < FEWEST:
        raise UsageError(
            f"{objects} objects cannot tell a cheat from the truth", expected=f"--objects {FEWEST} or more"
        )
    if meshes is not None and not meshes.is_dir():
        raise UsageError("there is no such folder of meshes", where=str(meshes), expected="one mesh per object")
    courts, without = find_courts(meshes.absolute() if meshes else None, resolution)
    if suites:
        courts, without = _asked(courts, without, suites), {}
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
            sheet(samples, trials[first], telling_case(samples)).save(out / "attacks.png")
    if as_json:
        answer_json({"trials": summary([t for found in trials.values() for t in found]), "without": without})
    else:
        for court in courts:
            title = f"{', '.join(court.suites)}: cheats on {seen[court.name]} objects"
            answer_table(title, COLUMNS, rows(trials[court.name]))
        for name, why in without.items():
            note(f"{name}: not tried, {why}")
    _verdict([(court, seen[court.name], trials[court.name]) for court in courts])


def _asked(courts: Sequence[Court], without: Mapping[str, str], suites: Sequence[str]) -> tuple[Court, ...]:
    """The courts that speak for these suites."""
    for name in suites:
        if name in without:
            raise UsageError(f"cheats cannot be tried in suite '{name}': {without[name]}")
        if not any(name in court.suites for court in courts):
            known = ", ".join(sorted(name for court in courts for name in court.suites))
            raise UsageError(f"there is no shipped suite '{name}' to try cheats in", expected=f"one of {known}")
    return tuple(court for court in courts if set(suites) & set(court.suites))


def _verdict(held: Sequence[tuple[Court, int, Sequence[Trial]]]) -> None:
    """Say it of each court, its objects and trials.

    Exits with 1 when a cheat wins, or is not told from the ceiling by all that a suite ships with.
    """
    from reports.attacks import what_they_tell

    outcomes: Counter[str] = Counter()
    passing = False
    for court, objects, trials in held:
        if objects < FEWEST:
            note(f"{court.name}: {objects} objects decide nothing (fewer than {FEWEST})")
            continue
        outcomes.update(trial.outcome for trial in trials)
        winners = [trial.cheat.name for trial in trials if trial.outcome == "wins"]
        same = [trial.cheat.name for trial in trials if trial.outcome == "not told apart"]
        if winners:
            note(f"{court.name}: {', '.join(winners)} won", style="bold red")
        decides = court.decides(objects)
        if same:
            more = "which are all it has" if decides else "more may do it"
            said = f"{court.name}: {objects} objects do not tell these from the ceiling, {more}: {', '.join(same)}"
            note(said, style="bold red" if decides else "")
            note(f"{court.name}: {what_they_tell(trials, objects)}")
        passing = passing or bool(winners) or (bool(same) and decides)
    counted = ", ".join(f"{outcomes[name]} {words}" for name, words in _COUNTED.items() if outcomes[name])
    note(f"of {outcomes.total()} trials: {counted}" if outcomes else "nothing was decided")
    if passing:
        raise typer.Exit(EXIT_REGRESSION)
