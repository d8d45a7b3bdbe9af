"""`write_reports`: run folders in, report files out, in whichever formats are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.errors import InputError, UsageError, nearest
from bench.results.read import read_runs
from groundwork.files import leads_out, write_atomically
from reports.html import write_html, write_svg
from reports.joining import of_join, why_apart
from reports.latex import write_latex
from reports.machine import write_csv, write_json
from reports.markdown import write_markdown
from reports.paper_figures import write_figures
from reports.provenance import facts_of
from reports.table import build_tables
from reports.verdict import verdicts

FORMATS = ("html", "md", "csv", "latex", "json")
FIGURES = ("pdf", "png")  # on demand: they need matplotlib


def write_reports(runs: Sequence[Path], out: Path | None = None, formats: Sequence[str] = FORMATS) -> list[Path]:
    """(Re)write reports from stored results and return the files written; `out` is by default `<run>/report`.

    Needs neither models nor samples (the gallery then says that they are gone). Of several runs one joint report is
    made, in which numbers share a column only when their signatures agree. 'html' also writes `figures/tradeoff.svg`;
    'pdf' and 'png', which need matplotlib and are no part of the default, write figures for a paper.

    Raises `UsageError` for an unknown format, no run, or several runs without `out`; `InputError` for a folder that
    holds no readable results.
    """
    for name in formats:
        if name not in (*FORMATS, *FIGURES):
            raise UsageError(f"unknown report format '{name}'", hint=nearest(name, (*FORMATS, *FIGURES)))
    results = read_runs(runs)
    if not results:
        raise UsageError("no run folder was given", expected="at least one folder that a run wrote")
    if out is None:
        if len(results) > 1:
            raise UsageError(
                "several runs make one joint report, which belongs to none of their folders",
                expected="a folder for the joint report",
                hint="add --out DIR, or report each run by itself",
            )
        out = results[0].layout.report
        _refuse_links(results[0].path, out)

    tables = build_tables(results)
    files: dict[str, Callable[[], Mapping[str, str | bytes]]] = {
        "html": lambda: {"index.html": write_html(tables), **write_svg(tables)},
        "md": lambda: {"report.md": write_markdown(tables, [facts_of(table.runs[0]) for table in tables])},
        "csv": lambda: {"summary.csv": write_csv(results)},
        "latex": lambda: {"tables.tex": write_latex(tables)},
        "json": lambda: {"summary.json": write_json(tables, results)},
        "pdf": lambda: write_figures(tables, "pdf"),
        "png": lambda: write_figures(tables, "png"),
    }
    written = []
    for name in dict.fromkeys(formats):
        for file, content in files[name]().items():
            _refuse_links(out, (out / file).parent)
            write_atomically(out / file, content if isinstance(content, bytes) else content.encode("utf-8"))
            written.append(out / file)
    return written


def verdict_lines(runs: Sequence[Path]) -> list[str]:
    """What the reports of these runs open with, as plain lines: 'realism: base is more realistic than ... (metric)'."""
    tables = build_tables(read_runs(runs))
    lines = [why_apart(tables)] if len(tables) > 1 else []
    for table in tables:
        about = f"{table.title}, " if len(tables) > 1 else ""
        lines += [f"{about}limited run, not comparable. {table.limitation}"] if not table.comparable else []
        lines += of_join(table)
        lines += [f"{about}{v.axis}: {v.sentence} ({v.column.metric.name})" for v in verdicts(table)]
    return lines


def _refuse_links(root: Path, folder: Path) -> None:
    if leads_out(root, folder):
        raise InputError(
            "the report would be written to another place: a link leads out of the folder",
            where=f"{folder} -> {folder.resolve()}",
            hint="remove the link, or name a folder for the report: --out DIR",
        )
