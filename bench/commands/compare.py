"""`compare`: did a generator get worse than its accepted state?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, invocation, note, only_answers_on_stdout

if TYPE_CHECKING:
    from bench.gate.document import GatePage
    from bench.gate.sides import Side
    from reports.gate.evidence import Pictures

_STYLES = {
    "pass": "bold green", "improved": "bold green", "inconclusive": "bold yellow", "regression": "bold red",
    "incomparable": "bold magenta", "missing": "bold magenta",
}  # fmt: skip
_CORRUPTIONS = "shift:1,blur:2,cast:0.05,noise:0.02"


def compare(
    context: typer.Context,
    baseline: Annotated[Path, typer.Argument(metavar="BASELINE", help="A run folder or a baseline directory.")],
    candidate: Annotated[Path, typer.Argument(metavar="CANDIDATE", help="A run folder; may be the same one.")],
    generator: Annotated[str | None, flags.flag("--generator", "The generator to compare.", metavar="NAME")] = None,
    renamed: Annotated[str | None, flags.flag("--map", "Its old and its new name.", metavar="OLD=NEW")] = None,
    deltas: Annotated[
        list[str] | None,
        flags.flag(
            "--delta", "Gate this result and tolerate this much harm; replaces the suite's.", metavar="RESULT=X"
        ),
    ] = None,
    strict: Annotated[bool, flags.flag("--strict", "What cannot be decided fails too.")] = False,
    pictures: Annotated[
        Path | None, flags.flag("--pictures", "The run that holds the baseline's pictures.", metavar="RUN")
    ] = None,
    rescore: Annotated[
        bool, flags.flag("--rescore", "Score the baseline's pictures again: tells drift of the stack from regression.")
    ] = False,
    assay: Annotated[
        bool, flags.flag("--assay", "Score known corruptions of the baseline's pictures: could this gate fail?")
    ] = False,
    corruptions: Annotated[
        str, flags.flag("--corruptions", "Which corruptions, for --assay.", metavar="NAME:SIZE,...")
    ] = _CORRUPTIONS,
    suite: Annotated[
        str | None, flags.flag("--suite", "The suite to score again by (default: the shipped one).", metavar="SUITE")
    ] = None,
    overrides: flags.Set = None,
    device: flags.Device = "cpu",
    out: flags.Out = None,
    junit: Annotated[Path | None, flags.flag("--junit", "Write JUnit XML here.", metavar="FILE")] = None,
    markdown: Annotated[Path | None, flags.flag("--markdown", "Write a summary here.", metavar="FILE")] = None,
    as_json: flags.Json = False,
) -> None:
    """Say whether the candidate is worse than the baseline. 0 passed, 1 worse, 2 not comparable, 3 not measured."""
    from bench.gate.inputs import name_pair, read_deltas, read_input, two_sides
    from bench.gate.page import gate_page

    before, after = read_input(baseline), read_input(candidate)
    old, new = two_sides(before, after, generator, name_pair(renamed))
    chosen = read_deltas(deltas or [], list(new.results))
    source = _with_pictures(old, pictures)
    if rescore or assay:
        from bench.gate.measuring.rescoring import Rescoring, rescored_page
        from bench.gate.measuring.stored_pictures import read_corruptions

        again = Rescoring(
            suite=suite, overrides=tuple(overrides or ()), device=device, offline=invocation(context).offline,
            out=(out or candidate / "gate") / "rescored", drift=rescore,
            corruptions=corruptions if assay else "",
        )  # fmt: skip
        times = 1 + len(read_corruptions(again.corruptions))
        note(f"scores the {len(old.cases)} objects of the baseline {times} times: as long as {times} generators take")
        with only_answers_on_stdout():
            page = rescored_page(old, new, source, chosen, strict, again)
    else:
        page = gate_page(old, new, chosen, strict)
    from reports.gate import write_gate

    written = write_gate(page, out, junit, markdown, _pictures(source), _pictures(new))
    if as_json:
        answer_json(page.to_json())
    else:
        show(page)
        for path in written[:1]:
            answer(str(path))
    if page.exit_code:
        raise typer.Exit(page.exit_code)


def show(page: GatePage) -> None:
    """The verdict and its reasons: results on standard output, the rest beside it."""
    from bench.gate.words import drift_words, headline

    for result in page.results:
        answer(f"{result.verdict:<12} {result.metric}: {result.reason}")
    for text in page.notes:
        note(f"note: {text}", style="yellow")
    for known in page.sensitivity or ():
        caught = f"caught by {', '.join(known.caught_by)}" if known.caught_by else known.verdict
        note(f"assay: {known.corruption}: {caught}")
    for drift in page.drift or ():
        if drift.drifted:
            note(f"drift: {drift_words(drift)}", style="yellow")
    note(headline(page), style=_STYLES[page.verdict])


def _with_pictures(side: Side, run: Path | None) -> Side:
    """The side with the run folder that holds its pictures, where one is named; those must be the ones accepted."""
    if run is None:
        return side
    from bench.gate.inputs import read_input
    from bench.gate.pictures import with_pictures

    return with_pictures(side, read_input(run))


def _pictures(side: Side) -> Pictures | None:
    from reports.gate.evidence import Pictures

    return Pictures(side.root, side.generator, side.seeds[0]) if side.root is not None and side.seeds else None
