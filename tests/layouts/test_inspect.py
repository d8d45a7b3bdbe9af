"""The detective on ten layouts with shuffled orders: what it prints reads the folder back into the suite's views."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.generators.ground_truth import ground_truth
from bench.run.plan import find_cases
from bench.suite.cameras import cameras_of
from bench.suite.load import load_suite

SIDE = 64
NAMES = ("front", "right", "back", "left")
ORDER = (2, 0, 3, 1)  # picture ORDER[v] is view v
TAKE = np.argsort(ORDER)


@dataclass(frozen=True)
class Written:
    """One way to lay out four views: how each is called, or how they share a picture."""

    name: str
    single: str = ""
    sheet: tuple[int, int] = (1, 1)
    padding: int = 0
    mirror: bool = False
    turn: int = 0
    ground: int = 255
    transparent: bool = False
    extra: int = 0  # further views, from elsewhere
    beside: str = ""  # maps that lie beside the views


LAYOUTS = [
    Written("numbers", "{case}/view_{i}.png"),
    Written("zeros from one", "{case}/{j:03d}.png"),
    Written("words", "out/{case}/rgb_000_{word}.png", beside="out/{case}/normals_000_{word}.png"),
    Written("case in the name", "{case}-{i:02d}.webp"),
    Written("strip by case", "{case}.png", (1, 4)),
    Written("grid with a border", "{case}/grid.png", (2, 2), padding=2),
    Written("mirrored grid", "{case}/grid.png", (2, 2), mirror=True),
    Written("turned", "{case}/color_{i:04d}.png", turn=1),
    Written("grey strip", "{case}/sample.png", (1, 4), ground=127),
    Written("six of which four", "{case}/img{i}.png", transparent=True, extra=2),
]


@pytest.fixture(scope="module")
def suite(mesh_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("suite") / "suite.yaml"
    file.write_text(
        f"name: small\nversion: 1\ntask: texturing\ncases: {{source: meshes, path: '{mesh_folder}'}}\n"
        f"views: {{resolution: {SIDE}, distance: 2.4}}\nmetrics: [silhouette_iou]\n"
    )
    return file


@pytest.fixture(scope="module")
def truths(suite: Path) -> dict[str, np.ndarray]:
    """By case the suite's four views, and two more from other sides, uint8 (6, S, S, 4)."""
    loaded = load_suite(suite)
    views = loaded.views.model_copy(update={"azimuths": (0.0, 90.0, 180.0, 270.0, 45.0, 225.0)})
    found = {}
    for case in find_cases(loaded.cases, loaded.folder):
        white = ground_truth(case, cameras_of(views), (1.0, 1.0, 1.0), "cpu").views
        black = ground_truth(case, cameras_of(views), (0.0, 0.0, 0.0), "cpu").views
        alpha = 255 - (white.astype(int) - black).max(axis=-1, keepdims=True)
        found[case.id] = np.concatenate([white, np.uint8(alpha)], axis=-1)
    return found


def write(root: Path, how: Written, truths: dict[str, np.ndarray]) -> None:
    for case, truth in truths.items():
        chosen = [truth[v] for v in TAKE] + [truth[4 + i] for i in range(how.extra)]
        pictures = []
        for rgba in chosen:
            picture = rgba if how.transparent else rgba[..., :3].copy()
            if how.ground != 255:
                picture[rgba[..., 3] == 0] = how.ground
            picture = np.rot90(picture, -how.turn)  # what `turn` and then `mirror` undo
            pictures.append(picture[:, ::-1] if how.mirror else picture)
        if how.sheet == (1, 1):
            for i, picture in enumerate(pictures):
                word = NAMES[i] if i < 4 else ""
                for pattern, content in ((how.single, picture), (how.beside, 255 - picture)):
                    if pattern:
                        path = root / pattern.format(case=case, i=i, j=i + 1, word=word)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        Image.fromarray(np.ascontiguousarray(content)).save(path, lossless=True)
            continue
        rows, columns = how.sheet
        step = SIDE + how.padding
        whole = np.zeros((rows * step + how.padding, columns * step + how.padding, 3), dtype=np.uint8)
        for i, picture in enumerate(pictures):
            y, x = (how.padding + place * step for place in divmod(i, columns))
            whole[y : y + SIDE, x : x + SIDE] = picture
        path = root / how.single.format(case=case)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(whole).save(path)


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
    assert "there is cat/: 1 picture, x.png (8 x 8)" in capsys.readouterr().err
