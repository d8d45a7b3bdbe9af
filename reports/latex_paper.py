r"""A suite's main table, laid out as the paper's: a line a generator, columns in groups by what they judge.

It has the primary metrics and those that the paper prints too (PSNR, SSIM, LPIPS, FID, KID, CLIP); the groups stand
under rules of their own, generators in the paper's groups, calibration at the foot. Bold is what the tests say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from bench.results.numbers import format_value
from bench.suite.paper_tables import kind_of_method
from reports.latex_parts import ARROWS, broken, environment, escape, remarks, stacked, title, value
from reports.published import HEADS, counterparts
from reports.table import Column, Source, Table

_MOST = 10  # columns beside the names
_LINE = 9  # letters of a heading's line: columns are as narrow as their numbers
_AXES = {"realism": "Realism", "consistency": "3D consistency", "control": "Control", "text": "Text", "speed": "Speed"}
_ORDER = ("consistency", "realism", "control", "text", "speed")  # as the paper's tables go, control beside
_TASKS = {"texturing": "Texturing", "text_to_multiview": "Text to multiview"}
_OTHERS = ""


def paper_tables(table: Table) -> list[str]:
    """The table, in as many parts as its columns need; none for a suite without any such number."""
    columns = _columns(table)
    parts = [columns[start : start + _MOST] for start in range(0, len(columns), _MOST)]
    return ["\n".join(_part(table, part, number, len(parts))) for number, part in enumerate(parts, start=1)]


def _columns(table: Table) -> list[Column]:
    """Primary results and the paper's, by group; what nobody has a number for is left out unless it is primary."""
    named = {s.generator.paper.table for s in table.sources if s.generator.paper is not None}
    tables = sorted(named) or (3 if table.runs[0].summary.suite.task == "text_to_multiview" else 1,)
    wanted = [result for which in tables for result in counterparts(which).values()]
    measured = {column.number for column in table.columns for s in table.sources if table.cell(s, column).value}
    chosen = [c for c in table.columns if c.primary or (c.metric.name in wanted and c.number in measured)]
    places = {name: place for place, name in enumerate(wanted)}
    return sorted(
        chosen,
        key=lambda c: (_ORDER.index(c.metric.axis), _reference(c), places.get(c.metric.name, len(places)), c.number),
    )


def _part(table: Table, columns: Sequence[Column], number: int, of: int) -> list[str]:
    heads = _heads(columns)
    lines: list[str] = []
    groups = [(name, [*sources]) for name, sources in groupby(table.sources, key=_group)]
    for name, sources in groups:
        lines += [r"\midrule"] if lines else []
        if name != _OTHERS:
            lines.append(title(rf"\textit{{{escape(name)}}}", len(columns)))
        for source in sources:
            cells = [_cell(table, source, column) for column in columns]
            lines.append(f"{escape(source.label)} & " + " & ".join(cells) + r" \\")
    if any(column.floor for column in columns):
        floors = [f"${format_value(c.floor.value, c.metric.unit)}$" if c.floor else "" for c in columns]
        lines += [r"\midrule", "Reference vs itself & " + " & ".join(floors) + r" \\"]
    which = f" ({number} of {of})" if of > 1 else ""
    caption = f"{_caption(table, columns, heads)}{which}"
    names, rules, place = [""], [], 2
    for name, some in _spans(columns):
        names.append(rf"\multicolumn{{{some}}}{{c}}{{{escape(name)}}}")
        rules.append(rf"\cmidrule(lr){{{place}-{place + some - 1}}}")
        place += some
    over = [" & ".join(names) + r" \\", "".join(rules)]
    return environment(caption, "l" + "r" * len(columns), ["Generator", *map(_typeset, heads, columns)], lines, over)


def _group(source: Source) -> str:
    """What the paper calls the kind of method that a generator is."""
    if source.calibrates:
        return "Calibration"
    paper = source.generator.paper
    return kind_of_method(paper.table, paper.row) if paper is not None else _OTHERS


def _spans(columns: Sequence[Column]) -> Iterator[tuple[str, int]]:
    """The groups of columns: their name and how many they are."""
    for (axis, reference), some in groupby(columns, key=lambda c: (c.metric.axis, _reference(c))):
        yield _AXES[axis] + (f" ({reference})" if reference else ""), len([*some])


def _reference(column: Column) -> str:
    return column.metric.name.rpartition("@")[2] if "@" in column.metric.name else ""


def _heads(columns: Sequence[Column]) -> list[str]:
    """Short names; a metric whose short name comes twice in a group keeps its extractor."""
    names = {result: head.split()[0] for table in (1, 3) for head, result in _papers(table)}
    short = [names.get(c.metric.name, c.metric.name.partition("@")[0].partition("[")[0]) for c in columns]
    twice = Counter((_reference(c), head) for c, head in zip(columns, short, strict=True))
    return [
        c.metric.name.partition("@")[0] if twice[_reference(c), head] > 1 else head
        for c, head in zip(columns, short, strict=True)
    ]


def _papers(table: int) -> Iterator[tuple[str, str]]:
    for name, result in counterparts(table).items():
        yield HEADS[name], result


def _typeset(head: str, column: Column) -> str:
    *above, last = [*broken(head + (f" ({column.suffix})" if column.suffix else ""), _LINE)]
    return stacked([*map(escape, above), f"{escape(last)}~{ARROWS[column.metric.direction]}"])


def _cell(table: Table, source: Source, column: Column) -> str:
    return value(table.cell(source, column), column) if table.belongs(source, column) else ""


def _caption(table: Table, columns: Sequence[Column], heads: Sequence[str]) -> str:
    suite = table.runs[0].summary.suite
    counts = sorted({column.n_objects for column in columns if column.n_objects is not None})
    over = f" over {' or '.join(map(str, counts))} objects" if counts else ""
    units = [
        f"{head} in {column.metric.unit}" for head, column in zip(heads, columns, strict=True) if column.metric.unit
    ]
    said = [f"{head} is {c.metric.name}" for head, c in zip(heads, columns, strict=True) if head != c.metric.name]
    missing = {c.row.status for _, column, c in table.missing() if c.row is not None and column in columns}
    about = "".join(f" {escape('; '.join(texts))}." for texts in (said, units) if texts)
    return (
        f"{_TASKS[suite.task]}, {escape(table.title)}: means{over}. Bold: the best and all that the paired test "
        f"does not tell from it.{about}{remarks(table.comparable, columns, missing)}"
    )
