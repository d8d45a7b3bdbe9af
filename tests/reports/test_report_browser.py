"""The page in a real browser: scripts run under the page's own policy, and something is drawn."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
def test_scripts_replace_the_static_figure_and_show_the_controls(report: Path, tmp_path: Path) -> None:
    dom = browse(report / "index.html", tmp_path / "two", "--dump-dom").stdout
    body = dom[dom.index("<body") :]
    assert 'class="main-svg"' in body  # the interactive figure
    assert body.count('class="annotation-text"') == 4
    assert 'class="controls" hidden' not in body
