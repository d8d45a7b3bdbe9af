"""`baseline`: accept a run as the state to hold, and look at what was accepted."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, answer_table, note

if TYPE_CHECKING:
    from bench.gate.sides import Side

baseline = typer.Typer(name="baseline", help="The accepted state that `compare` holds a generator to.")


@baseline.command("accept")
def accept(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder whose results are accepted.")],
    reason: Annotated[str, flags.flag("--reason", "Why this is the new state; it is kept.", metavar="TEXT")],
    out: Annotated[Path, flags.flag("--out", "Where baselines lie.", metavar="DIR")] = Path("baselines"),
    generator: Annotated[str | None, flags.flag("--generator", "The generator to accept.", metavar="NAME")] = None,
    author: Annotated[
        str | None, flags.flag("--author", "Who accepts it (default: git's user.name).", metavar="NAME")
    ] = None,
    as_json: flags.Json = False,
) -> None:
    """Write a run's results into DIR/<suite>/<generator>, the small directory that is committed to git."""
    from bench.gate.baseline import write_baseline
    from bench.gate.inputs import read_input
    from groundwork.errors import UsageError

    source = read_input(run)
    if source.run is None:
        raise UsageError("a baseline is accepted from a run folder", where=str(run), expected="a run, not a baseline")
    if not reason.strip():
        raise UsageError("a baseline needs a reason", where="--reason", expected="a sentence for whoever asks later")
    chosen = generator or source.only()
    if chosen is None:
        raise UsageError(
            "which generator is accepted is not stated",
            where=str(run),
            expected=f"--generator and one of {', '.join(source.names)}",
        )
    side = source.side(chosen)
    folder = out / side.suite / side.generator
    before = _before(folder)
    who = author or git_says("config", "user.name") or "unknown"
    size = write_baseline(side, folder, who, reason.strip(), time.strftime("%Y-%m-%d", time.gmtime()), _commit())
    if not side.comparable:
        note("this run was cut by --limit: compare it with runs of the same limit only", style="yellow")
    if not side.gates:
        note("the suite gates nothing yet: add gates, such as `gates: {cde: {delta: 0.02}}`", style="yellow")
    for line in _changes(before, side):
        note(line)
    if as_json:
        answer_json({"baseline": str(folder), "bytes": size})
    else:
        answer(str(folder))


@baseline.command("show")
def show(
    folder: Annotated[Path, typer.Argument(metavar="BASELINE", help="A baseline directory.")],
    as_json: flags.Json = False,
) -> None:
    """Say what was accepted, by whom and why. Checks that nothing in it was changed since."""
    from bench.gate.baseline import read_baseline, read_document
    from bench.results.numbers import format_value

    read_baseline(folder)
    document = read_document(folder)
    if as_json:
        answer_json(document.model_dump(mode="json"))
        return
    facts = (
        ("suite", f"{document.suite} v{document.version}, {len(document.cases)} objects"),
        ("generator", document.generator),
        ("accepted", f"{document.accepted} by {document.author}"),
        ("reason", document.reason),
        ("commit", document.commit or "not known"),
        ("gates", ", ".join(f"{name} {delta:g}" for name, delta in document.gates.items()) or "none"),
    )
    for name, text in facts:
        answer(f"{name:<10} {text}")
    rows = [
        (one.metric, format_value(one.value, one.unit), one.unit, str(one.n_objects), one.status)
        for one in document.results
    ]
    answer_table("results", ("result", "value", "unit", "objects", "status"), rows)


def _before(folder: Path) -> Side | None:
    from bench.gate.baseline import is_baseline, read_baseline
    from groundwork.errors import UserError

    if not is_baseline(folder):
        return None
    try:
        return read_baseline(folder)
    except UserError as error:
        note(f"the baseline that is replaced cannot be read: {error.message}", style="yellow")
        return None


def _changes(before: Side | None, after: Side) -> list[str]:
    """What an accepted state changes, result by result."""
    from bench.results.numbers import format_value

    if before is None:
        return []
    lines = [f"replaces what {before.author} accepted ({before.reason})"]
    for name, scored in after.results.items():
        old = before.results.get(name)
        if old is None or old.value != scored.value:
            text = format_value(old.value, scored.unit) if old is not None else "none"
            lines.append(f"  {name}: {text} -> {format_value(scored.value, scored.unit)} {scored.unit}".rstrip())
    return lines


def _commit() -> str:
    """The commit that is checked out where the command is given, '' outside git."""
    return git_says("rev-parse", "HEAD")


def git_says(*words: str) -> str:
    """What git answers where the command is given, '' where it does not."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
