"""Published pictures measured again: the same pictures give the same numbers, others are refused, and tiers follow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from board_edits import entry_of, rewritten, row, with_objects
from PIL import Image

from bench.cli import main
from bench.leaderboard.checking import check_board
from bench.leaderboard.objects import ObjectValue
from bench.leaderboard.rescoring.measuring import TOLERANCE, Again, told_apart
from bench.leaderboard.rescoring.verdict import verdict


@pytest.fixture(scope="session")
def suite(painted_run: Path) -> str:
    return str(painted_run.parent / "suite.yaml")


def rescore(path: Path, samples: Path, suite: str, *more: str) -> int:
    words = ["leaderboard", "rescore", path, "--samples", samples, "--suite", suite, "--author", "the board", *more]
    return main([str(word) for word in words])


def test_the_same_pictures_give_the_same_numbers(
    board: Path, painted_run: Path, suite: str, tmp_path: Path, capfd
) -> None:
    """With a sample that failed: it counts as the floor again."""
    path = entry_of(board, "fails")
    archive = Path(shutil.make_archive(str(tmp_path / "fails"), "gztar", painted_run / "samples", "fails"))
    before = json.loads(path.read_text())
    assert rescore(path, archive, suite) == 0
    out, err = capfd.readouterr()
    assert [line.split()[:2] for line in out.splitlines()] == [["same", f"{r['metric']}:"] for r in before["rows"]]
    assert f"3 results within {TOLERANCE:g}" in err
    after = json.loads(path.read_text())
    assert after["tier"] == "re-scored" and after["id"] == before["id"] and after["rows"] == before["rows"]
    event = after["history"][-1]
    assert (event["event"], event["by"], event["facts"]["results"]) == ("re-scored", "the board", 3)
    assert event["facts"]["largest"] <= 1e-9 and check_board(board)[0] == []


def test_a_number_that_the_pictures_do_not_give_keeps_its_tier(board, painted_run, suite, capfd) -> None:
    """Someone who edits all values by object alike passes the check, and not the measurement."""

    def better(objects: dict) -> None:
        values = objects["silhouette_iou"]
        objects["silhouette_iou"] = {case: ObjectValue(one.value + 0.01) for case, one in values.items()}

    def to_match(document: dict) -> None:
        for key in ("value", "ci_low", "ci_high"):
            row(document, "silhouette_iou")[key] += 0.01

    path = with_objects(entry_of(board, "mine"), better, to_match)
    assert check_board(board)[0] == []
    before = path.read_bytes()
    assert rescore(path, painted_run / "samples" / "mine", suite) == 1
    out, err = capfd.readouterr()
    assert "differs  silhouette_iou" in out and "not the same: 1 of 3 results differ" in err
    assert path.read_bytes() == before


def test_other_pictures_are_refused_before_anything_is_measured(board, painted_run, suite, tmp_path, capfd) -> None:
    folder = Path(shutil.copytree(painted_run / "samples" / "mine", tmp_path / "mine"))
    view = folder / "eval_001_box" / "seed_0" / "view_2.png"
    pixels = np.asarray(Image.open(view)).copy()
    pixels[30, 30] ^= 1
    Image.fromarray(pixels).save(view)
    assert rescore(entry_of(board, "mine"), folder, suite) == 2
    assert "1 of 6 samples differ or are not there, such as eval_001_box/0" in capfd.readouterr().err


def test_another_archive_or_suite_is_refused(board: Path, painted_run: Path, suite: str, tmp_path: Path, capfd) -> None:
    path = rewritten(
        entry_of(board, "mine"),
        lambda document: document.update(pictures={"url": "https://example.org/a.zip", "sha256": "ab" * 32}),
    )
    archive = Path(shutil.make_archive(str(tmp_path / "mine"), "zip", painted_run / "samples" / "mine"))
    assert rescore(path, archive, suite) == 2
    assert "not the archive that the entry names" in capfd.readouterr().err
    other = tmp_path / "suite.yaml"
    other.write_text(Path(suite).read_text().replace("version: 2", "version: 3"))
    assert rescore(path, archive, str(other)) == 2
    assert "the suite is not the one that the entry answers" in capfd.readouterr().err


def test_what_counts_as_the_same() -> None:
    same, moved = Again("cde", 0.5, 0.5, 0.9 * TOLERANCE), Again("iou", 0.5, 0.6, 0.1, p_value=0.001)
    assert verdict([same], ("cde",), made=False).same and verdict([same], ("cde",), made=False).tier == "re-scored"
    assert not verdict([same, moved], ("cde",), made=False).same
    # pictures that we made ourselves: no primary result may be told apart
    near = Again("iou", 0.5, 0.51, 0.02, p_value=0.2)
    assert verdict([near], ("iou",), made=True).same and verdict([near], ("iou",), made=True).tier == "re-made"
    assert told_apart([near, moved], ("iou",)) == ["iou"]
    broken = Again("cde", 0.5, float("nan"), float("inf"), "was measured on other objects")
    assert not verdict([broken], ("cde",), made=False).same and not verdict([broken], ("cde",), made=True).same
