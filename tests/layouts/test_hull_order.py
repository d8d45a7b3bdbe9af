"""The detective without meshes: shuffled pictures of a suite of prompts, put in order by their outlines alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.generators.ground_truth import ground_truth
from bench.layouts.hull_order import hull_readings
from bench.layouts.order import Reading, settled
from bench.run.plan import find_cases
from bench.suite.cameras import cameras_of
from bench.suite.schema import MiniworldCases, Views

SIDE = 64
VIEWS = Views(azimuths=(0.0, 70.0, 160.0, 250.0), elevation=(20.0, -10.0, 45.0, 0.0), resolution=SIDE)
ORDER = (2, 0, 3, 1)  # picture ORDER[v] is view v


@pytest.fixture(scope="module")
def views() -> np.ndarray:
    _, case = find_cases(MiniworldCases(source="miniworld", count=2), Path())  # a box with a lid; the first is round
    return ground_truth(case, cameras_of(VIEWS), (1.0, 1.0, 1.0), "cpu").views


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "prompts.csv").write_text("case,prompt\nmug,a mug\n")
    file = tmp_path / "suite.yaml"
    file.write_text(
        "name: s\nversion: 1\ntask: text_to_multiview\ncases: {source: prompts, path: prompts.csv}\n"
        f"views: {{azimuths: [0, 70, 160, 250], elevation: [20, -10, 45, 0], resolution: {SIDE}}}\n"
        "metrics: [hull_iou]\n"
    )
    return file


@pytest.mark.parametrize("layout", ["numbers", "mirrored strip"])
def test_shuffled_pictures_of_prompts_are_put_in_order(layout, views, suite, tmp_path, capsys):
    shuffled = views[np.argsort(ORDER)]
    folder = tmp_path / "made"
    (folder / "mug").mkdir(parents=True)
    if layout == "numbers":
        for index, view in enumerate(shuffled):
            Image.fromarray(view).save(folder / "mug" / f"{index:03d}.png")
    else:
        Image.fromarray(np.concatenate(list(shuffled[:, :, ::-1]), axis=1)).save(folder / "mug" / "grid.png")
    evidence = tmp_path / "evidence.png"
    assert main(["inspect", str(folder), "--suite", str(suite), "--json", "--out", str(evidence)]) == 0
    found = json.loads(capsys.readouterr().out)
    best = found["readings"][0]
    assert (tuple(best["take"]), best["mirror"], best["turn"]) == (ORDER, layout != "numbers", 0)
    assert found["settled"] and best["by"] == "hull" and best["outline"] > 0.99
    assert "take: [2, 0, 3, 1]" in found["entry"] and ("mirror: true" in found["entry"]) == (layout != "numbers")
    assert Image.open(evidence).size[0] >= 760


def test_what_outlines_cannot_tell_is_not_settled() -> None:
    """Balls look alike from everywhere: the pictures stay as they lie, and nothing is claimed."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    ball = np.where((np.hypot(row, column) < SIDE / 4)[..., None], 0.3, 1.0) * np.ones(3)
    found = hull_readings([np.stack([ball] * 3)], cameras_of(Views(azimuths=(0.0, 90.0, 180.0), resolution=SIDE)))
    assert (found[0].take, found[0].mirror, found[0].turn) == ((0, 1, 2), False, 0)
    assert not settled(found)


def test_views_of_no_one_shape_settle_less() -> None:
    def reading(outline: float) -> Reading:
        return Reading((0, 1), False, 0, outline, float("nan"), float("nan"), "hull")

    assert settled([reading(0.998), reading(0.992)]) and not settled([reading(0.998), reading(0.995)])
    assert not settled([reading(0.95), reading(0.92)]) and settled([reading(0.95), reading(0.89)])


def test_colours_tell_what_outlines_do_not() -> None:
    """A painted ball at uneven steps looks round from everywhere; its paint agrees in one order alone."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    cameras = cameras_of(Views(azimuths=(0.0, 40.0, 100.0), resolution=SIDE, projection="orthographic"))
    x, y = column / (0.4 * SIDE), -row / (0.4 * SIDE)
    inside = np.hypot(x, y) < 1
    depth = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    views = []
    for azimuth in np.deg2rad((0.0, 40.0, 100.0)):
        right, towards = (np.cos(azimuth), -np.sin(azimuth)), (np.sin(azimuth), np.cos(azimuth))
        px, pz = (x * right[k] + depth * towards[k] for k in (0, 1))
        paint = 0.4 + 0.3 * np.stack([np.sin(5 * px + y), np.sin(4 * pz - 2 * y), np.sin(3 * px + 4 * pz)], axis=-1)
        views.append(np.where(inside[..., None], paint, 1.0))
    take = (2, 0, 1)
    found = hull_readings([np.stack([views[i] for i in np.argsort(take)])], cameras)
    assert (found[0].take, found[0].mirror, found[0].turn) == (take, False, 0)
    assert found[0].agreement > 0.8
