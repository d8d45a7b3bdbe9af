"""The self-test for readers: verdicts as a table, as JSON and as Markdown, and a figure of what each metric sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import __version__
from bench.files import write_atomically
from bench.metrics.declaration import Result
from bench.selftest.pictures import CEILING, PICTURES
from bench.selftest.run import SelfTest, Verdict
from reports.html import environment
from reports.markdown import escape
from reports.numbers import MISSING

COLUMNS = ("pictures", "metric", "expected", "observed", "verdict")

_LEFT, _RIGHT, _TOP, _BOTTOM = 268.0, 12.0, 64.0, 62.0
_CELL, _ROW = 100.0, 36.0
_RULE = 8.0  # between the ceiling's row, which shows values, and the others, which show changes


@dataclass(frozen=True)
class HeatCell:
    """A metric under one corruption. `shade` is -1 (worse than the ceiling, strongest in its column) to 1 (better)."""

    x: float
    text: str
    shade: float
    checked: bool
    holds: bool
    weakness: bool
    title: str


@dataclass(frozen=True)
class HeatRow:
    """One set of pictures in the figure."""

    y: float
    name: str
    what: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatMap:
    """The figure in SVG user units: `columns` are (x of the centre, lines of the name, unit with arrow)."""

    columns: tuple[tuple[float, tuple[str, ...], str], ...]
    rows: tuple[HeatRow, ...]
    caption: str
    left: float
    top: float
    cell: float
    row: float
    width: float
    height: float


def rows(outcome: SelfTest) -> list[tuple[str, str, str, str, str]]:
    """A line of `COLUMNS` for each property."""
    return [(v.asked.pictures, v.asked.metric, _expected(v), _observed(v), _verdict(v)) for v in outcome.verdicts]


def summary(outcome: SelfTest) -> dict[str, Any]:
    """Everything that was measured, for machines. Values are means over objects, NaN where one is not measurable."""
    return {
        "version": __version__,
        "holds": outcome.holds,
        "objects": list(outcome.objects),
        "resolution": outcome.resolution,
        "device": outcome.device,
        "properties": [
            {
                "pictures": v.asked.pictures,
                "metric": v.asked.metric,
                "expected": v.asked.expectation.words,
                "baseline": v.asked.baseline,
                "baseline_value": v.baseline,
                "value": v.value,
                "holds": v.holds,
                "known_weakness": v.asked.weakness,
            }
            for v in outcome.verdicts
        ],
        "means": {pictures: dict(values) for pictures, values in outcome.means.items()},
    }


def write(outcome: SelfTest, folder: Path) -> tuple[Path, Path]:
    """Write `selftest.md` and the figure that it shows, `selftest.svg`, into `folder`; returns both paths."""
    texts = {"selftest.md": write_markdown(outcome), "selftest.svg": write_svg(outcome)}
    for name, text in texts.items():
        write_atomically(folder / name, text.encode("utf-8"))
    return folder / "selftest.md", folder / "selftest.svg"


def write_markdown(outcome: SelfTest) -> str:
    """The verdicts as a GitHub-flavoured table, with the figure above."""
    failed = sum(not verdict.holds for verdict in outcome.verdicts)
    count = len(outcome.verdicts)
    result = f"{failed} of {count} properties fail" if failed else f"All {count} properties hold"
    lines = [
        "# Self-test of the metrics",
        "",
        f"**{result}.** {_caption(outcome)}",
        "",
        "![What each metric sees of each corruption](selftest.svg)",
        "",
        "Known corruptions of perfect views, what each metric must answer, and what it did. A *known weakness* holds "
        "when the metric is as blind as its description says.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(map(escape, row))} |" for row in rows(outcome)),
        "",
        f"Objects: {', '.join(map(escape, outcome.objects))}.",
    ]
    return "\n".join(lines) + "\n"


def write_svg(outcome: SelfTest) -> str:
    """The figure."""
    svg: str = environment().get_template("selftest.svg.j2").render(map=heat_map(outcome))
    return svg


def heat_map(outcome: SelfTest) -> HeatMap:
    """Corruption by metric: the change against the ceiling, for every metric that some property is about."""
    asked = {verdict.asked.metric for verdict in outcome.verdicts}
    results = [result for result in outcome.results if result.name in asked]
    strongest = {r.name: max(abs(_gain(outcome, p.name, r)) for p in PICTURES) for r in results}
    lines = []
    for number, pictures in enumerate(PICTURES):
        cells = tuple(
            _heat_cell(outcome, pictures.name, result, strongest[result.name], _LEFT + _CELL * column)
            for column, result in enumerate(results)
        )
        y = _TOP + _ROW * number + (_RULE if pictures.name != CEILING else 0.0)
        lines.append(HeatRow(y, pictures.name, pictures.what, cells))
    columns = tuple(
        (
            _LEFT + _CELL * (number + 0.5),
            _broken(result.name),
            f"{result.unit} {'↑' if result.direction == 'up' else '↓'}",
        )
        for number, result in enumerate(results)
    )
    width = _LEFT + _CELL * len(results) + _RIGHT
    height = _TOP + _ROW * len(PICTURES) + _RULE + _BOTTOM
    return HeatMap(columns, tuple(lines), _caption(outcome), _LEFT, _TOP, _CELL, _ROW, width, height)


def _heat_cell(outcome: SelfTest, pictures: str, result: Result, strongest: float, x: float) -> HeatCell:
    value, base = outcome.means[pictures][result.name], outcome.means[CEILING][result.name]
    gain = _gain(outcome, pictures, result)
    found = [v for v in outcome.verdicts if (v.asked.pictures, v.asked.metric) == (pictures, result.name)]
    return HeatCell(
        x=x,
        text=_number(value, result.unit) if pictures == CEILING else _change(value - base, result.unit),
        # the root keeps small changes visible beside the floor's
        shade=math.copysign(math.sqrt(abs(gain) / strongest), gain) if strongest else 0.0,
        checked=bool(found),
        holds=all(v.holds for v in found),
        weakness=any(v.asked.weakness for v in found),
        title="; ".join(f"{_expected(v)}: {_verdict(v)}" for v in found),
    )


def _gain(outcome: SelfTest, pictures: str, result: Result) -> float:
    """By how much the metric likes the pictures better than the ceiling; 0 where it gives no number."""
    change = outcome.means[pictures][result.name] - outcome.means[CEILING][result.name]
    return 0.0 if math.isnan(change) else change if result.direction == "up" else -change


def _change(change: float, unit: str) -> str:
    """With its sign, or '0' where nothing is left after rounding."""
    text = _number(change, unit)
    return text if text == MISSING else "0" if float(text) == 0 else f"{'+' if change > 0 else ''}{text}"


def _number(value: float, unit: str) -> str:
    """As many decimals in every row of a column, so that rows can be compared by eye."""
    return MISSING if math.isnan(value) else f"{value:.{2 if unit else 3}f}"


def _broken(name: str) -> tuple[str, ...]:
    """A long name on two lines, after its first word."""
    first, mark, rest = name.partition("_")
    return (first + mark, rest) if rest else (name,)


def _caption(outcome: SelfTest) -> str:
    count = len(outcome.objects)
    objects = f"{count} object{'' if count == 1 else 's'} of the mini-world"
    return f"Means over {objects}, four views of {outcome.resolution} px, realiz3d-bench {__version__}."


def _expected(verdict: Verdict) -> str:
    asked = verdict.asked
    return f"{asked.expectation.words}{'' if asked.baseline == CEILING else f', against {asked.baseline}'}"


def _observed(verdict: Verdict) -> str:
    asked, unit = verdict.asked, verdict.result.unit
    value = f"{_number(verdict.value, unit)} {unit}".rstrip()
    if asked.pictures == asked.baseline:
        return value
    change = _change(verdict.value - verdict.baseline, unit)
    return f"{_number(verdict.baseline, unit)} -> {value}{'' if change == MISSING else f' ({change})'}"


def _verdict(verdict: Verdict) -> str:
    if not verdict.holds:
        return "FAILS"
    return "holds (known weakness)" if verdict.asked.weakness else "holds"
