"""The trade-off figures of a suite: primary results against each other, the names of the best printed."""

from __future__ import annotations

import itertools

from bench.leaderboard.entry import EntryRow
from bench.leaderboard.pin import PinnedResult
from reports.leaderboard.standings import Line, Standings
from reports.tradeoff import Figure, Point, axis_words, draw, pareto_front

MOST_NAMES = 24
MOST_FIGURES = 10
_CROWD = 60  # entries: from there on each figure is large, and three will do


def figures(standings: Standings) -> tuple[Figure, ...]:
    """Realism against consistency first, where the suite's primary results have both; then the other pairs."""
    primary = [column.result for column in standings.columns if column.primary and column.ranked]
    pairs = sorted(itertools.combinations(primary, 2), key=_opens)
    drawn = [shape for pair in pairs if (shape := _drawn(standings, *_turned(*pair))) is not None]
    return tuple(drawn[: 3 if len(standings.active) > _CROWD else MOST_FIGURES])


def _opens(pair: tuple[PinnedResult, PinnedResult]) -> int:
    return 0 if {one.axis for one in pair} == {"realism", "consistency"} else 1


def _turned(first: PinnedResult, second: PinnedResult) -> tuple[PinnedResult, PinnedResult]:
    """Realism lies along x."""
    return (second, first) if second.axis == "realism" and first.axis != "realism" else (first, second)


def _drawn(standings: Standings, x: PinnedResult, y: PinnedResult) -> Figure | None:
    lines = [line for line in standings.lines if line.standing in ("active", "calibration")]
    shown = [
        Point(line.entry.generator.model, ends_x, ends_y, line.standing == "calibration")
        for line in lines
        if (ends_x := _ends(line, x)) is not None and (ends_y := _ends(line, y)) is not None
    ]
    if not shown:
        return None
    better = (x.direction == "up", y.direction == "up")
    front = pareto_front(shown, better)
    named = list(range(len(shown)))
    if len(shown) > MOST_NAMES:
        named = [*front[:MOST_NAMES], *(i for i, point in enumerate(shown) if point.calibrates)][:MOST_NAMES]
    titles = [axis_words(one.name, one.unit, one.direction) for one in (x, y)]
    return draw(
        shown,
        titles[0],
        titles[1],
        [front] if len(front) > 1 else (),
        better=better,
        labelled=named,
    )


def _ends(line: Line, result: PinnedResult) -> tuple[float, float, float] | None:
    row: EntryRow | None = line.entry.row(result.name)
    if row is None or row.status != "ok" or row.value is None or row.signature != result.signature:
        return None
    low, high = row.ci_low, row.ci_high
    return row.value, row.value if low is None else low, row.value if high is None else high
