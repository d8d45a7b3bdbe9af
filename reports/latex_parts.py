r"""What every LaTeX table is put together from: texts made harmless, headings, the environment, the marks."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from bench.results.numbers import format_value
from groundwork.texts import visible
from reports.table import Cell, Column

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
_LINE = 14  # letters of a heading's line
ARROWS = {"up": r"$\uparrow$", "down": r"$\downarrow$"}
MARKS = {"not_measurable": "n.m.", "weights_missing": "w.m.", "failed": "failed", "ok": "n/a"}


def escape(text: str) -> str:
    """A stranger's text on one line, with every character that TeX would act on made harmless."""
    return "".join(map(_escaped, visible(" ".join(text.split()))))


def _escaped(letter: str) -> str:
    known = _ESCAPES.get(letter) or _SYMBOLS.get(letter)
    if known is None and ord(letter) > _LAST_LETTER:
        return rf"\texttt{{U+{ord(letter):04X}}}"  # pdflatex stops at a letter that its fonts lack
    return known or letter


def environment(
    caption: str, columns: str, heads: Sequence[str], lines: Sequence[str], above: Sequence[str] = ()
) -> list[str]:
    """A table environment around finished lines. `columns`: how they are aligned, a letter each.

    `above`: lines that stand over the heads, such as the names of groups of columns.
    """
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *above,
        " & ".join(heads) + r" \\",
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def title(text: str, values: int) -> str:
    """A line over all columns, for the ones below it."""
    return rf"\multicolumn{{{values + 1}}}{{l}}{{{text}}} \\"


def stacked(words: Sequence[str]) -> str:
    """A heading on as many lines as it has words, so that many columns fit a page."""
    lines = r"\\".join(words)
    return rf"\shortstack[r]{{{lines}}}" if len(words) > 1 else lines


def broken(name: str, width: int = _LINE) -> list[str]:
    """A metric's name on lines of about `width` letters, broken behind underscores, before extractor and reference."""
    lines = [""]
    for part in re.split(r"(?<=_)|(?=[\[@])", name):
        if lines[-1] and (part[0] in "[@" or len(lines[-1] + part) > width):
            lines.append("")
        lines[-1] += part
    return lines


def lines_of(column: Column, unit: bool = True) -> list[str]:
    """A metric's name, and its unit unless it is not wanted, as lines of a heading."""
    lines = broken(column.metric.name)
    lines[-1] += f" ({column.suffix})" if column.suffix else ""
    told = f"[{column.metric.unit}]" if unit and column.metric.unit else ""
    if told and len(f"{lines[-1]} {told}") > _LINE:
        return [*lines, told]
    return [*lines[:-1], f"{lines[-1]} {told}".rstrip()]


def value(cell: Cell, column: Column) -> str:
    """A cell: its number, bold where it is best, or the mark that says why it has none."""
    if cell.row is None:
        return "--"
    if cell.value is None:
        return MARKS[cell.row.status]
    text = f"${format_value(cell.value, cell.row.unit, cell.row.ci_low, cell.row.ci_high)}$"
    if cell.best:
        return rf"\textbf{{\boldmath {text}}}"
    return f"({text})" if column.refused else text


def remarks(comparable: bool, columns: Sequence[Column], missing: Set[str]) -> str:
    """What a caption must say of its numbers: a limited run, refused columns, the marks of those that are missing."""
    limited = "" if comparable else " Limited run: not comparable."
    refused = " In parentheses: signatures differ, not ranked." if any(column.refused for column in columns) else ""
    legend = "".join(
        f" {MARKS[status]}: {name}."
        for status, name in (("not_measurable", "not measurable"), ("weights_missing", "weights missing"))
        if status in missing
    )
    return f"{limited}{refused}{legend}"
