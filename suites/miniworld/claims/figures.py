"""Figures in the reports' own style: the trade-off with its seeds, and ranks in print against ranks here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.html import environment
from reports.published import HEADS
from reports.tradeoff import Figure, Point, draw
from suites.miniworld.claims.crossed import Crossed
from suites.miniworld.claims.measured import Measured, label
from suites.miniworld.claims.orders import Order
from suites.miniworld.claims.statements import BASE
from suites.miniworld.claims.verdicts import Judged


def figures(run: Measured, judged: Sequence[Judged], ranked: Sequence[Order]) -> dict[str, str]:
    """SVG files by name: `figures/table1-tradeoff.svg`, `figures/table1-psnr-ranks.svg`, ..."""
    drawn = {}
    decisive = {one.claim.topic: one.result for one in judged if one.decides}
    if {"realism", "consistency"} <= decisive.keys():
        shape = tradeoff(run, decisive["realism"], decisive["consistency"])
        if shape is not None:
            drawn[f"figures/table{run.table}-tradeoff.svg"] = _svg(shape)
    for order in ranked:
        if math.isnan(order.correlation.tau):
            continue  # too few methods to have an order
        result = order.result.replace("[", "_").replace("]", "").replace("@", "_")
        drawn[f"figures/table{run.table}-ranks-{order.column}-{result}.svg"] = _svg(rank_figure(run, order))
    return drawn


def tradeoff(run: Measured, realism: str, consistency: str) -> Figure | None:
    """Realism across, consistency up: means with intervals, seeds as dots, yardsticks hollow; None without methods."""
    points, dots, spokes = [], [], []
    methods = {generator: label(run.table, row) for row, generator in run.generators.items() if row != BASE}
    yardsticks = (*(name for row, name in run.generators.items() if row == BASE), *run.references)
    for name, text in {**methods, **{name: name for name in yardsticks}}.items():
        x, y = run.score(name, realism), run.score(name, consistency)
        if x is None or y is None:
            continue
        points.append(Point(text, _ends(x), _ends(y), calibrates=name not in methods))
        seeds = list(zip(x.seeds, y.seeds, strict=False)) if name in methods else []
        dots += seeds
        spokes += [[(x.value, y.value), seed] for seed in seeds]  # whose they are
    if not points:
        return None
    right, up = (run.metric(name).direction == "up" for name in (realism, consistency))
    return draw(points, _title(run, realism), _title(run, consistency), dots=dots, guides=spokes, better=(right, up))


def rank_figure(run: Measured, order: Order) -> Figure:
    """Rank in print across, rank here up; on the dashed line both agree."""
    points = [
        Point(label(run.table, row), (x, x, x), (y, y, y), calibrates=False)
        for row, x, y in zip(order.rows, order.printed_ranks, order.measured_ranks, strict=True)
    ]
    ends = (1.0, float(len(order.rows)))
    return draw(
        points,
        f"rank by {HEADS[order.column][:-2]} in print, 1 is best",
        f"rank by {order.result} here",
        guides=[[(end, end) for end in ends]],
    )


def _ends(score: Crossed) -> tuple[float, float, float]:
    low, high = (score.value if end != end else end for end in (score.low, score.high))
    return score.value, low, high


def _title(run: Measured, result: str) -> str:
    metric = run.metric(result)
    unit = f" [{metric.unit}]" if metric.unit else ""
    return f"{result}{unit}, {'higher' if metric.direction == 'up' else 'lower'} is better"


def _svg(figure: Figure) -> str:
    text: str = environment().get_template("tradeoff.svg.j2").render(figure=figure, standalone=True)
    return text
