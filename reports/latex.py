r"""tables.tex: booktabs tables to \input into a paper; needs \usepackage{booktabs} and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from reports.numbers import format_interval, format_value
from reports.shares import EXPLANATION, Shares, build_shares
from reports.table import Cell, Column, Source, Table

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
_MOST = 7  # columns of a table; more do not fit the page of a paper
_ARROWS = {"up": r"$\uparrow$", "down": r"$\downarrow$"}
_MARKS = {"not_measurable": "n.m.", "weights_missing": "w.m.", "failed": "failed", "ok": "n/a"}


def escape(text: str) -> str:
    """A stranger's text on one line, with every character that TeX would act on made harmless."""
    return "".join(_ESCAPES.get(letter, _SYMBOLS.get(letter, letter)) for letter in " ".join(text.split()))


def write_latex(tables: Sequence[Table]) -> str:
    """Tables for the primary metrics of each suite, the others, and shares from floor to ceiling."""
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
    return "\n\n".join(parts) + "\n"


def _parts(columns: Sequence[Column]) -> list[Sequence[Column]]:
    return [columns[start : start + _MOST] for start in range(0, len(columns), _MOST)]


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
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
        r"\toprule",
        "Generator & " + " & ".join(heads) + r" \\",
        r"\midrule",
    ]
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
    return [*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]


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
    suffix = f" ({column.suffix})" if column.suffix else ""
    unit = f" {{[}}{escape(column.metric.unit)}{{]}}" if column.metric.unit else ""
    return f"{escape(column.metric.name)}{suffix}{unit}~{_ARROWS[column.metric.direction]}"


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
    return " ".join(text.split())
