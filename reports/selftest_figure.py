"""The self-test as a figure: corruption by metric, in one panel for views of objects and one for sets of pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.metrics.declaration import Result
from bench.results.numbers import MISSING
from bench.selftest.checks import DERIVED, FOREGROUND_ONLY, OTHER_ORDERS
from bench.selftest.pictures import CEILING, CUT_OUT, PICTURES
from bench.selftest.run import SelfTest
from bench.selftest.scenes import SCENES

_LEFT, _RIGHT, _BOTTOM = 300.0, 12.0, 62.0
_HEADER = 92.0  # above a panel's rows: its title and the names of its columns
_CELL, _ROW = 92.0, 34.0
_RULE = 8.0  # between the ceiling's row, which shows values, and the others, which show changes


@dataclass(frozen=True)
class HeatCell:
    """A metric under one corruption. `shade` is -1 (worse than the ceiling, strongest in its column) to 1 (better).

    `text` is empty where nothing was measured.
    """

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
class HeatColumn:
    """A metric: the lines of its name, those of the network that it looks through, and its unit with an arrow."""

    x: float
    name: tuple[str, ...]
    network: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class HeatPanel:
    """Columns and rows that belong together; `top` is where the rows begin."""

    title: str
    top: float
    columns: tuple[HeatColumn, ...]
    rows: tuple[HeatRow, ...]


@dataclass(frozen=True)
class HeatMap:
    """The figure, in SVG user units."""

    panels: tuple[HeatPanel, ...]
    caption: str
    cell: float
    row: float
    width: float
    height: float


def row_names() -> dict[str, str]:
    """Every row with what it shows, in the order of the figure."""
    rows: dict[str, str] = {}
    for pictures in PICTURES:
        rows[pictures.name] = pictures.what
        beside = {"turned-views": OTHER_ORDERS, CUT_OUT: FOREGROUND_ONLY}.get(pictures.name)
        if beside is not None:
            rows[beside] = DERIVED[beside]
    rows |= {scene.name: scene.what for scene in SCENES}
    return rows | {name: what for name, what in DERIVED.items() if name not in rows}


def heat_map(outcome: SelfTest) -> HeatMap:
    """Corruption by metric: the change against the ceiling. Tricky scenes show values: the ceiling is not theirs."""
    results = outcome.results
    views = [result for result in results if "@" not in result.name]
    sets = [result for result in results if "@" in result.name]
    first = _panel(outcome, "Views of an object", views, 0.0)
    second = _panel(outcome, "Sets of pictures, against the ceiling's", sets, first.rows[-1].y + _ROW + 18.0)
    width = _LEFT + _CELL * max(len(views), len(sets)) + _RIGHT
    height = second.rows[-1].y + _ROW + _BOTTOM
    return HeatMap((first, second), caption(outcome), _CELL, _ROW, width, height)


def caption(outcome: SelfTest) -> str:
    """What the numbers are means of."""
    from bench import __version__

    count = len(outcome.objects)
    return (
        f"Means over {count} objects of the mini-world, four views of {outcome.resolution} px, "
        f"realiz3d-bench {__version__}."
    )


def change(difference: float, unit: str) -> str:
    """With its sign, or '0' where nothing is left after rounding."""
    text = number(difference, unit)
    return text if text == MISSING else "0" if float(text) == 0 else f"{'+' if difference > 0 else ''}{text}"


def number(value: float, unit: str) -> str:
    """As many decimals in every row of a column, so that rows can be compared by eye; fewer for large distances."""
    decimals = 2 if unit else 3 if abs(value) < 10 else 1
    return MISSING if math.isnan(value) else f"{value:.{decimals}f}"


def _panel(outcome: SelfTest, title: str, results: list[Result], y: float) -> HeatPanel:
    top = y + _HEADER
    shown = [(n, what) for n, what in row_names().items() if any(r.name in outcome.means[n] for r in results)]
    strongest = {r.name: max(abs(_gain(outcome, name, r)) for name, _ in shown) for r in results}
    rows = []
    for index, (name, what) in enumerate(shown):
        cells = tuple(
            _cell(outcome, name, result, strongest[result.name], _LEFT + _CELL * column)
            for column, result in enumerate(results)
        )
        rows.append(HeatRow(top + _ROW * index + (_RULE if index else 0.0), name, what, cells))
    columns = tuple(_column(result, _LEFT + _CELL * (index + 0.5)) for index, result in enumerate(results))
    return HeatPanel(title, top, columns, tuple(rows))


def _column(result: Result, x: float) -> HeatColumn:
    name, _, network = result.name.partition("@")[0].rstrip("]").partition("[")
    unit = f"{result.unit} {'↑' if result.direction == 'up' else '↓'}"
    return HeatColumn(x, _broken(name), _broken(network) if network else (), unit)


def _cell(outcome: SelfTest, pictures: str, result: Result, strongest: float, x: float) -> HeatCell:
    value, base = outcome.means[pictures].get(result.name), outcome.means[CEILING][result.name]
    if value is None:
        return HeatCell(x, "", 0.0, False, True, False, "")
    gain = _gain(outcome, pictures, result)
    found = [v for v in outcome.verdicts if (v.asked.pictures, v.asked.metric) == (pictures, result.name)]
    return HeatCell(
        x=x,
        text=number(value, result.unit) if _by_itself(pictures) else change(value - base, result.unit),
        # the root keeps small changes visible beside the floor's
        shade=math.copysign(math.sqrt(abs(gain) / strongest), gain) if strongest else 0.0,
        checked=bool(found),
        holds=all(v.holds for v in found),
        weakness=any(v.asked.weakness for v in found),
        title="; ".join(f"{v.asked.expectation.words}: {'holds' if v.holds else 'FAILS'}" for v in found),
    )


def _gain(outcome: SelfTest, pictures: str, result: Result) -> float:
    """By how much the metric likes the pictures better than the ceiling; 0 where it gives no number."""
    value = outcome.means[pictures].get(result.name, math.nan)
    difference = value - outcome.means[CEILING][result.name]
    if math.isnan(difference) or _by_itself(pictures):
        return 0.0
    return difference if result.direction == "up" else -difference


def _by_itself(pictures: str) -> bool:
    return pictures == CEILING or pictures in {scene.name for scene in SCENES}


def _broken(name: str) -> tuple[str, ...]:
    """A long name on two lines, after its first word."""
    first, mark, rest = name.partition("_")
    return (first + mark, rest) if rest else (name,)
