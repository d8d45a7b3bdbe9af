"""The page in a real browser: scripts run under the page's own policy, and something is drawn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_run import FakeRun
from PIL import Image

from bench.heat import strip_png
from reports import write_reports

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--no-first-run", "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=4000",
)  # fmt: skip


def browse(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_page_runs_without_complaint(report: Path, tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    done = browse(report / "index.html", tmp_path / "one", f"--screenshot={shot}", "--window-size=1200,2400")
    assert "CONSOLE" not in done.stderr  # errors and policy violations are logged there
    pixels = np.asarray(Image.open(shot).convert("L"))
    assert pixels.shape == (2400, 1200)
    assert 0.01 < (pixels < 128).mean() < 0.5


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_scripts_show_the_controls_and_change_the_figure(report: Path, tmp_path: Path) -> None:
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", (report / "index.html").read_text())
    choose = """<script>{
    const select = document.querySelector("[data-figure]");
    select.value = "1";
    select.dispatchEvent(new Event("change"));
    document.body.dataset.log = [...document.querySelectorAll(".plot")].map((plot) => Number(plot.hidden)).join("");
    }</script></body>"""
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", choose))
    dom = browse(page, tmp_path / "two", "--dump-dom").stdout
    body = dom[dom.index("<body") :]
    log = re.search(r'data-log="([^"]*)"', body)
    assert log is not None and log[1].startswith("10") and set(log[1][2:]) <= {"1"}
    assert 'class="controls" hidden' not in body


ACTIONS = """<script>{
const log = [];
const gallery = document.querySelector(".gallery"), box = document.getElementById("lightbox");
const sorted = () => [...gallery.querySelectorAll(".object h3")].map((h) => h.firstChild.textContent).join(" ");
log.push(sorted());
const select = gallery.querySelector("[data-sort]");
select.value = "0";
select.dispatchEvent(new Event("change"));
log.push(sorted());
const object = [...gallery.querySelectorAll(".object")].find((o) => o.textContent.includes("case_00"));
object.querySelector("button[data-v='2']").click();
const map = box.querySelector(".map");
log.push(`open ${box.open}, map ${!map.hidden}, ${map.style.getPropertyValue("--at")}, ${map.ariaLabel}`);
box.close();
document.querySelector("[data-maps]").click();
log.push(`strip ${getComputedStyle(object.querySelector(".maps")).display}`);
object.querySelector("button[data-v='2']").click();
log.push(`map ${!map.hidden}`);
document.body.dataset.log = log.join("|");
}</script>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_maps_stand_beside_the_full_view_and_objects_sort(tmp_path: Path) -> None:
    run = FakeRun(n_cases=3).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "", "top": 0.25}]
    (run / "summary.json").write_text(json.dumps(summary))
    path = run / "maps/realiz3d/case_00/seed_0/loo_psnr.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(strip_png(np.full((4, 24, 24), 0.1), None, 0.25, {}))
    scores = pd.read_parquet(run / "scores.parquet")
    mine = scores[(scores.metric == "cde") & (scores.generator == "realiz3d")].sort_values("value")
    write_reports([run], formats=["html"])
    page = run / "report/index.html"
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())  # it forbids the clicks
    page.write_text(html.replace("</body>", ACTIONS + "</body>"))
    dom = browse(page, tmp_path / "three", "--dump-dom").stdout
    log = re.search(r'data-log="([^"]*)"', dom)
    assert log, dom[-2000:]
    before, after, opened, strip, closed = log[1].split("|")
    assert sorted(before.split()) == sorted(after.split()) == ["case_00", "case_01", "case_02"]
    assert after.split() == mine["case"].tolist()  # worst first for this generator
    assert opened == "open true, map true, 66.667%, loo_psnr errors, azimuth 180°"
    assert (strip, closed) == ("strip none", "map false")
