"""index.html of a gate: the verdict, the objects that got worse, the numbers. One file, no scripts, nothing fetched."""

from __future__ import annotations

from importlib.resources import files

from markupsafe import Markup

from bench.gate.document import GatePage
from bench.gate.words import VERDICT_WORDS, amount, headline, signed
from bench.results.numbers import format_p, format_value
from reports.gate.evidence import Pictures, exhibits
from reports.html import environment

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def write_html(page: GatePage, before: Pictures | None = None, after: Pictures | None = None) -> str:
    """The page; `before` and `after` say where pictures are, None where there are none."""
    found = exhibits(page, before, after)
    return (
        environment()
        .get_template("gate.html.j2")
        .render(
            page=page,
            headline=headline(page),
            words=VERDICT_WORDS,
            exhibits=found,
            pictures=(before is not None, after is not None),
            amount=amount,
            signed=signed,
            number=format_value,
            p_value=format_p,
            policy=_POLICY,
            style=Markup(_resource("page.css") + _resource("gate.css")),
        )
    )


def _resource(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8")
