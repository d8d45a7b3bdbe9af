r"""tables.tex: booktabs tables to \input into a paper; needs \usepackage{booktabs} and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from bench.results.numbers import format_interval, format_value
from groundwork.texts import visible
from reports.published import HEADS as PUBLISHED_HEADS
from reports.published import WARNING, legend, published_rows
from reports.shares import EXPLANATION, Shares, build_shares
from reports.table import STATUS_TEXT, Cell, Column, Source, Table
from reports.training_cost import EXPLANATION as COST
from reports.training_cost import HEADS as TRAINING_HEADS
from reports.training_cost import remarks, training_rows

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # a cell that opens with a bracket would be read as the argument of the \\ before it
    "]": "{]}",
}
_SYMBOLS = {"°": r"$^\circ$", "±": r"$\pm$", "×": r"$\times$", "−": "$-$", "·": r"$\cdot$", "–": "--", "—": "---"}
_SYMBOLS |= {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}
_LAST_LETTER = 0x17F  # of Latin scripts, which every LaTeX has
# what fits the page of a paper in one column of text, the generators' names beside it
_MOST = 7  # columns of a table
_WIDTH = 72  # letters of all columns
_LINES = 36  # of tables with several lines a generator
_LINE = 14  # letters of a heading's line
_INTERVAL = 10  # letters that an interval in small print is wide
_ARROWS = {"up": r"$\uparrow$", "down": r"$\downarrow$"}
_MARKS = {"not_measurable": "n.m.", "weights_missing": "w.m.", "failed": "failed", "ok": "n/a"}


def escape(text: str) -> str:
    """A stranger's text on one line, with every character that TeX would act on made harmless."""
    return "".join(map(_escaped, visible(" ".join(text.split()))))


def _escaped(letter: str) -> str:
    known = _ESCAPES.get(letter) or _SYMBOLS.get(letter)
    if known is None and ord(letter) > _LAST_LETTER:
        return rf"\texttt{{U+{ord(letter):04X}}}"  # pdflatex stops at a letter that its fonts lack
    return known or letter


def write_latex(tables: Sequence[Table]) -> str:
    """Tables for the primary metrics of each suite, the others, shares, published numbers and costs of training."""
    parts = ["% Needs \\usepackage{booktabs}. Numbers, signatures and intervals are in summary.csv."]
    for table in tables:
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
        width = max(_INTERVAL, *map(len, _lines_of(column))) + 2
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
        values = [_value(cell, column) if here else "" for (cell, column), here in zip(cells, belongs, strict=True)]
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
    heads = [escape(column.metric.name) + (f" ({column.suffix})" if column.suffix else "") for column in columns]
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
    return _environment(caption, "l" + "r" * len(heads), ["Generator", *heads], lines)


def _environment(caption: str, columns: str, heads: Sequence[str], lines: Sequence[str]) -> list[str]:
    """A table environment around finished lines. `columns`: how they are aligned, a letter each."""
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def _published(table: Table) -> list[str]:
    """What the paper printed above what was measured, a generator's lines together; empty without such rows."""
    groups = []
    for row in published_rows(table):
        lines = [_title(rf"{escape(row.generator)} {{\scriptsize {escape(row.place)}}}", len(PUBLISHED_HEADS))]
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
        groups.append([_title(escape(name), len(TRAINING_HEADS)), *lines])
    heads = [_stacked([escape(word) for word in head.split()]) for head in TRAINING_HEADS]
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
        found.append("\n".join(_environment(caption, "l" + "r" * len(heads), ["Generator", *heads], lines)))
    return found


def _title(text: str, values: int) -> str:
    """A line over all columns, for the indented ones below it."""
    return rf"\multicolumn{{{values + 1}}}{{l}}{{{text}}} \\"


def _texts(cells: Mapping[str, str]) -> list[str]:
    """Cells that are numbers or reasons why there is none, the reasons as in the other tables."""
    marks = {STATUS_TEXT[status]: mark for status, mark in _MARKS.items()}
    return [escape(marks.get(text, text)) for text in cells.values()]


def _stacked(words: Sequence[str]) -> str:
    """A heading on as many lines as it has words, so that many columns fit a page."""
    lines = r"\\".join(words)
    return rf"\shortstack[r]{{{lines}}}" if len(words) > 1 else lines


def _caption(table: Table, columns: Sequence[Column], kind: str) -> str:
    objects = sorted({column.n_objects for column in columns if column.n_objects is not None})
    counts = f" over {' or '.join(map(str, objects))} objects" if objects else ""
    limited = " Limited run: not comparable." if not table.comparable else ""
    refused = " In parentheses: signatures differ, not ranked." if any(column.refused for column in columns) else ""
    missing = {cell.row.status for _, column, cell in table.missing() if cell.row is not None and column in columns}
    legend = "".join(
        f" {_MARKS[status]}: {name}."
        for status, name in (("not_measurable", "not measurable"), ("weights_missing", "weights missing"))
        if status in missing
    )
    return (
        f"{escape(table.title)}, {kind}{counts}, with 95\\,\\% intervals beneath. "
        f"Bold: best and ties.{limited}{refused}{legend}"
    )


def _head(column: Column) -> str:
    """What stands above a column, with the arrow to the better end."""
    *above, last = _lines_of(column)
    return _stacked([*map(escape, above), f"{escape(last)}~{_ARROWS[column.metric.direction]}"])


def _lines_of(column: Column) -> list[str]:
    """A metric's name and unit, broken behind underscores and before extractor and reference."""
    lines = [""]
    for part in re.split(r"(?<=_)|(?=[\[@])", column.metric.name):
        if lines[-1] and (part[0] in "[@" or len(lines[-1] + part) > _LINE):
            lines.append("")
        lines[-1] += part
    lines[-1] += f" ({column.suffix})" if column.suffix else ""
    unit = f"[{column.metric.unit}]" if column.metric.unit else ""
    if unit and len(f"{lines[-1]} {unit}") > _LINE:
        return [*lines, unit]
    return [*lines[:-1], f"{lines[-1]} {unit}".rstrip()]


def _value(cell: Cell, column: Column) -> str:
    if cell.row is None:
        return "--"
    if cell.value is None:
        return _MARKS[cell.row.status]
    text = f"${format_value(cell.value, cell.row.unit, cell.row.ci_low, cell.row.ci_high)}$"
    if cell.best:
        return rf"\textbf{{\boldmath {text}}}"
    return f"({text})" if column.refused else text


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
