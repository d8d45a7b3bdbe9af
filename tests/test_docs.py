"""Links of the documents lead somewhere, and every metric is described in the same form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.metrics.catalogue import METRICS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


def test_every_metric_has_a_row_and_a_section_of_the_same_form() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    table = text.partition("## At a glance")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| [")]
    for name in METRICS.built_in:
        (row,) = [row for row in rows if re.search(rf"\b{name}\b", row.partition(" | ")[0])]
        assert ("refused" in row) == bool(getattr(METRICS.load(name), "never_primary", ())), name
    linked = {anchor for row in rows for anchor in re.findall(r"\(#([^)]+)\)", row)}
    bodies = {part.partition("\n")[0]: part for part in re.split(r"^#{2,3} ", text, flags=re.MULTILINE)}
    sections = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): body for title, body in bodies.items()}
    parts = ("\n> ", "- **Range**: ", "- **Sees**: ", "- **Blind to**: ", "- **Needs**: ")
    lacking = {anchor: [part for part in parts if part.strip() not in sections[anchor]] for anchor in linked}
    assert not {anchor: missing for anchor, missing in lacking.items() if missing}
