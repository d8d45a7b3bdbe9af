"""The trade-off of inference-time shifting as a figure: one mark a setting, joined stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.html import environment
from reports.tradeoff import Point, draw


@dataclass(frozen=True)
class TuningMark:
    """A setting: its values, whether its loss of realism is allowed, whether it was chosen.

    Without intervals: those of tables are over objects, which are the same for every setting, and would hide the curve.
    """

    label: str
    realism: float
    consistency: float
    allowed: bool
    chosen: bool


def tuning_svg(marks: Sequence[TuningMark], stages: Sequence[Sequence[int]], realism: str, consistency: str) -> str:
    """A standalone SVG. Hollow marks lose more realism than allowed; dashed lines join the settings of each stage.

    `stages` hold indices of marks, `realism` and `consistency` name the axes.
    """
    points = [
        Point(
            label=f"{mark.label} (chosen)" if mark.chosen else mark.label,
            x=(mark.realism,) * 3,
            y=(mark.consistency,) * 3,
            calibrates=not mark.allowed,
        )
        for mark in marks
    ]
    figure = draw(points, realism, consistency, stages)
    svg: str = environment().get_template("tradeoff.svg.j2").render(figure=figure, standalone=True)
    return svg
