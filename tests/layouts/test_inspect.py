"""The detective on ten layouts with shuffled orders: what it prints reads the folder back into the suite's views."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shuffled_layouts import (
    LAYOUTS,
    ORDER,
    SIDE,
    TAKE,
    box_views,
    found_in,
    hull_suite,
    judged,
    true_views,
    write,
    write_suite,
)

from bench.cli import main
from bench.generators.ground_truth import ground_truth
from bench.run.plan import find_cases
from bench.suite.cameras import cameras_of
from bench.suite.load import load_suite


@pytest.fixture(scope="module")
def suite(mesh_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_suite(tmp_path_factory.mktemp("suite") / "suite.yaml", mesh_folder)


@pytest.fixture(scope="module")
def truths(suite: Path) -> dict[str, np.ndarray]:
    """By case the suite's four views, and two more from other sides, uint8 (6, S, S, 4)."""
    loaded = load_suite(suite)
    views = loaded.views.model_copy(update={"azimuths": (0.0, 90.0, 180.0, 270.0, 45.0, 225.0)})
    return {case.id: true_views(case, views) for case in find_cases(loaded.cases, loaded.folder)}


@pytest.mark.parametrize("how", LAYOUTS, ids=lambda how: how.name)
def test_what_it_prints_reads_the_folder_back(how, suite, truths, tmp_path, capsys):
    root = tmp_path / "made"
    write(root, how, truths)
    out = tmp_path / "evidence.png"
    assert main(["inspect", str(root), "--suite", str(suite), "--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["views"], found["resolution"], found["settled"]) == (4 + how.extra, SIDE, True)
    best = found["readings"][0]
    assert (tuple(best["take"]), best["mirror"], best["turn"]) == (ORDER, how.mirror, how.turn)
    assert best["outline"] > 0.9 and best["agreement"] > 0.5 and found["scale"] == pytest.approx(1.0, abs=0.03)
    assert found["ground"] == (None if how.transparent else [how.ground] * 3)
    assert Image.open(out).size[0] >= 760
    # pasted into the suite
    pasted = tmp_path / "pasted.yaml"
    pasted.write_text(suite.read_text() + "generators:\n  " + found["entry"] + "\n")
    loaded = load_suite(pasted)
    from bench.generators.protocol import GenerationRequest
    from bench.run.generate import SceneControls
    from bench.run.options import RunOptions
    from bench.run.plan import build_generator, make_plan

    plan = make_plan(loaded, RunOptions(offline=True))
    generator = build_generator(loaded.generators[0], plan.context)
    for case in plan.cases:
        request = GenerationRequest(case, plan.cameras, 0, (1.0, 1.0, 1.0), (0,) * 4, SceneControls("cpu"))
        views = next(iter(generator.generate([request]))).views
        difference = np.abs(views.astype(int) - truths[case.id][:4, ..., :3])
        assert difference.mean() <= (2 if how.ground != 255 or how.transparent else 0.0)  # outlines are mixed twice


def test_another_framing_is_measured(suite, mesh_folder, tmp_path, capsys):
    loaded = load_suite(suite, ["views.distance=2.0"])
    for case in find_cases(loaded.cases, loaded.folder):
        views = ground_truth(case, cameras_of(loaded.views), (1.0, 1.0, 1.0), "cpu").views
        for index in range(4):
            path = tmp_path / "made" / case.id / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(views[TAKE[index]]).save(path)
    assert main(["inspect", str(tmp_path / "made"), "--suite", str(suite)]) == 0
    told = capsys.readouterr()
    assert "take: [2, 0, 3, 1]" in told.out
    advised = re.search(r"times as large as in the suite's views: about --set views\.distance=([0-9.]+)", told.err)
    assert advised is not None and abs(float(advised[1]) - 2.0) < 0.1


def test_without_a_suite_folders_are_cases(truths, tmp_path, capsys):
    write(tmp_path / "made", LAYOUTS[5], truths)
    assert main(["inspect", str(tmp_path / "made"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["grid"], found["padding"]) == ("{case}/grid", [2, 2], 2)
    assert found["cases"] == ["disc", "egg", "loaf"] and found["readings"] == []


def test_a_folder_without_pictures_is_refused_with_a_listing(suite, tmp_path, capsys):
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "cat" / "x.png")
    assert main(["inspect", str(tmp_path), "--suite", str(suite)]) == 2
    assert "found cat/: 1 picture, x.png (8 x 8)" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("how", LAYOUTS, ids=lambda how: how.name)
def test_by_the_hull_alone_nothing_wrong_is_settled(how, tmp_path):
    write(tmp_path / "made", how, box_views())
    found, _ = found_in(tmp_path / "made", hull_suite(tmp_path / "suite.yaml"))
    assert judged(found, how) != "WRONG" and found["not_tried"] == []
    assert how.extra or judged(found, how) == "right"


def test_a_search_without_time_says_what_was_not_tried(suite, truths, tmp_path, capsys):
    write(tmp_path / "made", LAYOUTS[0], truths)
    assert main(["inspect", str(tmp_path / "made"), "--suite", str(suite), "--seconds", "0"]) == 0
    said = capsys.readouterr().err
    assert "not tried, for want of time (--seconds): pictures turned by 90" in said and "mirrored turned by 270" in said
