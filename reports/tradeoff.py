"""The realism-consistency trade-off: which two metrics to set against each other, and where the labels go.

Drawn once, as SVG: the default axes as a file that a README can show, and in the page with other pairs of axes behind a
choice. Marks tell their numbers on hover, and a dashed line joins the generators that no other beats on both axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.results.terms import Axis, Direction
from reports.table import Column, Table

WIDTH, HEIGHT = 720.0, 440.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 72.0, 24.0, 20.0, 56.0
_LETTER, _LINE = 7.2, 15.0  # rough advance of a 12 px sans letter, and its line
_ARROW = 34.0
MAX_FIGURES = 16  # pairs of axes in a page: each is a picture of its own
Box = tuple[float, float, float, float]
Place = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """A generator in the figure; each axis has value, low, high (the value itself where there is no interval)."""

    label: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    calibrates: bool


@dataclass(frozen=True)
class Label:
    """A label's place in the SVG: text anchor start and baseline, and the point that it names."""

    text: str
    x: float
    y: float
    width: float
    point_x: float
    point_y: float


@dataclass(frozen=True)
class Mark:
    """A generator's mark and bars in the SVG; `calibrates` draws it hollow."""

    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    calibrates: bool
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A static scatter in SVG user units, ready to print."""

    x_title: str
    y_title: str
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    frame: Box
    curves: tuple[str, ...] = ()  # polylines, as SVG writes their points
    dots: tuple[tuple[float, float], ...] = ()
    arrow: Box | None = None  # tail and tip, towards the better corner
    width: float = WIDTH
    height: float = HEIGHT


def plottable(table: Table) -> list[Column]:
    """Columns that can be an axis: agreeing signatures and at least one number."""
    return [
        column
        for column in table.columns
        if not column.refused and any(table.cell(source, column).value is not None for source in table.sources)
    ]


def default_axes(table: Table) -> tuple[Column, Column] | None:
    """(realism, consistency): the first of each kind, primary metrics first; None with fewer than two columns."""
    columns = plottable(table)
    if len(columns) < 2:
        return None
    realism = _of(columns, "realism")
    realism.sort(key=lambda column: (not column.primary, not column.metric.name.startswith("k")))
    x = realism[0] if realism else columns[0]
    rest = [column for column in columns if column is not x]
    consistent = _of(rest, "consistency")
    other = [column for column in rest if column not in realism]
    return x, (consistent or other or rest)[0]


def heading(table: Table) -> str:
    """What the default axes set against each other."""
    axes = default_axes(table)
    if axes and [column.metric.axis for column in axes] == ["realism", "consistency"]:
        return "Realism against consistency"
    return "One metric against another"


def axis_title(column: Column) -> str:
    """Name, unit and which end is better."""
    name = f"{column.metric.name}{column.suffix and f' ({column.suffix})'}"
    return axis_words(name, column.metric.unit, column.metric.direction)


def axis_words(name: str, unit: str, direction: Direction) -> str:
    """`cde, higher is better`, with the unit where there is one."""
    return f"{name}{f' [{unit}]' if unit else ''}, {'higher' if direction == 'up' else 'lower'} is better"


def points(table: Table, x: Column, y: Column) -> tuple[Point, ...]:
    """Every generator that has both numbers."""
    found = []
    for source in table.sources:
        ends = [_ends(table, source.label, column) for column in (x, y)]
        if ends[0] is not None and ends[1] is not None:
            found.append(Point(source.label, ends[0], ends[1], source.calibrates))
    return tuple(found)


def figure(table: Table) -> Figure | None:
    """The figure on the default axes; None when no generator has both numbers."""
    axes = default_axes(table)
    return _drawn(table, *axes) if axes else None


def figures(table: Table) -> tuple[Figure, ...]:
    """The default axes first, then other pairs: primary metrics against each other, then realism against the rest."""
    axes = default_axes(table)
    if axes is None:
        return ()
    primary = [column for column in plottable(table) if column.primary]
    pairs = [axes, *itertools.combinations(primary, 2)]
    pairs += [(x, y) for x in _of(plottable(table), "realism") for y in plottable(table) if y.metric.axis != "realism"]
    chosen: dict[frozenset[int], tuple[Column, Column]] = {}
    for x, y in pairs:
        chosen.setdefault(frozenset((x.number, y.number)), (x, y))
    drawn = (_drawn(table, x, y) for x, y in list(chosen.values())[:MAX_FIGURES])
    return tuple(shape for shape in drawn if shape is not None)


def _drawn(table: Table, x: Column, y: Column) -> Figure | None:
    shown = points(table, x, y)
    if not shown:
        return None
    better = (x.metric.direction == "up", y.metric.direction == "up")
    front = pareto_front(shown, better)
    return draw(shown, axis_title(x), axis_title(y), [front] if len(front) > 1 else (), better=better)


def pareto_front(shown: Sequence[Point], better: tuple[bool, bool]) -> list[int]:
    """Indices of the contestants that no other contestant equals or beats on both axes, along the first axis."""
    signs = [1.0 if up else -1.0 for up in better]
    at = {i: (signs[0] * p.x[0], signs[1] * p.y[0]) for i, p in enumerate(shown) if not p.calibrates}
    front = [
        i
        for i, (x, y) in at.items()
        if not any(x2 >= x and y2 >= y and (x2, y2) != (x, y) for j, (x2, y2) in at.items() if j != i)
    ]
    return sorted(front, key=lambda i: shown[i].x[0])


def draw(
    shown: Sequence[Point],
    x_title: str,
    y_title: str,
    curves: Sequence[Sequence[int]] = (),
    *,
    dots: Sequence[Place] = (),
    guides: Sequence[Sequence[Place]] = (),
    better: tuple[bool, bool] | None = None,
    labelled: Collection[int] | None = None,
) -> Figure:
    """The figure of some points, at least one. `curves` join points by their indices, `guides` any places.

    `dots` are small marks without a label, such as repeats; `better` says whether higher values of each axis are, and
    an arrow points to that corner. `labelled` are the indices of points whose name is printed (None: all): a crowd
    tells its names on hover.
    """
    x_ticks = _ticks([end for point in shown for end in point.x] + [x for x, _ in dots])
    y_ticks = _ticks([end for point in shown for end in point.y] + [y for _, y in dots])
    frame = (_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM)

    def across(value: float) -> float:
        return frame[0] + (value - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]) * (frame[2] - frame[0])

    def down(value: float) -> float:
        return frame[3] - (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (frame[3] - frame[1])

    marks = []
    for point in shown:
        x, x_low, x_high = map(across, point.x)
        y, y_low, y_high = map(down, point.y)
        title = f"{point.label}: {_ends_text(point.x)} and {_ends_text(point.y)}"
        marks.append(Mark(x, x_low, x_high, y, y_low, y_high, point.calibrates, title))
    bars = [(mark.x_low, mark.y - 3, mark.x_high, mark.y + 3) for mark in marks]
    bars += [(mark.x - 3, mark.y_high, mark.x + 3, mark.y_low) for mark in marks]
    small = [(across(x), down(y)) for x, y in dots]
    bars += [(x - 3, y - 3, x + 3, y + 3) for x, y in small]
    arrow = None if better is None else _arrow(frame, *better)
    if arrow is not None:
        bars.append((min(arrow[0::2]), min(arrow[1::2]), max(arrow[0::2]), max(arrow[1::2])))
    named = range(len(shown)) if labelled is None else sorted(labelled)
    anchors = [(marks[i].x, marks[i].y) for i in named]
    labels = place_labels([shown[i].label for i in named], anchors, bars, frame)
    return Figure(
        x_title=x_title,
        y_title=y_title,
        marks=tuple(marks),
        curves=(
            *(_polyline([(marks[i].x, marks[i].y) for i in curve]) for curve in curves),
            *(_polyline([(across(x), down(y)) for x, y in guide]) for guide in guides),
        ),
        dots=tuple(small),
        arrow=arrow,
        labels=labels,
        x_ticks=tuple((across(tick), _tick_text(tick, x_ticks)) for tick in x_ticks),
        y_ticks=tuple((down(tick), _tick_text(tick, y_ticks)) for tick in y_ticks),
        frame=frame,
    )


def place_labels(
    texts: Sequence[str], anchors: Sequence[tuple[float, float]], bars: Sequence[Box], frame: Box
) -> tuple[Label, ...]:
    """Greedy placement: each label takes the nearest spot around its point that covers no mark, bar, label or edge.

    When a crowd leaves no free spot, the one with the least overlap is taken.
    """
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in anchors] + list(bars)
    labels = []
    for text, (x, y) in zip(texts, anchors, strict=True):
        width = _LETTER * len(text) + 2
        best: tuple[float, Box] | None = None
        for distance in (9.0, 16.0, 26.0, 40.0, 58.0, 80.0):
            for turn in range(12):
                angle = 2 * math.pi * turn / 12
                dx, dy = math.cos(angle), -math.sin(angle)
                centre_x = x + dx * (distance + width / 2 * abs(dx))
                centre_y = y + dy * (distance + _LINE / 2 * abs(dy))
                box = (centre_x - width / 2, centre_y - _LINE / 2, centre_x + width / 2, centre_y + _LINE / 2)
                outside = _area(box) - _overlap(box, frame)
                cost = sum(_overlap(box, other) for other in taken) + 4 * outside + 0.05 * distance
                if best is None or cost < best[0]:
                    best = (cost, box)
        assert best is not None  # the candidate loops are never empty
        taken.append(best[1])
        labels.append(Label(text, best[1][0] + 1, best[1][3] - 4, width - 2, x, y))
    return tuple(labels)


def _of(columns: Sequence[Column], axis: Axis) -> list[Column]:
    return [column for column in columns if column.metric.axis == axis]


def _ends(table: Table, label: str, column: Column) -> tuple[float, float, float] | None:
    cell = table.cells.get((label, column.number))
    if cell is None or cell.row is None or cell.value is None:
        return None
    low, high = cell.row.ci_low, cell.row.ci_high
    return cell.value, cell.value if low is None else low, cell.value if high is None else high


def _ends_text(ends: tuple[float, float, float]) -> str:
    value, low, high = ends
    return f"{value:.4g}" if low == high else f"{value:.4g} [{low:.4g}, {high:.4g}]"


def _arrow(frame: Box, right: bool, up: bool) -> Box:
    """From inside the frame to near its better corner."""
    x, y = (frame[2] - 8 if right else frame[0] + 8), (frame[1] + 8 if up else frame[3] - 8)
    return x - _ARROW if right else x + _ARROW, y + _ARROW if up else y - _ARROW, x, y


def _polyline(places: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _ticks(values: Sequence[float]) -> list[float]:
    """Four to nine round numbers that span the values with some room."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    low, high = low - room, high + room
    raw = (high - low) / 5
    decade = 10.0 ** math.floor(math.log10(raw))
    step = next(decade * factor for factor in (1, 2, 2.5, 5, 10) if decade * factor >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * position for position in range(first, last + 1)]


def _tick_text(tick: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0]
    decimals = next((places for places in range(9) if math.isclose(round(step, places), step)), 9)
    return f"{round(tick, decimals) + 0.0:.{decimals}f}"


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
