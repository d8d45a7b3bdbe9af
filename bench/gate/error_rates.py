"""How often the gate errs: real tables of scores, drawn again object by object, put before the real rule.

A table holds, for every object, what one model scored, what it scored with other noise, and what the first pictures
scored after each known corruption. Without a change, a page's candidate is the model with other noise; the two are
swapped at random object by object, which makes "no change" true by construction and keeps all results of an object
together. A corruption adds its effect to that. Distances between sets enter by their jackknife pseudo-values.

    python -m bench.gate.error_rates collect RUN OTHER_NOISE RESCORED --generator NAME --out TABLE
    python -m bench.gate.error_rates rates TABLE --delta RESULT=X ...
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.gate.harm import Harm, harm_of_distances, harm_of_means
from bench.gate.sides import Scored, side_of_run
from bench.gate.verdicts import Verdict, corrected, judge, worst
from bench.results.read import read_run
from groundwork.errors import InputError

SIZES = (6, 10, 20, 40)
POWER_SIZES = (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80, 120, 160)
FIRST, OTHER = "first", "other noise"

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A result of a table: its name, which way is better, and whether it is of the whole set."""

    name: str
    up: bool
    whole: bool


@dataclass(frozen=True)
class Table:
    """`values` float64 (conditions, objects, columns), NaN where there is none; the first two conditions are noise."""

    conditions: tuple[str, ...]
    columns: tuple[Column, ...]
    values: Values

    @property
    def corruptions(self) -> tuple[str, ...]:
        """All conditions that are no noise."""
        return self.conditions[2:]


@dataclass(frozen=True)
class Rates:
    """Shares of pages by verdict, of `pages`."""

    counts: Mapping[Verdict, int]
    pages: int

    def share(self, verdict: Verdict) -> float:
        """The share of pages with this verdict."""
        return self.counts.get(verdict, 0) / self.pages


def draw_pages(
    table: Table, deltas: Mapping[str, float], n_objects: int, pages: int, seed: int, corruption: str | None = None
) -> Rates:
    """Verdicts of so many pages of `n_objects` objects each, drawn with replacement; None: nothing has changed."""
    rng = np.random.default_rng([seed, n_objects, 0 if corruption is None else 1 + table.conditions.index(corruption)])
    gated = [place for place, column in enumerate(table.columns) if column.name in deltas]
    effect: Values = np.zeros_like(table.values[0])
    if corruption is not None:
        effect = table.values[table.conditions.index(corruption)] - table.values[0]
    counts: Counter[Verdict] = Counter()
    for _ in range(pages):
        objects = rng.integers(0, table.values.shape[1], n_objects)
        swapped = rng.random(n_objects)[:, None] < 0.5
        pair = table.values[:2, objects]
        before, after = np.where(swapped, pair[1], pair[0]), np.where(swapped, pair[0], pair[1]) + effect[objects]
        harms = [_harm(table.columns[place], before[:, place], after[:, place]) for place in gated]
        p_values = corrected(harms)
        verdicts = [
            judge(harm, deltas[table.columns[place].name], *p) if harm is not None else "inconclusive"
            for place, harm, p in zip(gated, harms, p_values, strict=True)
        ]
        counts[worst(verdicts)] += 1
    return Rates(counts, pages)


def objects_for_power(
    table: Table, deltas: Mapping[str, float], corruption: str, power: float, pages: int, seed: int
) -> int | None:
    """The least of `POWER_SIZES` from which this share of pages shows the corruption; None when none does."""
    for n_objects in POWER_SIZES:
        if draw_pages(table, deltas, n_objects, pages, seed, corruption).share("regression") >= power:
            return n_objects
    return None


def _harm(column: Column, before: Values, after: Values) -> Harm | None:
    there = np.isfinite(before) & np.isfinite(after)
    before, after = before[there], after[there]
    if len(before) == 0:
        return None
    if not column.whole:
        return harm_of_means(before, after, column.up)
    n = len(before)
    if n < 2:
        return None
    without = [(side.sum() - side) / (n - 1) for side in (before, after)]
    return harm_of_distances(float(before.mean()), float(after.mean()), without[0], without[1], column.up)


def collect(run: Path, other: Path, rescored: Path, generator: str) -> Table:
    """The table of a run, a run of the same model with other noise, and the `rescored` folder of an assay."""
    again = read_run(rescored)
    sides = {FIRST: side_of_run(read_run(run), generator), OTHER: side_of_run(read_run(other), generator)}
    sides |= {info.name: side_of_run(again, info.name) for info in again.generators if info.name != "unchanged"}
    names = [name for name in sides[again.generators[1].name].results if name in sides[FIRST].results]
    first = sides[FIRST]
    columns = tuple(
        Column(name, first.results[name].direction == "up", first.results[name].whole)
        for name in names
        if first.results[name].status == "ok"
    )
    values = np.full((len(sides), len(first.cases), len(columns)), math.nan)
    for i, side in enumerate(sides.values()):
        for k, column in enumerate(columns):
            parts = _parts(side.results[column.name])
            values[i, :, k] = [parts.get(case, math.nan) for case in first.cases]
    return Table(tuple(sides), columns, values)


def _parts(scored: Scored) -> dict[str, float]:
    """By object: its value, or the pseudo-value of a statistic of the whole set."""
    n = len(scored.values)
    if not scored.whole:
        return dict(scored.values)
    return {case: n * scored.value - (n - 1) * without for case, without in scored.values.items()}


def write_table(table: Table) -> str:
    """The table as CSV: a line a condition and object."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    marks = [
        f"{column.name}{' whole' if column.whole else ''} {'up' if column.up else 'down'}" for column in table.columns
    ]
    rows.writerow(["condition", "object", *marks])
    for condition, objects in zip(table.conditions, table.values, strict=True):
        for number, values in enumerate(objects.tolist()):
            rows.writerow([condition, number, *("" if math.isnan(value) else f"{value:.6g}" for value in values)])
    return text.getvalue()


def read_table(path: Path) -> Table:
    """A table that `write_table` wrote. Raises `InputError` for anything else."""
    try:
        head, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        columns = tuple(_column(mark) for mark in head[2:])
        conditions = tuple(dict.fromkeys(row[0] for row in rows))
        flat = np.array([[math.nan if cell == "" else float(cell) for cell in row[2:]] for row in rows])
        return Table(conditions, columns, flat.reshape(len(conditions), -1, len(columns)))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"this is not a table of error rates: {error}", where=str(path)) from error


def _column(mark: str) -> Column:
    words = mark.split(" ")
    return Column(words[0], words[-1] == "up", "whole" in words[1:])


def rates_page(table: Table, deltas: Mapping[str, float], pages: int, seed: int, sizes: Sequence[int] = SIZES) -> str:
    """Both tables of the docs, as Markdown."""
    parts = ["| no change, n objects | false alarms | undecided | passed or better |", "|---|---:|---:|---:|"]
    for n in sizes:
        rates = draw_pages(table, deltas, n, pages, seed)
        fine = rates.share("pass") + rates.share("improved")
        parts.append(f"| {n} | {rates.share('regression'):.1%} | {rates.share('inconclusive'):.1%} | {fine:.1%} |")
    few = max(50, pages // 10)
    head = "".join(f" n = {n} |" for n in sizes)
    effects = [column.name for column in table.columns if column.name in deltas]
    parts += ["", f"| corruption |{head} objects for 80 % |" + "".join(f" `{name}` |" for name in effects)]
    parts.append("|---|" + "---:|" * (len(sizes) + 1 + len(effects)))
    for corruption in table.corruptions:
        shares = "".join(
            f" {draw_pages(table, deltas, n, few, seed, corruption).share('regression'):.0%} |" for n in sizes
        )
        needed = objects_for_power(table, deltas, corruption, 0.8, few, seed)
        found = "".join(f" {_effect(table, corruption, name):+.3g} |" for name in effects)
        parts.append(f"| {corruption} |{shares} {needed or f'more than {POWER_SIZES[-1]}'} |{found}")
    return "\n".join(parts) + "\n"


def _effect(table: Table, corruption: str, name: str) -> float:
    """The mean harm of a corruption under one result."""
    place = [column.name for column in table.columns].index(name)
    change = table.values[table.conditions.index(corruption), :, place] - table.values[0, :, place]
    return float(np.nanmean(change)) * (-1 if table.columns[place].up else 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the head of this file."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m bench.gate.error_rates", description=(__doc__ or "").split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    gather = commands.add_parser("collect", help="make a table from three run folders")
    for name in ("run", "other", "rescored"):
        gather.add_argument(name, type=Path)
    gather.add_argument("--generator", required=True)
    gather.add_argument("--out", type=Path, required=True)
    show = commands.add_parser("rates", help="print error rates, power, and how many objects a corruption needs")
    show.add_argument("table", type=Path)
    show.add_argument("--delta", action="append", required=True, metavar="RESULT=X")
    show.add_argument("--pages", type=int, default=2000)
    show.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    if asked.command == "collect":
        asked.out.write_text(write_table(collect(asked.run, asked.other, asked.rescored, asked.generator)), "utf-8")
        return
    from bench.gate.inputs import read_deltas

    table = read_table(asked.table)
    deltas = read_deltas(asked.delta, [column.name for column in table.columns])
    print(rates_page(table, deltas, asked.pages, asked.seed), end="")


if __name__ == "__main__":
    main()
