"""A run stores which reference pictures its own lie nearest to, and small copies of the few that its page shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import go, write_suite

from bench.results.nearest import Nearest, read_nearest, thumbnail_file, write_nearest
from reports import write_reports

PAGE = "report/index.html"


@pytest.fixture(scope="module")
def beside_photos(finished: Path, tmp_path_factory: pytest.TempPathFactory, mesh_folder: Path) -> Path:
    """A run whose reference is a folder of the ceiling's own first views, and others."""
    root = tmp_path_factory.mktemp("photos")
    for view in sorted((finished / "run/samples/ceiling").rglob("view_0.png")):
        target = root / "photos" / view.parts[-3] / "front & <b>.png"
        target.parent.mkdir(parents=True)
        shutil.copy(view, target)
    for number in range(3):
        flat = np.full((64, 64, 3), 60 * number, np.uint8)
        Image.fromarray(flat).save(root / "photos" / f"flat_{number}.png")
    suite = write_suite(root / "suite.yaml", mesh_folder)
    suite.write_text(suite.read_text().replace("{shipped: photo_cutouts}", '{folder: "photos"}'))
    go(suite, root / "run")
    write_reports([root / "run"], formats=["html"])
    return root


def test_a_copy_lies_nearest_to_itself(beside_photos: Path) -> None:
    lines = read_nearest(beside_photos / "run/nearest.parquet")
    assert len(lines) == 2 * 3 * 4  # every picture of both generators
    fronts = [line for line in lines if (line.generator, line.view) == ("ceiling", 0)]
    assert [line.pictures[0] for line in fronts] == [f"{line.case}/front & <b>.png" for line in fronts]
    # the reference frames what it shows anew, so its pictures are not the very same
    assert all(line.distances[0] < line.distances[1] <= line.distances[2] for line in fronts)
    assert all(len(set(line.pictures)) == 3 and line.apart > 0 for line in lines)


def test_what_the_page_shows_is_kept_small_and_nothing_else(beside_photos: Path) -> None:
    run = beside_photos / "run"
    page = (run / PAGE).read_text()
    kept = sorted(run.glob("nearest/photos/*.webp"))
    named = {line.pictures[0] for line in read_nearest(run / "nearest.parquet")}
    assert kept and set(kept) <= {thumbnail_file(run / "nearest", "photos", name) for name in named}
    for path in kept:
        with Image.open(path) as picture:
            assert max(picture.size) <= 128
    assert "Beneath each view stands its nearest picture of photos" in page
    shown = re.findall(r'alt="nearest picture of photos: ([^"]+)"', page)
    assert shown and any("front &amp; &lt;b&gt;.png" in name for name in shown)
    # with the copies deleted, the page names what it cannot show
    shutil.copytree(run, beside_photos / "without")
    shutil.rmtree(beside_photos / "without/nearest")
    write_reports([beside_photos / "without"], formats=["html"])
    page = (beside_photos / "without" / PAGE).read_text()
    assert "The run holds no copies of the pictures of photos" in page and "nearest picture of photos:" not in page
    assert "front &amp; &lt;b&gt;.png" in page


def test_references_that_are_numbers_are_named_and_older_runs_say_nothing(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished / "run", run)
    assert not (run / "nearest").exists()
    names = {line.pictures[0] for line in read_nearest(run / "nearest.parquet")}
    assert names and all(name.endswith(".png") for name in names)
    write_reports([run], formats=["html"])
    page = (run / PAGE).read_text()
    assert "The run holds no copies of the pictures of photos" in page
    (run / "nearest.parquet").unlink()  # as runs of earlier versions are
    write_reports([run], formats=["html"])
    assert "cannot be shown: of its 188 pictures" in (run / PAGE).read_text()


def test_the_table_reads_back_as_written(tmp_path: Path) -> None:
    rows = [Nearest("r/../x", "e", "g", "c", 0, view, ("a", "ü\n"), (0.25, 0.5), float("nan")) for view in range(2)]
    write_nearest(tmp_path / "n.parquet", rows)
    back = read_nearest(tmp_path / "n.parquet")
    assert [row.pictures for row in back] == [("a", "ü\n")] * 2 and np.isnan(back[0].apart)
    assert thumbnail_file(tmp_path, "r/../x", "../../etc").resolve().is_relative_to(tmp_path / "r%2F..%2Fx")
    assert read_nearest(tmp_path / "none.parquet") == []
