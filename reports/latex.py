r"""tables.tex: booktabs tables to \input into a paper; needs \usepackage{booktabs} and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from bench.results.numbers import format_interval, format_value
from groundwork.texts import visible
from reports.latex_paper import paper_tables
from reports.latex_parts import ARROWS, MARKS, environment, escape, lines_of, stacked, title, value
from reports.latex_parts import remarks as caption_remarks
from reports.published import HEADS as PUBLISHED_HEADS
from reports.published import WARNING, legend, published_rows
from reports.shares import EXPLANATION, Shares, build_shares
from reports.table import STATUS_TEXT, Cell, Column, Source, Table
from reports.training_cost import EXPLANATION as COST
from reports.training_cost import HEADS as TRAINING_HEADS
from reports.training_cost import remarks, training_rows

# what fits the page of a paper in one column of text, the generators' names beside it
_MOST = 7  # columns of a table
_WIDTH = 72  # letters of all columns
_LINES = 36  # of tables with several lines a generator
_INTERVAL = 10  # letters that an interval in small print is wide


def write_latex(tables: Sequence[Table]) -> str:
    """Of each suite its table as a paper has it, then with intervals: primary metrics, the others, shares; then what
    was published, and what training cost.
    """
    parts = ["% Needs \\usepackage{booktabs}. Numbers, signatures and intervals are in summary.csv."]
    for table in tables:
        parts += paper_tables(table)
        for kind, columns in (
            ("primary", [column for column in table.columns if column.primary]),
            ("descriptive", [column for column in table.columns if not column.primary]),
        ):
            split = _parts(columns)
            for number, part in enumerate(split, start=1):
                which = f" ({number} of {len(split)})" if len(split) > 1 else ""
                parts.append(_table(table, part, f"{kind} metrics{which}"))
        shares = build_shares(table)
        parts += [_shares(table, shares, part) for part in _parts(shares.columns)]
        parts += [*_published(table), *_trainings(table)]
    return "\n\n".join(parts) + "\n"


def _parts(columns: Sequence[Column]) -> list[Sequence[Column]]:
    """The columns in as many tables as their headings need."""
    parts: list[list[Column]] = []
    left = 0
    for column in columns:
        width = max(_INTERVAL, *map(len, lines_of(column))) + 2
        if not parts or len(parts[-1]) == _MOST or width > left:
            parts.append([])
            left = _WIDTH
        parts[-1].append(column)
        left -= width
    return [*parts]


def _table(table: Table, columns: Sequence[Column], kind: str) -> str:
    lines = [f"% {_comment(column.metric.name)}: {_comment(' || '.join(column.signatures))}" for column in columns]
    rows = []
    for source in table.sources:
        cells = [(table.cell(source, column), column) for column in columns]
        belongs = [table.belongs(source, column) for column in columns]
        values = [value(cell, column) if here else "" for (cell, column), here in zip(cells, belongs, strict=True)]
        intervals = [_interval(cell) if here else "" for (cell, _), here in zip(cells, belongs, strict=True)]
        rows.append((source, values, intervals))
    foot = [(_floor(column), _floor_size(column)) for column in columns] if any(c.floor for c in columns) else []
    lines += _frame(_caption(table, columns, kind), [_head(column) for column in columns], rows, foot)
    return "\n".join(lines)


def _shares(table: Table, shares: Shares, columns: Sequence[Column]) -> str:
    rows = []
    for source in shares.sources:
        cells = [shares.cell(source, column) for column in columns]
        values = [f"${format_value(c.value, '', c.low, c.high)}$" if c is not None else "--" for c in cells]
        intervals = [_small(format_interval(c.value, "", c.low, c.high)) if c is not None else "" for c in cells]
        rows.append((source, values, intervals))
    caption = f"{escape(table.title)}, from floor to ceiling. {escape(EXPLANATION)}"
    heads = [stacked([*map(escape, lines_of(column, unit=False))]) for column in columns]
    return "\n".join(_frame(caption, heads, rows))


def _frame(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[tuple[Source, list[str], list[str]]],
    foot: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """A table environment; each row has its values and, on the line below, its intervals. `foot`: both, by column."""
    lines = []
    previous: Source | None = None
    for source, values, intervals in rows:
        if previous is not None and previous.calibrates != source.calibrates:
            lines.append(r"\midrule")
        lines.append(f"{escape(source.label)} & " + " & ".join(values) + r" \\")
        if any(intervals):
            lines.append("{} & " + " & ".join(intervals) + r" \\")
        previous = source
    if foot:
        lines += [r"\midrule", "reference vs itself & " + " & ".join(value for value, _ in foot) + r" \\"]
        lines += ["{} & " + " & ".join(size for _, size in foot) + r" \\"]
    return environment(caption, "l" + "r" * len(heads), ["Generator", *heads], lines)


def _published(table: Table) -> list[str]:
    """What the paper printed above what was measured, a generator's lines together; empty without such rows."""
    groups = []
    for row in published_rows(table):
        lines = [title(rf"{escape(row.generator)} {{\scriptsize {escape(row.place)}}}", len(PUBLISHED_HEADS))]
        for name, values in (("published", row.published), ("measured here", row.measured)):
            lines.append(rf"\quad {name} & " + " & ".join(_texts(values)) + r" \\")
        groups.append(lines)
    measured = "; ".join(f"{head}: {' or '.join(results)}" for head, results in legend(table))
    about = f"{escape(WARNING)} Measured: {escape(measured)}."
    return _grouped(
        f"{escape(table.title)}, beside published numbers", about, [*map(escape, PUBLISHED_HEADS.values())], groups
    )


def _trainings(table: Table) -> list[str]:
    """What trainings cost, phase by phase; empty where none is known."""
    groups = []
    for name, phases in groupby(training_rows(table), lambda row: row.generator):
        lines = [rf"\quad {escape(row.phase)} & " + " & ".join(map(escape, row.cells)) + r" \\" for row in phases]
        groups.append([title(escape(name), len(TRAINING_HEADS)), *lines])
    heads = [stacked([escape(word) for word in head.split()]) for head in TRAINING_HEADS]
    about = escape(" ".join([COST, *remarks(table)]))
    return _grouped(f"{escape(table.title)}, training", about, heads, groups)


def _grouped(title: str, about: str, heads: Sequence[str], groups: Sequence[Sequence[str]]) -> list[str]:
    """Tables of generators with several lines each, as many as fit a page in one; `about` opens the first alone."""
    pages: list[list[str]] = []
    for lines in groups:
        if not pages or len(pages[-1]) + len(lines) > _LINES:
            pages.append([*lines])
        else:
            pages[-1] += [r"\addlinespace", *lines]
    found = []
    for number, lines in enumerate(pages, start=1):
        which = f" ({number} of {len(pages)})" if len(pages) > 1 else ""
        caption = f"{title}{which}." + (f" {about}" if number == 1 else "")
        found.append("\n".join(environment(caption, "l" + "r" * len(heads), ["Generator", *heads], lines)))
    return found


def _texts(cells: Mapping[str, str]) -> list[str]:
    """Cells that are numbers or reasons why there is none, the reasons as in the other tables."""
    marks = {STATUS_TEXT[status]: mark for status, mark in MARKS.items()}
    return [escape(marks.get(text, text)) for text in cells.values()]


def _caption(table: Table, columns: Sequence[Column], kind: str) -> str:
    objects = sorted({column.n_objects for column in columns if column.n_objects is not None})
    counts = f" over {' or '.join(map(str, objects))} objects" if objects else ""
    missing = {cell.row.status for _, column, cell in table.missing() if cell.row is not None and column in columns}
    return (
        f"{escape(table.title)}, {kind}{counts}, with 95\\,\\% intervals beneath. "
        f"Bold: best and ties.{caption_remarks(table.comparable, columns, missing)}"
    )


def _head(column: Column) -> str:
    """What stands above a column, with the arrow to the better end."""
    *above, last = lines_of(column)
    return stacked([*map(escape, above), f"{escape(last)}~{ARROWS[column.metric.direction]}"])


def _interval(cell: Cell) -> str:
    if cell.row is None or cell.value is None:
        return ""
    return _small(format_interval(cell.row.value, cell.row.unit, cell.row.ci_low, cell.row.ci_high))


def _floor(column: Column) -> str:
    return f"${format_value(column.floor.value, column.metric.unit)}$" if column.floor is not None else ""


def _floor_size(column: Column) -> str:
    return rf"{{\scriptsize {escape(column.floor.label(column.metric.name))}}}" if column.floor is not None else ""


def _small(interval: str) -> str:
    return rf"{{\scriptsize ${interval}$}}" if interval else ""


def _comment(text: str) -> str:
    return visible(" ".join(text.split()))
