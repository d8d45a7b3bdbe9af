"""`report`: (re)write reports from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer, answer_json, note

FORMATS = ("html", "md", "latex", "csv", "json")
FIGURES = ("pdf", "png")
_WHICH = f"Which of {','.join(FORMATS)}, and {' or '.join(FIGURES)} for a paper's figures."


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: flags.Out = None,
    formats: Annotated[str, flags.flag("--format", _WHICH, metavar="A,B")] = ",".join(FORMATS),
    as_json: flags.Json = False,
) -> None:
    """Write reports from stored results; images and models may be gone."""
    known = (*FORMATS, *FIGURES)
    chosen = tuple(flags.one_of(word, known, "format") for word in flags.names(formats, "--format") or ())
    from reports import verdict_lines, write_reports

    written = write_reports(runs, out, chosen)
    if as_json:
        answer_json([str(path) for path in written])
        return
    for line in verdict_lines(runs):
        note(line)
    for path in written:
        answer(str(path))
