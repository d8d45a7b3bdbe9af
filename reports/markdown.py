"""report.md: GitHub-flavoured tables that survive being pasted into an issue, a README or a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.results.numbers import format_interval, format_p, format_percent, format_value
from bench.results.summary import Comparison
from groundwork.texts import visible
from reports.joining import of_join, why_apart
from reports.provenance import Facts
from reports.published import HEADS as PUBLISHED_HEADS
from reports.published import WARNING, legend, published_rows
from reports.shares import EXPLANATION, Share, Shares, build_shares
from reports.speed import EXPLANATION as SPEED
from reports.speed import speeds
from reports.table import Cell, Column, Source, Table, gaps
from reports.training_cost import EXPLANATION as COST
from reports.training_cost import HEADS as TRAINING_HEADS
from reports.training_cost import remarks, training_rows
from reports.verdict import verdicts

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~#!])")
_MANY = 60  # comparisons beyond this fold away


def escape(text: str) -> str:
    """A stranger's text on one line, with nothing in it that Markdown or HTML would act on."""
    flat = visible(" ".join(text.split()))
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # a zero-width space keeps '@name' from notifying a person of that name
    return _SPECIAL.sub(r"\\\1", flat).replace("@", "@\u200b")


def write_markdown(tables: Sequence[Table], facts: Sequence[Facts]) -> str:
    """The whole report; `facts` holds the provenance of each table's first run."""
    apart = why_apart(tables)
    lines = [f"> {escape(apart)}", ""] if apart else []
    for number, (table, fact) in enumerate(zip(tables, facts, strict=True)):
        lines += _table_section(table, fact, f"{number + 1}-" if len(tables) > 1 else "")
    return "\n".join(lines).rstrip() + "\n"


def _table_section(table: Table, fact: Facts, prefix: str) -> list[str]:
    lines = [f"# {escape(table.title)}", ""]
    if not table.comparable:
        lines += ["> [!WARNING]", f"> **Limited run: not comparable.** {table.limitation}", ""]
    for remark in of_join(table):
        lines += [f"> {escape(remark)}", ""]
    said = verdicts(table)
    if said:
        lines += ["## Verdict", ""]
        lines += [f"- *{v.axis}*: {escape(v.sentence)} ({_name(v.column.metric.name)})" for v in said]
        lines += [""]
    lines += [escape(table.runs[0].summary.suite.description), ""] if table.runs[0].summary.suite.description else []
    lines += [escape(" · ".join(f"{label}: {text}" for label, text in fact.headline)), ""]
    lines += [
        "Each cell is the value with its 95 % interval over objects; arrows point to the better end. "
        "**Bold**: the best and everything that ties with it. "
        "Coverage (cov) is the share of the object that could be judged.",
        "",
    ]
    for heading, columns in (
        ("Primary metrics", [column for column in table.columns if column.primary]),
        ("Descriptive metrics", [column for column in table.columns if not column.primary]),
    ):
        if columns:
            lines += [f"## {heading}", "", *_grid(table, columns, prefix), ""]
    shares = build_shares(table)
    lines += _shares(shares, table.turned)
    lines += _notes(table, shares)
    lines += _comparisons(table)
    lines += _failures(table)
    lines += _published(table)
    lines += _trainings(table)
    lines += _timings(table)
    lines += ["## Signatures", ""]
    for column in table.columns:
        shown = " **differs:** ".join(f"`{_code(signature)}`" for signature in column.signatures) or "no number"
        lines.append(f"[^{prefix}{column.number}]: {shown}")
    return [*lines, ""]


def _grid(table: Table, columns: Sequence[Column], prefix: str) -> list[str]:
    heads = [_head(column, prefix) for column in columns]
    rows = [(escape(source.label), [_cell(table, source, column) for column in columns]) for source in table.sources]
    if any(column.floor for column in columns):
        rows.append(("*reference vs itself*", [_floor(column) for column in columns]))
    return _matrix(heads, rows, table.turned)


def _matrix(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], turned: bool) -> list[str]:
    """A table of generators by metrics, or of metrics by generators when `turned`."""
    first = "generator"
    if turned:
        first, heads, rows = (
            "metric",
            [label for label, _ in rows],
            [(head, [cells[number] for _, cells in rows]) for number, head in enumerate(heads)],
        )
    lines = [f"| {first} | " + " | ".join(heads) + " |", "|:--|" + "--:|" * len(heads)]
    return [*lines, *(f"| {label} | " + " | ".join(cells) + " |" for label, cells in rows)]


def _floor(column: Column) -> str:
    if column.floor is None:
        return ""
    value = format_value(column.floor.value, column.metric.unit)
    return f"{value}<br><sub>{escape(column.floor.label(column.metric.name))}</sub>"


def _head(column: Column, prefix: str) -> str:
    suffix = f" ({column.suffix})" if column.suffix else ""
    unit = f" [{escape(column.metric.unit)}]" if column.metric.unit else ""
    known = ((column.n_objects, "objects"), (column.n_images, "images"))
    counts = [f"{n} {name}" for n, name in known if n is not None]
    below = f"<br><sub>{', '.join(counts)}</sub>" if counts else ""
    return f"{_name(column.metric.name)}{suffix}{unit} {column.arrow}[^{prefix}{column.number}]{below}"


def _cell(table: Table, source: Source, column: Column) -> str:
    if not table.belongs(source, column):
        return "–"
    cell = table.cell(source, column)
    if cell.row is None or cell.value is None:
        return f"*{cell.reason}*"
    row = cell.row
    text = format_value(cell.value, row.unit, row.ci_low, row.ci_high)
    if cell.best:
        text = f"**{text}**"
    elif column.refused:
        text = f"~~{text}~~"
    return text + _small(cell, column)


def _small(cell: Cell, column: Column) -> str:
    row = cell.row
    if row is None:
        return ""
    parts = [escape(format_interval(row.value, row.unit, row.ci_low, row.ci_high))]
    parts += [f"cov {format_percent(row.coverage)}"] if row.coverage is not None else []
    parts += [f"{row.n_objects} objects"] if row.n_objects not in (None, column.n_objects) else []
    if cell.floor is not None and column.floor is None:
        label = escape(cell.floor.label(column.metric.name))
        parts.append(f"{label}: {format_value(cell.floor.value, row.unit)}")
    parts += [escape(row.note)] if row.note else []
    shown = ", ".join(part for part in parts if part)
    return f"<br><sub>{shown}</sub>" if shown else ""


def _shares(shares: Shares, turned: bool) -> list[str]:
    if not shares.columns:
        return []
    heads = [_name(column.metric.name) + (f" ({column.suffix})" if column.suffix else "") for column in shares.columns]
    rows = [
        (escape(source.label), [_share(shares.cell(source, column)) for column in shares.columns])
        for source in shares.sources
    ]
    return ["## From floor to ceiling", "", EXPLANATION, "", *_matrix(heads, rows, turned), ""]


def _share(share: Share | None) -> str:
    if share is None:
        return "–"
    parts = [escape(format_interval(share.value, "", share.low, share.high))]
    parts += [f"{share.objects} objects"] if share.objects is not None else []
    shown = ", ".join(part for part in parts if part)
    value = format_value(share.value, "", share.low, share.high)
    return f"{value}<br><sub>{shown}</sub>" if shown else value


def _notes(table: Table, shares: Shares) -> list[str]:
    lines = []
    for column in table.columns:
        if column.refused:
            lines.append(
                f"- {_name(column.metric.name)}: struck through, because signatures differ and the values must not be "
                f"ranked ({escape(column.difference)})"
            )
    lines += [
        f"- {_name(metric)}: not joined across runs, because signatures differ ({escape(difference)})"
        for metric, difference in table.split
    ]
    for gap in gaps(table):
        reason = f": {escape(gap.note)}" if gap.note else ""
        everyone = len(gap.sources) == len(table.sources) > 1
        who = "all generators" if everyone else ", ".join(escape(source.label) for source in gap.sources)
        what = ", ".join(_name(column.metric.name) for column in gap.columns)
        lines.append(f"- {who}, {what}: {gap.reason}{reason}")
    lines += [
        f"- {', '.join(map(_name, metrics))}: no share of the way from floor to ceiling ({escape(reason)})"
        for metrics, reason in shares.left_out
    ]
    lines += [
        f"- {', '.join(map(_name, metrics))}, from floor to ceiling: {escape(note)}" for metrics, note in shares.partial
    ]
    return ["## Notes", "", *lines, ""] if lines else []


def _comparisons(table: Table) -> list[str]:
    rows = [
        f"| {_name(item.metric)} | {escape(item.a)} | {escape(item.b)} "
        f"| {_difference(item, run.metric(item.metric).unit)} "
        f"| {escape(format_p(item.p_value))} | {escape(format_p(item.p_holm)) if item.p_holm is not None else '–'} "
        f"| {format_value(item.effect_size, 'sd', signed=True) if item.effect_size is not None else '–'} "
        f"| {format_value(item.detectable, run.metric(item.metric).unit) if item.detectable is not None else '–'} "
        f"| {escape(item.method)} |"
        for run, item in table.comparisons()
    ]
    if not rows:
        return []
    heads = ("metric", "a", "b", "a − b", "p", "p (Holm)", "effect", "detectable", "method")
    grid = [f"| {' | '.join(heads)} |", "|:--|:--|:--|--:|--:|--:|--:|--:|:--|", *rows]
    if len(rows) > _MANY:
        grid = [f"<details><summary>{len(rows)} pairs</summary>", "", *grid, "", "</details>"]
    return ["## Paired comparisons", "", *grid, ""]


def _difference(item: Comparison, unit: str) -> str:
    interval = format_interval(item.difference, unit, item.ci_low, item.ci_high)
    value = format_value(item.difference, unit, item.ci_low, item.ci_high, signed=True)
    return f"{value}<br><sub>{escape(interval)}</sub>" if interval else value


def _failures(table: Table) -> list[str]:
    rows = [
        f"| {escape(item.generator)} | {escape(item.case)} | {escape(item.message)} |"
        for run in table.runs
        for item in run.summary.failures
    ]
    return ["## Failures", "", "| generator | case | what happened |", "|:--|:--|:--|", *rows, ""] if rows else []


def _timings(table: Table) -> list[str]:
    machines = speeds(table)
    lines = ["## Timing", "", SPEED, ""] if machines else []
    for machine in machines:
        lines += [f"### {escape(machine.machine)}", ""]
        for speed in machine.tables:
            rows = [f"| {' | '.join(escape(cell) for cell in row)} |" for row in speed.rows]
            heads = [f"| {' | '.join(speed.heads)} |", "|:--|" + "--:|" * (len(speed.heads) - 1)]
            lines += [f"**{speed.title}.** {speed.note}", "", *heads, *rows, ""]
    return lines


def _trainings(table: Table) -> list[str]:
    rows = [
        f"| {escape(row.generator)} | {escape(row.phase)} | {' | '.join(row.cells)} |" for row in training_rows(table)
    ]
    if not rows:
        return []
    heads = ("generator", "phase", *TRAINING_HEADS)
    rule = "|:--|:--|" + "--:|" * len(TRAINING_HEADS)
    return [
        "## Training",
        "",
        " ".join([COST, *map(escape, remarks(table))]),
        "",
        f"| {' | '.join(heads)} |",
        rule,
        *rows,
        "",
    ]


def _published(table: Table) -> list[str]:
    rows = published_rows(table)
    if not rows:
        return []
    lines = []
    for row in rows:
        place = f"{escape(row.generator)}<br><sub>{escape(row.place)}</sub>"
        lines.append(f"| {place} | published | {' | '.join(row.published.values())} |")
        lines.append(f"| | measured here | {' | '.join(row.measured.values())} |")
    heads = f"| generator | | {' | '.join(PUBLISHED_HEADS.values())} |"
    rule = "|:--|:--|" + "--:|" * len(PUBLISHED_HEADS)
    note = "Measured here: " + "; ".join(
        f"{head}: {' or '.join(map(_name, results))}" for head, results in legend(table)
    )
    return ["## Published numbers", "", WARNING, "", heads, rule, *lines, "", f"{note}.", ""]


def _name(metric: str) -> str:
    """A metric's name as code, which also keeps '@photos' from being read as a person's name."""
    return f"`{_code(metric)}`".replace("|", "\\|")


def _code(text: str) -> str:
    """Text for a code span: no backtick can close it early."""
    return visible(" ".join(text.split())).replace("`", "'")
