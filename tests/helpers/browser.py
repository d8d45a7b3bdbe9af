"""Pages in a real browser: headless Chromium driven by Playwright, and axe-core's rules of accessibility.

A page that is visited must stay silent (no console message that warns, no exception) and ask nobody for anything but
the files that lie beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent / "axe" / "axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE = (390, 844)
SCREEN = (1280, 900)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser (Playwright's `Browser`). Skips the test where there is no Chromium or no Playwright."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    driver = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install '.[test]'")
    with driver.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield found
        finally:
            found.close()


@contextmanager
def visit(
    browser: Any,
    file: Path,
    *,
    size: tuple[int, int] = SCREEN,
    dark: bool = False,
    touch: bool = False,
    scripts: bool = True,
    fragment: str = "",
    within: Path | None = None,
) -> Iterator[Any]:
    """The page (Playwright's `Page`) of an HTML file, in a fresh profile.

    Fails when the page complained on its console, threw, or asked for anything outside the file's folder (or `within`,
    the folder of a site).
    """
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        has_touch=touch,
        reduced_motion="reduce",  # nothing is still moving when a test looks at it
        java_script_enabled=scripts,
    )
    complaints: list[str] = []
    inside = (within or file.parent).resolve().as_uri()
    page = context.new_page()
    page.on(
        "console",
        lambda said: complaints.append(f"{said.type}: {said.text}") if said.type in ("error", "warning") else 0,
    )
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((inside, "data:", "blob:")) else complaints.append(f"asked {asked.url}")
        ),
    )
    try:
        page.goto(file.resolve().as_uri() + fragment, wait_until="load")
        yield page
        assert not complaints, complaints
    finally:
        context.close()


def inaccessible(page: Any) -> list[str]:
    """What breaks axe-core's rules (WCAG 2.2 A and AA, and its best practices) on the page as it stands now.

    One line for each broken rule, with the first elements that break it.
    """
    page.evaluate(_axe())
    found = page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations'], preload: false})).violations"
    )
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: "
        + "; ".join(f"{' '.join(map(str, node['target']))} {node['failureSummary']!r}" for node in rule["nodes"][:3])
        for rule in found
    ]


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than its window: 0 where nothing needs scrolling sideways."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")
