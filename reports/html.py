"""index.html: one file that needs nothing else. No request leaves the page, and nothing in it runs but our own scripts.

Prompts, names and messages are strangers' text: templates escape everything, data for scripts travels as escaped JSON,
and a content security policy allows the page's script by its hash and pictures as data only.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import jinja2
from markupsafe import Markup, escape

from bench.results.numbers import format_interval, format_p, format_percent, format_value
from bench.results.signatures import signature_difference, signature_fields
from groundwork.texts import visible
from reports.cells import groups, notes, scale
from reports.evidence import deciding_cases, evidence
from reports.gallery import Gallery, build_gallery
from reports.joining import of_join, why_apart
from reports.opening import opening
from reports.provenance import facts_of
from reports.published import HEADS as PUBLISHED_HEADS
from reports.published import WARNING, legend, published_rows
from reports.shares import EXPLANATION, build_shares
from reports.speed import EXPLANATION as SPEED
from reports.speed import speeds
from reports.table import Table, gaps
from reports.tradeoff import figure, figures, heading
from reports.training_cost import EXPLANATION as COST
from reports.training_cost import HEADS as TRAINING_HEADS
from reports.training_cost import remarks, training_rows
from reports.verdict import verdicts
from reports.wins import win_matrices

BRIEF = 8  # columns: a table of more opens with the primary metrics alone
PAGE_BUDGET = 25_000_000  # characters
_TEXT_ALLOWANCE = 1_500_000  # for tables, text and markup beside pictures and scripts


def write_html(tables: Sequence[Table], budget: int = PAGE_BUDGET) -> str:
    """The page for these tables, at most about `budget` characters long."""
    script = _resource("page.js")
    left = max(budget - _TEXT_ALLOWANCE, 0)
    galleries: list[Gallery] = []
    for remaining, table in zip(range(len(tables), 0, -1), tables, strict=True):
        gallery = build_gallery(table, left // remaining, deciding_cases(table))
        left -= gallery.size
        galleries.append(gallery)
    html = (
        environment()
        .get_template("index.html.j2")
        .render(
            apart=why_apart(tables),
            sections=[_section(table, gallery) for table, gallery in zip(tables, galleries, strict=True)],
            style=Markup(_resource("page.css")),
            script=Markup(script),
            policy="; ".join(
                (
                    "default-src 'none'",
                    f"script-src {_source_hash(script)}",
                    "style-src 'unsafe-inline'",  # bars and maps are placed by their own styles
                    "img-src data:",
                    "base-uri 'none'",
                    "form-action 'none'",
                )
            ),
        )
    )
    return html


def write_svg(tables: Sequence[Table]) -> dict[str, str]:
    """The static trade-off figures by file name, for tables that have one."""
    drawn = {}
    for number, table in enumerate(tables):
        shape = figure(table)
        if shape is not None:
            name = f"figures/tradeoff{'' if len(tables) == 1 else f'-{number + 1}'}.svg"
            drawn[name] = environment().get_template("tradeoff.svg.j2").render(figure=shape, standalone=True)
    return drawn


def _section(table: Table, gallery: Gallery) -> dict[str, Any]:
    return {
        "table": table,
        "gallery": gallery,
        "opening": opening(table, gallery),
        "evidence": evidence(table, gallery),
        "shares": build_shares(table),
        "gaps": gaps(table),
        "speeds": speeds(table),
        "trainings": [(name, [*rows]) for name, rows in groupby(training_rows(table), lambda row: row.generator)],
        "training_remarks": remarks(table),
        "published": published_rows(table),
        "published_legend": legend(table),
        "facts": [facts_of(run) for run in table.runs],
        "comparisons": table.comparisons(),
        "failures": [failure for run in table.runs for failure in run.summary.failures],
        "references": list(dict.fromkeys(reference for run in table.runs for reference in run.summary.references)),
        "verdicts": verdicts(table),
        "wins": win_matrices(table),
        "figures": figures(table),
        "figure_heading": heading(table),
        "joined": of_join(table),
        "notes": notes(table),
        "groups": groups(table),
        "brief": len(table.columns) > BRIEF and any(column.primary for column in table.columns),
        "scales": {column.number: scale(table, column) for column in table.columns},
    }


@cache
def environment() -> jinja2.Environment:
    """The templates, with everything escaped that is not said to be markup, and an error for a missing name."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": format_percent, "p_value": format_p}
    environment.filters |= {"typeset": _typeset, "breakable": _breakable}
    environment.globals |= {
        "format_value": format_value,
        "shares_explanation": EXPLANATION,
        "training_explanation": COST,
        "training_heads": TRAINING_HEADS,
        "speed_explanation": SPEED,
        "published_warning": WARNING,
        "published_heads": PUBLISHED_HEADS,
        "format_interval": format_interval,
        "signature_fields": signature_fields,
        "signature_difference": signature_difference,
    }
    return environment


def _harmless(value: Any) -> Any:
    """What a template prints, without what would turn the text around it or hide in it."""
    if isinstance(value, Markup):
        return Markup(visible(value))
    return visible(value) if isinstance(value, str) else value


def _typeset(number: str) -> str:
    """A printed number with a true minus sign."""
    return number.replace("-", "−")


def _breakable(name: str) -> Markup:
    """A name that may break at its underscores, extractor and reference, without changing what is copied."""
    return Markup(re.sub(r"(?<!^)(?=[\[@])|(?<=_)", "<wbr>", str(escape(name))))


@cache
def _resource(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _source_hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
