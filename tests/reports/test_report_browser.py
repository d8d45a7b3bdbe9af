"""The page in a real browser: what can be clicked, typed, dragged and printed, by whom, in which light."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import PHONE, SCREEN, inaccessible, overflow, visit
from fake_run import FakeRun
from PIL import Image

from bench.heat import strip_png
from bench.results.leave_one_out import write_leave_one_out
from bench.results.nearest import Nearest, thumbnail_file, write_nearest
from reports import write_reports

pytestmark = pytest.mark.browser
KD = "kd_cluster[efficientnet_lite0]@photos"
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every part of a page: error maps, evidence, more objects than stand open, strangers' names and prompts."""
    run = FakeRun(n_cases=6).write(tmp_path_factory.mktemp("browser") / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "", "top": 0.25}]
    (run / "summary.json").write_text(json.dumps(summary))
    strip = strip_png(np.full((4, 24, 24), 0.1), None, 0.25, {})
    for generator in ("realiz3d", "ceiling"):
        for case in summary["cases"]:
            path = run / "maps" / generator / case["id"] / "seed_0/loo_psnr.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(strip)
    nearest(run, [case["id"] for case in summary["cases"]])
    write_reports([run], formats=["html"])
    return run


def nearest(run: Path, cases: list[str]) -> None:
    """What a run stores of a distance by object and of the reference's nearest pictures; one small copy is lost."""
    without = {case: 1.0 + place / 10 for place, case in enumerate(cases)}
    known = {("realiz3d", KD): without, ("syn-only", KD): dict.fromkeys(cases, 2.0)}
    write_leave_one_out(run / "leave_one_out.parquet", known)
    names = ("cat.png", 'dog "<b>.png')
    write_nearest(
        run / "nearest.parquet",
        [
            Nearest(
                "photos", "efficientnet_lite0", name, case, 0, view, names[view % 2 :], (0.25, 0.5)[view % 2 :], 0.4
            )
            for name in ("realiz3d", "syn-only")
            for case in cases
            for view in range(4)
        ],
    )
    thumbnail = thumbnail_file(run / "nearest", "photos", names[0])
    thumbnail.parent.mkdir(parents=True)
    Image.new("RGB", (64, 64), "teal").save(thumbnail)


@pytest.fixture(scope="module")
def html(run: Path) -> Path:
    return run / "report/index.html"


@pytest.fixture
def page(browser: Any, html: Path) -> Iterator[Any]:
    with visit(browser, html) as page:
        yield page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
def test_everybody_can_read_it(browser: Any, html: Path, size: tuple[int, int], dark: bool) -> None:
    with visit(browser, html, size=size, dark=dark) as page:
        page.evaluate(OPEN_ALL)
        assert overflow(page) == 0
        assert inaccessible(page) == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 200) == dark


def test_pictures_and_the_way_to_the_verdict_are_on_a_phones_first_screen(browser: Any, html: Path) -> None:
    with visit(browser, html, size=PHONE) as page:
        row = page.locator(".opening .answers").first
        assert row.bounding_box()["y"] + row.bounding_box()["height"] < PHONE[1]
        asked, answer = (row.locator(f"figure:nth-child({n}) img").first.bounding_box() for n in (1, 2))
        assert min(asked["width"], answer["width"]) >= 120 and answer["x"] + answer["width"] < PHONE[0]
        page.locator("nav").get_by_role("link", name="Verdict").click()
        page.wait_for_timeout(600)
        assert page.locator(".verdict .says").first.bounding_box()["y"] < PHONE[1] / 2


def test_the_first_pictures_are_large_and_in_full_size_on_a_click(browser: Any, html: Path) -> None:
    with visit(browser, html) as page:
        tasks = page.locator(".opening .task")
        assert tasks.count() == 5
        first = page.evaluate("""[...document.querySelectorAll("article > section")].map((one) => one.className)""")
        assert first.index("opening") < first.index("verdict")
        button = tasks.nth(1).locator("button[data-v]").nth(4)  # the second generator's first view
        width = button.bounding_box()["width"]
        assert width >= 150
        assert button.locator("img").bounding_box()["width"] >= width - 2  # without a frame of the browser's
        button.click()
        box = page.locator("#lightbox")
        assert "syn-only" in box.locator(".who").inner_text()
        prompt = tasks.nth(1).locator(".prompt").inner_text()
        assert prompt[:20] in box.locator(".what").inner_text()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        # back where the reader was, at the view that was shown last; a dialog tells its page of closing in its own time
        page.wait_for_function("""() => document.activeElement.closest("section")?.className === "task"
            && document.activeElement.dataset.s === "1" && document.activeElement.dataset.v === "1" """)


def test_nothing_jumps_while_it_loads(page: Any) -> None:
    watch = """() => new Promise((done) => { let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((one) => { sum += one.value; }))
            .observe({ type: "layout-shift", buffered: true });
        window.scrollTo(0, document.body.scrollHeight); setTimeout(() => done(sum), 300); })"""
    assert page.evaluate(watch) < 0.01


def test_tables_sort_from_the_best_and_back(page: Any) -> None:
    names = page.locator("table.results:not(.shares) tbody th.name")
    before = names.all_inner_texts()
    button = page.get_by_role("button", name="sort by fid@photos")
    button.click()
    first = names.all_inner_texts()
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"  # lower is better
    assert first[0].startswith("ceiling") and first[-1].startswith("theirs_v2")  # the one without a number
    button.click()
    assert names.all_inner_texts()[-1] == first[-1] and names.all_inner_texts()[0] != first[0]
    button.click()
    assert names.all_inner_texts() == before and page.locator("th[aria-sort]").count() == 0


def test_generators_that_are_columns_sort_too(
    browser: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.table.WIDE", 5)
    write_reports([run], tmp_path, formats=["html"])
    with visit(browser, tmp_path / "index.html", size=PHONE, touch=True) as page:
        table = page.locator("table.turned")
        cells = """(table) => [...table.rows].filter((row) => [...row.cells].every((cell) => cell.colSpan === 1))
            .map((row) => [...row.cells].map((cell) => cell.innerText.trim().split("\\n")[0]))"""
        before = table.evaluate(cells)
        button = table.get_by_role("button", name="sort by fid@photos")
        button.tap()
        after = table.evaluate(cells)
        head = page.locator("th[aria-sort]")
        assert head.get_attribute("aria-sort") == "ascending" and "fid@photos" in head.inner_text()
        assert after[0][1:4] == ["ceiling", "realiz3d", "syn-only"] and after[0][4].startswith("theirs_v2")
        assert after[0][5] == before[0][5]  # what the reference is to itself stays
        order = [before[0].index(name) for name in after[0]]
        assert after == [[row[place] for place in order] for row in before]  # whole columns moved
        assert inaccessible(page) == []
        button.tap()
        assert table.evaluate(cells)[0][4] == after[0][4]  # the one without a number stays last
        button.tap()
        assert table.evaluate(cells) == before


def test_what_is_not_asked_for_is_hidden(page: Any) -> None:
    table = page.locator("table.results:not(.shares)")
    shown = table.locator("thead th:visible")
    everything = shown.count()
    page.get_by_label("descriptive metrics too").uncheck()
    axes = [text.strip() for text in table.locator(".tiers th:visible").all_inner_texts()]
    assert axes == ["consistency", "realism", "control"] and shown.count() < everything
    assert table.locator(".more:visible").count() == 0
    page.get_by_label("intervals and coverage").check()
    assert table.locator(".more:visible").count() > 0
    page.get_by_label("hide calibration rows").check()
    assert table.locator("tbody tr:visible").count() == 3


def test_comparisons_are_filtered_and_counted(page: Any, run: Path) -> None:
    section = page.locator("section.comparisons")
    section.locator("summary").click()
    rows = section.locator(".plain tbody tr:visible")
    pairs = json.loads((run / "summary.json").read_text())["comparisons"]
    assert rows.count() == len(pairs)
    section.get_by_label("metric").select_option("cde")
    section.get_by_label("generator").select_option("syn-only")
    wanted = [p for p in pairs if p["metric"] == "cde" and "syn-only" in (p["a"], p["b"])]
    assert section.locator(".wins tbody tr:visible").count() == 4 * 3  # the matrices stay
    assert rows.count() == len(wanted) and section.locator("output").inner_text() == f"3 of {len(pairs)}"
    section.get_by_label("only p < 0.05").check()
    assert rows.count() == sum(pair["p_holm"] < 0.05 for pair in wanted)


def test_the_figure_changes_its_axes(page: Any) -> None:
    plots = page.locator(".plot")
    page.get_by_label("axes").select_option(index=2)
    assert [plots.nth(i).is_visible() for i in range(3)] == [False, False, True]


def test_objects_sort_and_generators_hide(page: Any, run: Path) -> None:
    gallery = page.locator("section.gallery")
    scores = pd.read_parquet(run / "scores.parquet")
    mine = scores[(scores.metric == "cde") & (scores.generator == "realiz3d")].sort_values("value")
    gallery.get_by_label("worst first for").select_option("realiz3d")
    shown = gallery.locator(".object h3").evaluate_all("(all) => all.map((one) => one.firstChild.textContent)")
    assert shown == mine["case"].tolist()
    gallery.get_by_label("syn-only", exact=True).uncheck()
    assert gallery.locator('figure[data-source="1"]:visible').count() == 0
    gallery.get_by_label("error maps").uncheck()
    assert gallery.locator(".maps:visible").count() == 0


def test_views_open_by_the_keyboard_alone(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    button = page.locator(".object").first.locator('button[data-s="0"][data-v="2"]')
    button.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    box = page.locator("#lightbox")
    alt = box.locator("img").get_attribute("alt")
    assert box.is_visible() and alt.endswith("by realiz3d, azimuth 180°")
    assert box.locator(".map").get_attribute("aria-label") == "loo_psnr errors, azimuth 180°"
    assert inaccessible(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert box.locator("img").get_attribute("alt").endswith("by syn-only, azimuth 270°")
    assert box.locator(".map").is_hidden()  # it has none
    page.keyboard.press("Escape")
    assert box.is_hidden()
    # where the reader ended; a dialog tells its page of closing in its own time
    page.wait_for_function("document.activeElement.dataset.s === '1' && document.activeElement.dataset.v === '3'")


def test_everything_can_be_reached_and_seen_in_focus(page: Any) -> None:
    page.evaluate(OPEN_ALL)
    wanted = page.locator(
        ":is(a[href], button, select, input, summary, [tabindex='0']):visible:not(dialog *):not([popover] *)"
    ).count()
    number = """(() => { const one = document.activeElement;
        one.dataset.n ??= String(window.n = (window.n ?? 0) + 1);
        return one.dataset.n + (one.matches(":focus-visible") ? "" : " unseen"); })()"""
    reached = set()
    for _ in range(wanted):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(number))
    assert len(reached) == wanted > 50 and not [name for name in reached if "unseen" in name]


def test_the_slider_moves_by_keys_and_by_touch(browser: Any, html: Path) -> None:
    with visit(browser, html, size=PHONE, touch=True) as page:
        slider = page.locator("section.slider")
        page.locator("[data-slide]").first.click()
        assert page.evaluate("document.activeElement.type") == "range"
        stage, over = slider.locator(".stage"), slider.locator("img.over")
        decider = page.locator(".decider h3").first.evaluate("(one) => one.firstChild.textContent.trim()")
        assert over.get_attribute("alt") == f"{decider} by realiz3d, azimuth 0°"
        assert slider.locator("img.under").get_attribute("alt") == f"{decider} by syn-only, azimuth 0°"
        assert over.evaluate("(one) => one.complete && one.naturalWidth") == 24
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert stage.evaluate("(one) => one.style.getPropertyValue('--at')") == "53%"
        page.keyboard.press("Home")
        assert over.evaluate("(one) => getComputedStyle(one).clipPath") == "inset(0px 100% 0px 0px)"
        assert slider.locator("input").get_attribute("aria-valuetext") == "0 % realiz3d, then syn-only"
        stage.scroll_into_view_if_needed()  # waits until nothing moves
        where = stage.bounding_box()
        page.touchscreen.tap(where["x"] + 0.8 * where["width"], where["y"] + where["height"] / 2)
        page.wait_for_function("document.activeElement.value > 0")  # a touch becomes an input event in its own time
        assert float(stage.evaluate("(one) => one.style.getPropertyValue('--at')")[:-1]) == pytest.approx(80, abs=3)
        slider.locator("select[data-b]").select_option("ceiling")
        slider.locator("select[data-view]").select_option("azimuth 90°")
        assert slider.locator("img.under").get_attribute("alt") == f"{decider} by ceiling, azimuth 90°"
        slider.locator("select[data-a]").select_option("syn-only")
        slider.locator("select[data-object]").select_option("case_05")  # on which it failed
        assert slider.get_by_role("status").inner_text() == "No such picture by syn-only." and stage.is_hidden()
        assert inaccessible(page) == []


def test_without_scripts_everything_is_there(browser: Any, html: Path) -> None:
    with visit(browser, html, scripts=False) as page:
        assert page.locator(".controls:visible, .sort:visible, .copy:visible").count() == 0
        table = page.locator("table.results:not(.shares)")
        assert table.locator("tbody tr").first.locator("td:visible").count() == 7
        assert table.locator(".more:visible").count() > 0
        assert page.locator(".object .views img:visible").count() > 0


def test_print_has_the_tables_and_not_the_controls(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".controls:visible, nav:visible, .link:visible, section.slider:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    cut = "[...document.querySelectorAll('.scroll')].map((one) => getComputedStyle(one).overflowX)"
    assert set(page.evaluate(cut)) == {"visible"}
    assert page.locator("details.duel:not([open]) .decider").count() > 0  # folded on the screen
    assert len(page.pdf(format="A4")) > 20_000
    assert page.locator("details.duel[open]").count() == 1  # as the reader had them


def test_nearest_photographs_stand_beneath_the_views(page: Any) -> None:
    page.evaluate(OPEN_ALL)
    row = page.locator(".decider .nearest").first
    assert row.locator("img").count() == 2 and row.locator(".unreadable").count() == 2
    assert row.locator("img").first.get_attribute("alt") == "nearest picture of photos: cat.png"
    assert row.locator(".unreadable").first.inner_text() == 'dog "<b>.png'
    row.scroll_into_view_if_needed()
    assert row.locator("img").first.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 64


def test_strangers_text_does_nothing(browser: Any, html: Path) -> None:
    with visit(browser, html) as page:  # an alert would be a dialog, a picture from elsewhere a request
        dialogs: list[Any] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog))
        page.evaluate(OPEN_ALL)
        button = page.locator(".object", has_text="case_00").locator("button[data-v]").first
        button.click()
        assert "<script>alert" in page.locator("#lightbox .what").inner_text()
        assert not dialogs
