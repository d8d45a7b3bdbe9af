"""Which files a page becomes, and where they go."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.gate.document import GatePage
from groundwork.files import write_atomically
from reports.gate.evidence import Pictures
from reports.gate.html import write_html
from reports.gate.interchange import write_bencher, write_github
from reports.gate.junit import write_junit
from reports.gate.markdown import write_markdown


def write_gate(
    page: GatePage,
    out: Path | None = None,
    junit: Path | None = None,
    markdown: Path | None = None,
    before: Pictures | None = None,
    after: Pictures | None = None,
) -> list[Path]:
    """Write all files of a page into `out`, and those that are asked for by name; returns what was written."""
    texts: dict[Path, Callable[[], str]] = {}
    if out is not None:
        texts |= {
            out / "index.html": lambda: write_html(page, before, after),
            out / "gate.json": lambda: gate_json(page),
            out / "gate.md": lambda: write_markdown(page),
            out / "junit.xml": lambda: write_junit(page),
            out / "bencher.json": lambda: write_bencher(page),
            out / "github-benchmark-bigger.json": lambda: write_github(page, "up"),
            out / "github-benchmark-smaller.json": lambda: write_github(page, "down"),
        }
    named: Mapping[Path | None, Callable[[], str]] = {
        junit: lambda: write_junit(page),
        markdown: lambda: write_markdown(page),
    }
    texts |= {path: text for path, text in named.items() if path is not None}
    for path, text in texts.items():
        write_atomically(path, text().encode("utf-8"))
    return list(texts)


def gate_json(page: GatePage) -> str:
    """The text of gate.json."""
    return json.dumps(page.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
