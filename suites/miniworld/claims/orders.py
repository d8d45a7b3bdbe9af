"""The order of methods in print beside the order that was measured, a paper's column and a metric at a time."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import rankdata

from suites.miniworld.claims.measured import Measured
from suites.miniworld.claims.ranks import RankCorrelation, rank_correlation
from suites.miniworld.claims.statements import UPWARDS, pairs, printed


@dataclass(frozen=True)
class Order:
    """Methods that have both numbers: the paper's rows, values in print and here, ranks (1: best) of both.

    `by_seed` is Kendall's tau with each seed's own values; empty where there are none.
    """

    column: str
    result: str
    rows: tuple[str, ...]
    printed: tuple[float, ...]
    measured: tuple[float, ...]
    printed_ranks: tuple[float, ...]
    measured_ranks: tuple[float, ...]
    correlation: RankCorrelation
    by_seed: tuple[float, ...] = ()


def orders(measured: Measured) -> list[Order]:
    """Every pair of a column and a metric for which the run has numbers of at least two methods."""
    real, base = measured.kinds
    found = (_order(measured, column, result) for column, result in pairs(measured.table, real, base))
    return [order for order in found if order is not None]


def _order(measured: Measured, column: str, result: str) -> Order | None:
    rows, in_print, here, seeds = [], [], [], []
    for row, generator in measured.generators.items():
        value, score = printed(measured.table, column, row), measured.score(generator, result)
        if value is not None and score is not None:
            rows.append(row)
            in_print.append(value)
            here.append(score.value)
            seeds.append(score.seeds)
    if len(rows) < 2:
        return None
    wanted, found = (1.0 if UPWARDS[column] else -1.0), (1.0 if measured.metric(result).direction == "up" else -1.0)
    better_print = [wanted * value for value in in_print]
    alone = [rank_correlation(better_print, [found * v for v in values]).tau for values in zip(*seeds, strict=False)]
    return Order(
        column,
        result,
        tuple(rows),
        tuple(in_print),
        tuple(here),
        tuple(rankdata([-value for value in better_print]).tolist()),
        tuple(rankdata([-found * value for value in here]).tolist()),
        rank_correlation(better_print, [found * value for value in here]),
        tuple(alone),
    )
