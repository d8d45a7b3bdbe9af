"""A stranger's run folder: links are not followed out of it, and no text does more than show itself."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_run import FakeRun
from PIL import Image

from bench.errors import InputError
from bench.heat import strip_png
from bench.results.read import read_runs
from reports import write_reports
from reports.gallery import build_gallery
from reports.table import build_tables

ACTING = "a\x1b[2J\x00b\u202ecod\u2066\u200f\ud800"
ARABIC = "بقرة واقعية"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A picture that is nobody's business."""
    path = tmp_path / "elsewhere" / "private.png"
    path.parent.mkdir()
    Image.fromarray(np.full((24, 24, 3), (255, 0, 0), np.uint8)).save(path)
    return path


def test_pictures_behind_links_are_not_shown(tmp_path: Path, private: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    view = run / "samples/realiz3d/case_00/seed_0/view_1.png"
    view.unlink()
    view.symlink_to(private)
    folder = run / "samples/syn-only/case_00/seed_0"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    for number in range(4):
        (private.parent / f"view_{number}.png").write_bytes(private.read_bytes())
    folder.symlink_to(private.parent)
    (table,) = build_tables(read_runs([run]))
    shots = [s for e in build_gallery(table, 10**8).exhibits for strip in e.strips for s in strip.shots]
    hidden = [shot for shot in shots if "link that leads out" in shot.problem]
    assert len(hidden) == 5 and not any(shot.thumbnail or shot.full for shot in hidden)
    write_reports([run], formats=["html"])
    assert "azimuth 90° is unreadable" in (run / "report/index.html").read_text()


@pytest.mark.parametrize(("name", "path"), [("realiz3d", "../../elsewhere"), ("case_00", "../../../elsewhere/case_00")])
def test_names_that_are_paths_lead_nowhere(tmp_path: Path, name: str, path: str) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    shutil.copytree(run / "samples/realiz3d", tmp_path / "elsewhere")
    shutil.rmtree(run / "samples/realiz3d")
    text = (run / "summary.json").read_text()
    (run / "summary.json").write_text(text.replace(json.dumps(name), json.dumps(path)))
    (table,) = build_tables(read_runs([run]))
    shown = {
        (exhibit.case.id, source.label)
        for exhibit in build_gallery(table, 10**8).exhibits
        for source, strip in zip(table.sources, exhibit.strips, strict=True)
        if any(shot.thumbnail or shot.full for shot in strip.shots)
    }
    assert shown and not [pair for pair in shown if path in pair or "realiz3d" in pair]


def test_maps_behind_links_are_not_shown(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "", "top": 0.25}]
    (run / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "map.png").write_bytes(strip_png(np.full((4, 24, 24), 0.1), None, 0.25, {}))
    path = run / "maps/realiz3d/case_00/seed_0/loo_psnr.png"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "map.png")
    write_reports([run], formats=["html"])
    assert "views maps" not in (run / "report/index.html").read_text()


@pytest.mark.parametrize("link", ["report", "report/figures"])
def test_nothing_is_written_through_a_link(tmp_path: Path, private: Path, link: str) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    (run / link).parent.mkdir(exist_ok=True)
    (run / link).symlink_to(private.parent)
    with pytest.raises(InputError, match="a link leads out of the folder"):
        write_reports([run])
    assert [path.name for path in private.parent.iterdir()] == [private.name]


@pytest.mark.parametrize("name", ["summary.json", "manifest.json", "scores.parquet"])
def test_results_behind_links_are_refused(tmp_path: Path, name: str) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    (run / name).rename(tmp_path / name)
    (run / name).symlink_to(tmp_path / name)
    with pytest.raises(InputError, match=f"a link leads out of the run folder\n.*{name}"):
        write_reports([run])


def test_a_run_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    (tmp_path / "latest").symlink_to(run)
    assert write_reports([tmp_path / "latest"], formats=["csv"]) == [run / "report/summary.csv"]


def test_no_text_acts_in_any_file(tmp_path: Path) -> None:
    run = FakeRun(
        n_cases=2,
        generators=[{"name": "mine", "use": f"folder {ACTING}"}, {"name": "theirs", "use": "x"}, {"name": "third"}],
    ).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    for field, value in (("title", ACTING), ("unit", ACTING)):
        summary["metrics"][3][field] = value
    for row in summary["rows"]:
        row["note"] = f"{row['note']} {ACTING}"
        row["signature"] = f"{row['signature']} {ACTING}"
    summary["suite"]["description"] = ACTING
    summary["cases"][0]["prompt"] = f"{ARABIC} {ACTING}"
    summary["failures"][0]["message"] = ACTING
    summary["comparisons"][0]["method"] = ACTING
    summary["references"][0]["source"] = ACTING
    (run / "summary.json").write_text(json.dumps(summary))
    for path in write_reports([run]):
        text = path.read_bytes().decode("utf-8")
        acting = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\u200b"}
        assert not acting, (path.name, acting)
        if path.suffix not in (".tex", ".svg"):
            assert "\\x1b[2J" in text or "\\u001b[2J" in text or "\\\\x1b\\[2J" in text, path.name
    page = (run / "report/index.html").read_text()
    assert ARABIC in page and '<p class="prompt" dir="auto">' in page


def test_csv_cells_of_plug_ins_are_no_formulas(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    texts = {"note": "=HYPERLINK(1)", "metric": "@SUM(1)", "unit": "-2+3", "signature": "+cmd|' /C calc'!A0"}
    texts["normalised_note"] = "\t=1"
    summary["rows"][0] |= texts
    (run / "summary.json").write_text(json.dumps(summary))
    (path,) = write_reports([run], formats=["csv"])
    first = pd.read_csv(path).iloc[0]
    assert {name: first[name] for name in texts} == {name: f"'{text}" for name, text in texts.items()}
