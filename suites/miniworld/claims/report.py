"""`claims.md` for people, `claims.json` for programs, and the figures beside them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from bench.results.numbers import format_interval, format_p, format_value
from bench.suite.paper_tables import published
from groundwork.files import write_atomically
from reports.markdown import escape
from reports.published import HEADS, WARNING
from suites.miniworld.claims.crossed import Crossed
from suites.miniworld.claims.figures import figures
from suites.miniworld.claims.measured import Measured, label, read_measured
from suites.miniworld.claims.orders import Order, orders
from suites.miniworld.claims.statements import ALPHA, NO_COUNTERPART, RETAINED
from suites.miniworld.claims.verdicts import Judged, Verdict, judge

NOTHING = "–"
_DECIMALS = {"psnr": 2, "ssim": 4, "lpips": 4, "kid_i": 4}  # as in print
_HOW = f"""\
- **Numbers** are means over objects and seeds; a seed is a training of its own. Intervals (95 %) come from a two-way
  bootstrap over objects and seeds. With three seeds they are somewhat short for what trainings differ by as a whole.
- **Effects** are by how much the first is better than the second, in the metric's unit: positive is better, also where
  lower values are.
- **p** is two-sided, from swapping the labels of whole objects, on means over seeds: it speaks for other objects and
  these trainings. `p Holm` is adjusted over the page: all claims of all its tables at the metrics that decide. Beside
  them, another metric's claims are adjusted as if it decided their topic.
- A claim **holds** when `p Holm` < {ALPHA:g}, the effect goes the claimed way, and every seed's own effect does too; it
  **does not hold** when the same is true of the opposite. All else is **undecided**.
- **≥** (at least as good) allows a loss of {100 * RETAINED:.0f} % of the way from the base to the first method: tested
  is a - b + {RETAINED:g} (a - base) > 0, object by object (a - b > 0 where a is not better than the base). The effect
  shown is still a - b.
- The metric in **bold** decides: the first of its topic that the suite calls primary, else the one of the paper's kind.
  The others show how much the verdict depends on that choice.
"""


def write_claims(folders: Sequence[Path], out: Path) -> list[Path]:
    """Hold the runs in `folders` against the paper; returns the files written below `out`.

    Raises `BenchError` as `read_measured` does.
    """
    runs = read_measured(folders)
    found = [(run, judged, orders(run)) for run, judged in zip(runs, judge(runs), strict=True)]
    files = {"claims.md": _markdown(found), "claims.json": _json(found)}
    for run, judged, ranked in found:
        files |= figures(run, judged, ranked)
    for name, text in files.items():
        write_atomically(out / name, text.encode("utf-8"))
    return [out / name for name in files]


Found = Sequence[tuple[Measured, Sequence[Judged], Sequence[Order]]]


def _markdown(found: Found) -> str:
    lines = ["# The paper's claims in the mini-world", "", f"> {WARNING}", "", "## How to read this", "", _HOW]
    lines += ["## In short", "", *_short(found), ""]
    for run, judged, ranked in found:
        summary = run.run.summary
        seeds = ", ".join(map(str, summary.seeds))
        lines += [f"## Table {run.table}: {escape(summary.suite.name)}", ""]
        lines += [f"{len(run.run.cases)} objects, seeds {seeds}; run `{escape(run.run.label)}`.", ""]
        lines += [f"**{escape(run.note)}.**", ""] if run.note else []
        lines += ["### Claims", "", *_claims(run, judged), "", "### Orders of the methods", "", *_orders(run, ranked)]
        lines += ["", "### Values", "", *_values(run, ranked), ""]
    return "\n".join(lines).rstrip() + "\n"


def _short(found: Found) -> list[str]:
    """The verdicts at the metrics that decide, and how many there are of each."""
    decisive = [one for _, judged, _ in found for one in judged if one.decides]
    counts = Counter(one.verdict for one in decisive)
    told = ", ".join(f"{verdict}: {counts[verdict]}" for verdict in get_args(Verdict))
    lines = [f"{len(decisive)} claims at the metrics that decide. {told.capitalize()}.", ""]
    lines += ["| table | topic | claim | metric | verdict |", "|:--|:--|:--|:--|:--|"]
    for one in decisive:
        claim = one.claim
        cells = [f"Table {claim.table}", claim.topic, escape(claim.text), f"`{one.result}`", one.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _claims(run: Measured, judged: Sequence[Judged]) -> list[str]:
    lines = []
    for topic in dict.fromkeys(one.claim.topic for one in judged):
        lines += [
            f"**{topic.capitalize()}**",
            "",
            "| claim | metric | in print | effect | 95 % | each seed | p | p Holm | verdict |",
            "|:--|:--|--:|--:|--:|--:|--:|--:|:--|",
        ]
        for one in sorted((one for one in judged if one.claim.topic == topic), key=lambda one: not one.decides):
            unit = run.metric(one.result).unit
            name = f"`{one.result}`" + (f" [{escape(unit)}]" if unit else "")
            cells = [escape(one.claim.text), f"**{name}**" if one.decides else name]
            cells.append(_printed(one))
            if one.effect is None:
                lines.append(f"| {' | '.join(cells)} | {NOTHING} | | | | | not tested: {escape(one.reason)} |")
                continue
            effect = one.effect
            cells += [format_value(effect.value, unit, effect.low, effect.high, signed=True)]
            cells += [format_interval(effect.value, unit, effect.low, effect.high)]
            cells += [", ".join(format_value(v, unit, effect.low, effect.high, signed=True) for v in effect.seeds)]
            cells += [format_p(one.p), format_p(one.p_holm), f"**{one.verdict}**" if one.decides else one.verdict]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines or ["None of the claims is about this table."]


def _printed(one: Judged) -> str:
    """The paper's own effect: '+0.98 PSNR'."""
    if one.column is None or one.printed is None:
        return NOTHING
    return f"{one.printed:+.{_DECIMALS[one.column]}f} {HEADS[one.column][:-2]}"


def _orders(run: Measured, ranked: Sequence[Order]) -> list[str]:
    lines = [
        "Rank correlation of the methods in print and here; 1: the same order, 0: unrelated, -1: reversed.",
        "",
        "| in print | here | methods | Kendall τ-b | p | Spearman ρ | p | τ of each seed | permutations |",
        "|:--|:--|--:|--:|--:|--:|--:|--:|:--|",
    ]
    for order in ranked:
        c = order.correlation
        seeds = ", ".join(_fixed(tau) for tau in order.by_seed) or NOTHING
        lines.append(
            f"| {HEADS[order.column]} | `{order.result}` | {c.methods} | {_fixed(c.tau)} | {format_p(c.tau_p)} | "
            f"{_fixed(c.rho)} | {format_p(c.rho_p)} | {seeds} | {c.how} |"
        )
    lacking = [column for column in HEADS if column not in {order.column for order in ranked}]
    told = [
        f"- {HEADS[column]}: {NO_COUNTERPART.get(column, 'nothing of its kind was measured')}." for column in lacking
    ]
    return [*lines, "", *(["Columns of the paper without a counterpart here:", "", *told] if told else [])]


def _values(run: Measured, ranked: Sequence[Order]) -> list[str]:
    """Printed and measured values side by side; each measured result once, beside the last column of its kind."""
    beside: dict[str, str] = {}
    for order in ranked:
        beside[order.result] = order.column  # of FID and KID the latter: distances here are kernel distances
    columns = [column for column in HEADS if column in beside.values()]
    heads: list[tuple[str, str | None]] = []
    for column in columns:
        heads.append((column, None))
        heads += [(column, result) for result, of in beside.items() if of == column]
    first = [HEADS[c] + " in print" if r is None else f"`{r}`" for c, r in heads]
    lines = [f"| | {' | '.join(first)} |", "|:--|" + "--:|" * len(heads)]
    shown = [(label(run.table, row), row, generator) for row, generator in run.generators.items()]
    shown += [(name, "", name) for name in run.references]
    for text, row, generator in shown:
        of_paper = published(run.table).get(row, {})
        cells = [
            (of_paper.get(column) or NOTHING) if result is None else _score(run, generator, result)
            for column, result in heads
        ]
        lines.append(f"| {escape(text)} | {' | '.join(cells)} |")
    return lines


def _score(run: Measured, generator: str, result: str) -> str:
    score = run.score(generator, result)
    if score is None:
        return NOTHING
    unit = run.metric(result).unit
    value, ends = (f(score.value, unit, score.low, score.high) for f in (format_value, format_interval))
    return f"{value}<br><sub>{escape(ends)}</sub>" if ends else value


def _fixed(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:+.2f}"


def _json(found: Found) -> str:
    content = {
        "alpha": ALPHA,
        "retained": RETAINED,
        "warning": WARNING,
        "without_counterpart": NO_COUNTERPART,
        "tables": [
            {
                "table": run.table,
                "suite": run.run.summary.suite.name,
                "hash": run.run.summary.suite.hash,
                "seeds": list(run.run.summary.seeds),
                "note": run.note,
                "generators": dict(run.generators),
                "references": list(run.references),
                "claims": [{"text": one.claim.text, "upwards": one.claim.upwards(), **asdict(one)} for one in judged],
                "orders": [asdict(order) for order in ranked],
                "values": _all_values(run, ranked),
            }
            for run, judged, ranked in found
        ],
    }
    return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _all_values(run: Measured, ranked: Sequence[Order]) -> list[dict[str, Any]]:
    results = dict.fromkeys(order.result for order in ranked)
    return [
        {"generator": generator, "metric": result, **asdict(score)}
        for generator in (*run.generators.values(), *run.references)
        for result in results
        if isinstance(score := run.score(generator, result), Crossed)
    ]


def _finite(value: Any) -> Any:
    """The same content with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
