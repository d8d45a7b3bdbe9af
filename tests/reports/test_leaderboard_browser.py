"""The site in a real browser: sorting, filters, keyboard, both themes, a phone, hostile texts, and 200 entries."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from browser import PHONE, inaccessible, overflow, visit
from many_entries import HOSTILE, RESULTS, write_board

from bench.leaderboard.checking import checked_repository
from bench.leaderboard.repository import find_entry
from bench.leaderboard.standing import withdraw
from reports.leaderboard import build_site
from reports.leaderboard.standings import Standings, build_standings

pytestmark = pytest.mark.browser
COUNT = 200
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
TIMES_BARE = 8  # the page takes as long as four


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 entries; the first are hostile, one is a calibration, and one was withdrawn."""
    root = tmp_path_factory.mktemp("crowd")
    paths = write_board(root / "entries", COUNT, (*HOSTILE.values(), "ceiling"), sheets=False)
    withdraw(find_entry(paths[50]), "A wrong checkpoint.", "us", "2026-06-01")
    small = write_board(root / "entries", 8, (*HOSTILE.values(), "ceiling"), seed=1, board="small")
    build_site(root / "entries", root / "site", "A board of many")
    (root / "page").write_text(str(small[0].relative_to(root).with_suffix(".html")))
    return root / "site"


@pytest.fixture
def crowd(site: Path) -> Path:
    return site / "suites/made-up-v1/index.html"


def an_entry(site: Path) -> Path:
    return site / (site.parent / "page").read_text()


def column(page: Any, number: int) -> list[float]:
    """Values of a column from top to bottom, of the rows that are shown."""
    return page.evaluate(
        """(number) => [...document.querySelectorAll('[data-table] tbody tr')]
        .filter((row) => row.checkVisibility() && row.cells[number].dataset.v !== undefined)
        .map((row) => Number(row.cells[number].dataset.v))""",
        number,
    )


def shown(page: Any) -> int:
    rows = "[...document.querySelectorAll('[data-table] tbody tr')]"
    return page.evaluate(f"{rows}.filter((row) => row.checkVisibility()).length")


def test_200_entries_open_within_a_second(browser: Any, site: Path, crowd: Path, tmp_path: Path) -> None:
    """Or, where a machine is slow or busy, sooner than the cells of the table alone, many times over."""
    assert crowd.stat().st_size < 2_500_000
    bare, took, alone = tmp_path / "bare.html", [], []
    while len(took) < 6 and not (took and min(took) < max(1000, min(alone))):
        with visit(browser, crowd, within=site) as page:
            took.append(page.evaluate(LOADED))
            assert shown(page) == COUNT - 1
            cells = page.evaluate("document.querySelector('[data-table]').innerText")
        rows = "".join(f"<tr><td>{html.escape(row).replace(chr(9), '<td>')}" for row in cells.split(chr(10)))
        bare.write_text(f"<!doctype html><meta charset='utf-8'><title>bare</title><table>{rows * TIMES_BARE}</table>")
        with visit(browser, bare) as page:
            alone.append(page.evaluate(LOADED))
    assert min(took) < max(1000, min(alone)), (took, alone)


def test_a_column_sorts_best_first_and_turns(browser: Any, site: Path, crowd: Path) -> None:
    with visit(browser, crowd, within=site) as page:
        for number, (name, _, direction, *_) in enumerate(RESULTS[:5], start=1):
            head = page.locator(f"[data-table] thead th:nth-child({number + 1})")
            page.locator("[data-table] thead th:nth-child(1) button").click()  # from another order
            head.locator("button").click()
            values = column(page, number)
            assert values == sorted(values, reverse=direction == "up"), name
            assert head.get_attribute("aria-sort") == ("descending" if direction == "up" else "ascending")
            head.locator("button").click()
            assert column(page, number) == values[::-1]


def test_search_tier_and_boxes_filter_together(browser: Any, site: Path, crowd: Path) -> None:
    with visit(browser, crowd, within=site) as page:
        count = page.locator("[data-count]")
        page.get_by_role("searchbox").fill("Lab 111")
        assert shown(page) == 1 and count.inner_text() == f"{shown(page)} of {COUNT} entries"
        page.get_by_role("searchbox").fill("")
        page.locator("select[data-tier]").select_option("re-scored")
        assert shown(page) == 0
        page.locator("select[data-tier]").select_option("")
        page.get_by_label("withdrawn and superseded").check()
        assert shown(page) == COUNT and page.locator("tr.withdrawn").first.is_visible()
        assert not page.locator("td.secondary").first.is_visible()
        page.get_by_label("all results").check()
        page.get_by_label("intervals").check()
        assert page.locator("td.secondary").first.is_visible() and page.locator(".interval").first.is_visible()


def test_the_keyboard_reaches_everything(browser: Any, site: Path, crowd: Path) -> None:
    with visit(browser, crowd, within=site) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.type") == "search"
        page.keyboard.type("model 10")
        assert 1 < shown(page) < COUNT // 4
        order = column(page, 1)
        for _ in range(12):  # past the boxes to the table's heads
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.sort") == "up":
                break
        page.keyboard.press("Enter")
        assert column(page, 1) == order[::-1]
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"  # where one is can be seen


def test_axes_of_the_figure_change(browser: Any, site: Path, crowd: Path) -> None:
    with visit(browser, crowd, within=site) as page:
        plots = page.locator(".plot")
        assert plots.nth(0).is_visible() and not plots.nth(1).is_visible()
        page.get_by_label("axes").select_option("1")
        assert plots.nth(1).is_visible() and not plots.nth(0).is_visible()
        titles = page.locator(".plot circle title")
        assert titles.count() >= COUNT - 1  # names of the crowd appear on hover


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("which", ["index", "suite", "entry"])
def test_each_page_fits_a_phone_and_everybody(browser: Any, site: Path, which: str, dark: bool) -> None:
    pages = {"index": site / "index.html", "suite": site / "suites/small-v1/index.html", "entry": an_entry(site)}
    with visit(browser, pages[which], size=PHONE, dark=dark, touch=True, within=site) as page:
        for box in page.get_by_role("checkbox").all():  # everything that can be shown
            box.check()
        for summary in page.locator("summary").all():
            summary.click()
        assert overflow(page) == 0
        assert inaccessible(page) == []
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert light != dark


def test_hostile_texts_are_read_and_not_obeyed(browser: Any, site: Path) -> None:
    for path in (site / "index.html", site / "suites/small-v1/index.html", an_entry(site)):
        with visit(browser, path, within=site) as page:
            text = page.inner_text("body")
            assert HOSTILE["script"][:20] in text and "owned" in text and len(text) > 500
            assert page.locator("img").count() == 0


def test_the_start_page_finds_entries_of_all_suites(browser: Any, site: Path) -> None:
    with visit(browser, site / "index.html", within=site) as page:
        page.get_by_role("searchbox").fill("small-v1 ceiling")
        assert shown(page) == 1
        page.get_by_role("link", name="ceiling").last.click()
        page.wait_for_load_state()
        assert page.locator("h1").inner_text() == "ceiling" and page.locator(".strip").count() == 2
        page.get_by_role("link", name="small v1").first.click()
        page.wait_for_load_state()
        assert "small" in page.locator("h1").inner_text()


def test_pages_are_whole_without_scripts(browser: Any, site: Path) -> None:
    with visit(browser, site / "suites/small-v1/index.html", scripts=False, within=site) as page:
        assert page.locator(".controls").first.is_hidden()
        assert page.locator("[data-table] tbody tr").count() == 8
        assert page.locator("td.secondary").first.is_visible()


def test_two_entries_stand_head_to_head(browser: Any, site: Path) -> None:
    """Numbers of the table, tests of the ranks, pictures of the contact sheets; by keys, on a phone, and accessible."""
    with visit(browser, site / "suites/small-v1/index.html", size=PHONE, touch=True, within=site) as page:
        section = page.locator(".versus")
        section.scroll_into_view_if_needed()
        names = page.locator("[data-line]").evaluate_all(
            "(rows) => rows.sort((a, b) => a.dataset.line - b.dataset.line).map((row) => row.cells[0].innerText.trim())"
        )
        one, other = 0, 3
        section.locator("[data-side=a]").select_option(str(one))
        section.locator("[data-side=b]").select_option(str(other))
        rows = section.locator("tbody tr")
        assert rows.count() == len(RESULTS) and names[one] != names[other]
        standings = places_of(site)
        for number, (name, _, direction, *_) in enumerate(RESULTS):
            cells = rows.nth(number).locator("th, td").all_inner_texts()
            assert cells[0] == name
            a, b = (standings.lines[i].cells[number] for i in (one, other))
            assert a.places is not None and b.places is not None
            apart = standings.lines[other].entry.id not in a.places.level
            assert ("is better" in cells[3]) == apart and (cells[3] == "not told apart (p ≥ .05)") != apart
            if apart:
                best = max((a, b), key=lambda cell: cell.value * (1 if direction == "up" else -1))
                assert rows.nth(number).locator("strong").count() == 1
                assert (cells[1] if best is a else cells[2]) == rows.nth(number).locator("strong").inner_text()
        tiles = section.locator(".tile")
        assert (
            tiles.nth(1).get_attribute("aria-label")
            == f"object_00 by {standings.lines[one].entry.generator.model}, view 1"
        )
        section.locator("[data-view]").select_option("view 3")
        place = tiles.nth(1).evaluate("(tile) => getComputedStyle(tile).backgroundPosition")
        assert abs(float(place.split("%")[0]) - 200 / 3) < 0.1
        section.locator("input[type=range]").focus()
        page.keyboard.press("Home")
        assert section.locator(".stage").evaluate("(one) => one.style.getPropertyValue('--at')") == "0%"
        ceiling = len(names) - 1  # calibration is not ranked
        section.locator("[data-side=b]").select_option(str(ceiling))
        assert rows.first.locator("td").last.inner_text() == "not tested"
        assert overflow(page) == 0 and inaccessible(page) == []


def places_of(site: Path) -> Standings:
    board = checked_repository(site.parent / "entries")
    pin = board.pins["small-v1"]
    return build_standings(pin, [stored for stored in board.entries if stored.entry.board == "small-v1"])


def test_pages_tell_what_happened(browser: Any, site: Path, crowd: Path) -> None:
    with visit(browser, site / "index.html", within=site) as page:
        first = page.locator("section", has_text="What happened last").locator("tbody tr").first
        assert first.inner_text().split("\t")[0] == "2026-06-01" and "withdrawn from made-up-v1" in first.inner_text()
        assert "A wrong checkpoint." in first.inner_text()
    with visit(browser, crowd, within=site) as page:
        page.locator("summary", has_text="earlier").click()
        dates = page.locator("td.date").all_inner_texts()
        assert len(dates) == COUNT + 1 and dates == sorted(dates, reverse=True)
