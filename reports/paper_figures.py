"""Figures that a paper can take as they are: PDF with text as text in embedded TrueType fonts, or PNG at 300 dpi.

Sizes are those of a two-column page (6.75 in wide), letters are 8 pt, and nothing is told by colour alone: contestants
are full marks, yardsticks hollow ones, and all are named beside their marks. The colours are Okabe and Ito's.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import UsageError
from bench.results.numbers import format_value
from groundwork.texts import visible
from reports.table import Column, Table
from reports.tradeoff import Figure, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Kind = Literal["pdf", "png"]
WIDTH = 6.75  # inches
LETTERS = 8.0  # points
DPI = 300
PANELS = 3  # beside each other
_INK, _SOFT, _BLUE, _VERMILLION = "#1b1f24", "#8a939d", "#0072b2", "#d55e00"
_STYLE: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType: text stays text, and no Type 3 fonts, which publishers refuse
    "font.size": LETTERS,
    "axes.linewidth": 0.6,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.parse_math": False,  # names are strangers', and a dollar is a dollar
}


def write_figures(tables: Sequence[Table], kind: Kind) -> dict[str, bytes]:
    """File names and contents: the trade-off, and every primary metric with its intervals, of each table.

    Same results, same bytes. Raises `UsageError` where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError(
            f"{kind} figures are drawn by matplotlib, which is not installed",
            hint="pip install 'realiz3d-bench[figures]'; figures/tradeoff.svg, which 'html' writes, needs nothing",
        ) from error
    drawn: dict[str, bytes] = {}
    with mpl.rc_context(_STYLE):
        for number, table in enumerate(tables):
            suffix = "" if len(tables) == 1 else f"-{number + 1}"
            shape = figure(table)
            if shape is not None:
                drawn[f"figures/tradeoff{suffix}.{kind}"] = _saved(_tradeoff(shape), kind)
            columns = [column for column in table.columns if column.primary and not column.refused]
            columns = [c for c in columns if any(table.cell(s, c).value is not None for s in table.sources)]
            if columns:
                drawn[f"figures/primary{suffix}.{kind}"] = _saved(_intervals(table, columns), kind)
    return drawn


def _one_line(name: str) -> str:
    return visible(" ".join(name.split()))


def _canvas(height: float) -> Canvas:
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(WIDTH, height), dpi=DPI)


def _saved(canvas: Canvas, kind: Kind) -> bytes:
    stream = io.BytesIO()
    dateless: dict[str, Any] = {"CreationDate": None} if kind == "pdf" else {"Software": None}
    canvas.savefig(stream, format=kind, dpi=DPI, metadata=dateless)
    return stream.getvalue()


def _tradeoff(shape: Figure) -> Canvas:
    """The page's figure, drawn where it was laid out."""
    unit = WIDTH * 72 / shape.width  # points of one unit of the layout
    canvas = _canvas(shape.height * unit / 72)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, shape.width)
    axes.set_ylim(shape.height, 0)
    axes.set_axis_off()
    left, top, right, bottom = shape.frame
    fine: dict[str, Any] = {"linewidth": 0.5, "color": _SOFT, "alpha": 0.35, "zorder": 1}
    for x, text in shape.x_ticks:
        axes.plot([x, x], [top, bottom], **fine)
        axes.text(x, bottom + 16, text.replace("-", "−"), ha="center", va="center")
    for y, text in shape.y_ticks:
        axes.plot([left, right], [y, y], **fine)
        axes.text(left - 8, y, text.replace("-", "−"), ha="right", va="center")
    axes.text((left + right) / 2, shape.height - 15, shape.x_title, ha="center", va="center")
    axes.text(14, (top + bottom) / 2, shape.y_title, ha="center", va="center", rotation=90)
    for curve in shape.curves:
        places = [tuple(map(float, place.split(","))) for place in curve.split()]
        axes.plot(*zip(*places, strict=True), color=_SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)
    for mark in shape.marks:
        axes.plot([mark.x_low, mark.x_high], [mark.y, mark.y], color=_BLUE, alpha=0.5, linewidth=0.8, zorder=3)
        axes.plot([mark.x, mark.x], [mark.y_low, mark.y_high], color=_BLUE, alpha=0.5, linewidth=0.8, zorder=3)
        filled = "white" if mark.calibrates else _BLUE
        axes.plot(mark.x, mark.y, "o", markersize=4.6, color=_BLUE, markerfacecolor=filled, zorder=4)
    for label in shape.labels:
        end = min(max(label.point_x, label.x), label.x + label.width)
        axes.plot([label.point_x, end], [label.point_y, label.y - 4], color=_SOFT, linewidth=0.4, zorder=2)
        before = label.x + label.width < label.point_x  # the mark is on the right: the text ends where its line begins
        start = label.x + label.width if before else label.x
        axes.text(start, label.y, _one_line(label.text), ha="right" if before else "left", va="baseline", zorder=5)
    if shape.arrow is not None:
        x0, y0, x1, y1 = shape.arrow
        axes.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": _SOFT})
        axes.text(x0, y0, "better", color=_SOFT, ha="left" if x1 < x0 else "right", va="center")
    return canvas


def _intervals(table: Table, columns: Sequence[Column]) -> Canvas:
    """A panel for each metric, a line for each generator: value and interval, the best and ties as diamonds in bold."""
    across = min(PANELS, len(columns))
    down = -(-len(columns) // across)
    canvas = _canvas(down * (0.55 + 0.17 * len(table.sources)))
    panels = canvas.subplots(down, across, squeeze=False, sharey=True)
    canvas.set_layout_engine("constrained")
    labels = [_one_line(source.label) for source in table.sources]
    for number, axes in enumerate(panels.flat):
        if number >= len(columns):
            axes.set_axis_off()
            continue
        column = columns[number]
        for line, source in enumerate(table.sources):
            cell = table.cell(source, column)
            if cell.row is None or cell.value is None:
                continue
            colour = _VERMILLION if cell.best else _SOFT if source.calibrates else _BLUE
            low, high = cell.row.ci_low, cell.row.ci_high
            if low is not None and high is not None:
                axes.plot([low, high], [line, line], color=colour, linewidth=1.2)
            shape = "o" if source.calibrates else "D" if cell.best else "s"
            filled = "white" if source.calibrates else colour
            axes.plot(cell.value, line, shape, markersize=3.8, color=colour, markerfacecolor=filled)
            text = format_value(cell.value, cell.row.unit, low, high).replace("-", "−")
            axes.annotate(
                text,
                (1.0, line),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontweight="bold" if cell.best else "normal",
                annotation_clip=False,
            )
        better = "higher" if column.metric.direction == "up" else "lower"
        unit = f" [{column.metric.unit}]" if column.metric.unit else ""
        axes.set_title(f"{_short(column.metric.name)}{unit}\n{better} is better", fontsize=LETTERS)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.tick_params(length=2)
        axes.grid(axis="x", linewidth=0.4, alpha=0.4)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return canvas


def _short(name: str) -> str:
    """A metric's name on lines of a panel's width."""
    return name.replace("[", "\n[").replace("]@", "] @") if len(name) > 24 else name
