"""A large run's page: 40 objects, 15 generators, 4 views and 21 metrics open in under two seconds and do not jump."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import SCREEN, visit
from fake_run import METRICS, FakeRun

from bench.heat import strip_png
from reports import write_reports

OBJECTS, GENERATORS = 40, 15
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
SHIFTS = """() => new Promise((done) => { let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((one) => { sum += one.value; }))
        .observe({ type: "layout-shift", buffered: true });
    window.scrollTo(0, document.body.scrollHeight); setTimeout(() => done(sum), 1000); })"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    rng = np.random.default_rng(0)
    waves = np.sin(np.mgrid[:512, :512] / 40)
    pictures = [
        np.uint8(127 + 60 * (waves[0] * waves[1])[..., None] + rng.integers(0, 60, 3) + rng.normal(0, 4, (512, 512, 3)))
        for _ in range(16)
    ]
    generators = [{"name": f"model-{i}", "use": "folder"} for i in range(GENERATORS)]
    run = FakeRun(n_cases=OBJECTS, generators=generators, size=512, pictures=pictures).write(
        tmp_path_factory.mktemp("large") / "run"
    )
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "", "top": 0.25}]
    rows, pairs = summary["rows"], summary["comparisons"]
    for copy in range(1, 3):  # three times as many metrics
        summary["metrics"] += [{**metric, "name": f"{metric['name']}_{copy}"} for metric in METRICS]
        summary["rows"] = summary["rows"] + [{**row, "metric": f"{row['metric']}_{copy}"} for row in rows]
    names = [metric["name"] for metric in summary["metrics"]]
    one = [pair for pair in pairs if pair["metric"] == "cde"]
    summary["comparisons"] = [{**pair, "metric": name} for name in names for pair in one]
    (run / "summary.json").write_text(json.dumps(summary))
    errors = rng.uniform(0, 0.3, (4, 16, 16)).repeat(32, 1).repeat(32, 2)
    strip = strip_png(errors, None, 0.25, {})
    for generator in generators:
        for case in summary["cases"]:
            path = run / "maps" / generator["name"] / case["id"] / "seed_0/loo_psnr.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(strip)
    write_reports([run], formats=["html"])
    yield run / "report/index.html"
    shutil.rmtree(run)


def processor_seconds(page: Any) -> float:
    """What the page has cost its process so far."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(found["ProcessTime"])


@pytest.mark.slow
@pytest.mark.browser
def test_it_opens_in_two_seconds_and_does_not_jump(page: Path, browser: object) -> None:
    seconds, worked = [], []
    for _ in range(3):
        with visit(browser, page, size=SCREEN) as opened:
            seconds.append(opened.evaluate(LOADED) / 1000)
            worked.append(processor_seconds(opened))
            assert opened.evaluate(SHIFTS) < 0.01
    print(f"loaded in {min(seconds):.2f} to {max(seconds):.2f} s, of which {min(worked):.2f} s of a processor")
    assert min(worked) < 1.0
    if os.getloadavg()[0] < (os.cpu_count() or 1):  # else the clock tells of other work on this machine
        assert min(seconds) < 2.0


@pytest.mark.slow
def test_it_is_small_without_its_pictures(page: Path) -> None:
    html = page.read_text()
    bare = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", html)
    print(f"{len(html) / 1e6:.2f} MB, {len(bare) / 1e6:.2f} MB without pictures")
    assert len(bare) < 5_000_000 and len(html) < 27_000_000
    assert html.count('data-metric="') > 21 * 105  # every pair is in it
