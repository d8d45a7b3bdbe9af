"""The screenshots of docs/images, from a run of `miniworld` and the example board:

realiz3d-bench run miniworld --out runs/miniworld
PYTHONPATH=. python tests/helpers/doc_pictures.py runs/miniworld
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from browser import PHONE, chromium, visit

from reports import write_reports
from reports.leaderboard import build_site

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
BOARD = ROOT / "docs" / "examples" / "leaderboard" / "entries"
EVIDENCE = "details.duel:has(.swatch)"


def picture(browser: Any, page: Path, name: str, *, to: str = "", **how: Any) -> None:
    """Save what a window shows of a page, from its top or from the first element that fits `to`."""
    with visit(browser, page, **how) as opened:
        if to:
            opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            opened.locator(to).first.evaluate("(one) => one.scrollIntoView()")
            opened.wait_for_timeout(800)  # pictures are read when they come near
            opened.locator(to).first.evaluate("(one) => one.scrollIntoView()")
        opened.screenshot(path=IMAGES / name)


def main(run: Path) -> None:
    """All of them."""
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        report, site = Path(scratch) / "report", Path(scratch) / "site"
        write_reports([run], report, formats=["html"])
        page = report / "index.html"
        picture(browser, page, "report.png", size=(1280, 1400))
        picture(browser, page, "report-phone.png", size=PHONE)
        picture(browser, page, "report-dark.png", size=(1280, 1000), dark=True, to=EVIDENCE)
        picture(browser, page, "report-nearest.png", size=(1280, 720), to="details.duel:has(.nearest)")
        build_site(BOARD, site, "Example board")
        suite = next(site.glob("suites/miniworld-*/index.html"))
        entry = next(site.glob("entries/miniworld-*/*__realiz3d/*.html"))
        picture(browser, suite, "leaderboard.png", size=(1280, 1400), within=site)
        picture(browser, suite, "leaderboard-phone.png", size=PHONE, within=site)
        picture(browser, entry, "leaderboard-dark.png", size=(1280, 1000), dark=True, within=site)
        picture(browser, suite, "leaderboard-versus.png", size=(1280, 1180), to=".versus", within=site)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
