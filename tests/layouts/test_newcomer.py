"""The newcomer's path: `inspect` a folder, paste what it prints into a suite as it says, `validate`, `run`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written_folders import suite_views, write_as

from bench.cli import main
from bench.generators.ground_truth import ground_truth
from bench.layouts.presets import PRESETS
from bench.run.plan import find_cases
from bench.suite.cameras import cameras_of
from bench.suite.schema import MiniworldCases, Views

SIDE = 32
GREY = (127 / 255,) * 3
HEAD = "name: mine\nversion: 1\ntask: text_to_multiview\ncases: {source: prompts, path: prompts.csv}\n"
TAIL = "metrics: [hull_iou]\n"


def painted(views: Views, grey: bool) -> np.ndarray:
    _, case = find_cases(MiniworldCases(source="miniworld", count=2), Path())
    return ground_truth(case, cameras_of(views), GREY if grey else (1.0, 1.0, 1.0), "cpu").views


def walk_the_path(folder: Path, capsys, *, given: bool = True) -> tuple[list[np.ndarray], str]:
    """The views that a run has read in the end, and what `inspect` answered. `given`: inspect is told the suite."""
    root = folder.parent
    (root / "prompts.csv").write_text("case,prompt\nmug,a red mug\n")
    file = root / "suite.yaml"
    file.write_text(HEAD + TAIL)
    assert main(["inspect", str(folder), *(["--suite", str(file)] if given else [])]) == 0
    pasted = capsys.readouterr().out
    file.write_text(HEAD + TAIL + pasted)
    assert main(["validate", str(file)]) == 0, capsys.readouterr().err
    assert main(["--offline", "run", str(file), "--out", str(root / "out")]) == 0, capsys.readouterr().err
    name = re.search(r"name: ([^,]+),", pasted.split("generators:")[1])[1]
    pictures = sorted(
        (root / "out" / "samples" / name / "mug" / "seed_0").glob("view_*.png"), key=lambda p: int(p.stem.split("_")[1])
    )
    return [np.asarray(Image.open(path).convert("RGB")).astype(int) for path in pictures], pasted


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
@pytest.mark.parametrize("given", [True, False], ids=["with a suite", "without"])
@pytest.mark.parametrize(
    "name",
    ["wonder3d", "era3d", "zero123plus-1.2", "instantmesh", "syncdreamer", "mvdream", "mv-adapter-tg2mv"],
)
def test_what_a_program_wrote(name, given, tmp_path, capsys):
    grey = PRESETS[name].background in ("grey", "#7f7f7f")
    side = 256 if name == "mvdream" else SIDE  # anybody's strips have four views: its size tells
    views = painted(suite_views(name, side), grey)
    write_as(name, tmp_path / "theirs", "mug", views, first=True)
    if name == "mv-adapter-tg2mv":
        Image.fromarray(np.zeros((SIDE, 6 * SIDE, 3), np.uint8)).save(tmp_path / "theirs" / "mug" / "grid_pos.png")
    read, pasted = walk_the_path(tmp_path / "theirs", capsys, given=given)
    assert f"layout: {name}" in pasted and len(read) == len(views)
    wanted = painted(suite_views(name, side), False).astype(int)
    assert max(np.abs(a - b).mean() for a, b in zip(read, wanted, strict=True)) <= (6 if grey else 0)


USUAL = {
    "000.png": "{:03d}.png",
    "view_00.png": "view_{:02d}.png",
    "from one": "view_{}.png",
    "words": "rgb_000_{}.png",
}


@pytest.mark.parametrize("named", [pytest.param(n, marks=[pytest.mark.slow] if n != "words" else []) for n in USUAL])
def test_pictures_by_the_usual_names(named, tmp_path, capsys):
    views = painted(Views(resolution=SIDE), False)
    for index, view in enumerate(views):
        word = ("front", "right", "back", "left")[index] if named == "words" else index + (named == "from one")
        path = tmp_path / "made" / "mug" / USUAL[named].format(word)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(view).save(path)
    read, _ = walk_the_path(tmp_path / "made", capsys, given=named != "words")
    np.testing.assert_array_equal(read, views)


@pytest.mark.slow
def test_a_grid_with_a_border_and_seeds_in_folders(tmp_path, capsys):
    views = painted(Views(resolution=SIDE), False)
    sheet = np.zeros((2 * SIDE + 6, 2 * SIDE + 6, 3), np.uint8)
    for index, view in enumerate(views):
        y, x = (2 + (SIDE + 2) * place for place in divmod(index, 2))
        sheet[y : y + SIDE, x : x + SIDE] = view
    for seed in (0, 1):
        (tmp_path / "made" / "mug" / f"seed_{seed}").mkdir(parents=True)
        Image.fromarray(sheet).save(tmp_path / "made" / "mug" / f"seed_{seed}" / "grid.png")
    read, pasted = walk_the_path(tmp_path / "made", capsys)
    assert "{case}/seed_{seed}/grid" in pasted and "padding: 2" in pasted
    np.testing.assert_array_equal(read, views)
