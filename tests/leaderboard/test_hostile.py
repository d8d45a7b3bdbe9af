"""Entries that hold together and are not honest: each is found by `check`, or by measuring the pictures again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from board_edits import entry_of, rewritten, row, with_objects

from bench.cli import main
from bench.leaderboard.checking import check_board
from bench.leaderboard.lookalikes import skeleton

IOU = "silhouette_iou"
KD = "kd_cluster[efficientnet_lite0]@photos"
Edit = Callable[[Path], object]


def _set(**changes: Any) -> Edit:
    return lambda path: rewritten(path, lambda document: document.update(changes))


def _generator(**changes: Any) -> Edit:
    return lambda path: rewritten(path, lambda document: document["generator"].update(changes))


def _row(metric: str, **changes: Any) -> Edit:
    return lambda path: rewritten(path, lambda document: row(document, metric).update(changes))


def _every_value(by: float) -> Edit:
    """All values by object and the row that follows from them, moved alike: the arithmetic holds."""

    def objects(found: dict[str, dict[str, Any]]) -> None:
        found[IOU] = {case: replace(one, value=one.value + by) for case, one in found[IOU].items()}

    def follow(document: dict[str, Any]) -> None:
        for key in ("value", "ci_low", "ci_high"):
            row(document, IOU)[key] += by

    return lambda path: with_objects(path, objects, follow)


def _a_copy(path: Path, model: str, change: Callable[[dict[str, Any]], None], developer: str = "Example Lab") -> Path:
    """The same entry again, as another model."""
    from bench.leaderboard.texts import slug

    folder = Path(shutil.copytree(path.parent, path.parent.with_name(f"{slug(developer)}__{slug(model)}")))

    def both(document: dict[str, Any]) -> None:
        document["generator"].update(model=model, developer=developer)
        change(document)

    return rewritten(folder / path.name, both)


def _other_pictures(document: dict[str, Any]) -> None:
    document["samples"] = {key: f"{number:064x}" for number, key in enumerate(document["samples"])}


def _look_alike(developer: str) -> Edit:
    return lambda path: _a_copy(path, "mine 2", _other_pictures, developer)


def _one_picture(document: dict[str, Any]) -> None:
    document["samples"] = dict.fromkeys(document["samples"], "ab" * 32)


def _again(path: Path) -> None:
    assert main(["leaderboard", "withdraw", str(path), "--why", "a stolen checkpoint", "--author", "us"]) == 0
    folder = Path(shutil.copytree(path.parent, path.parent.with_name("aside")))

    def fresh(document: dict[str, Any]) -> None:
        active = {"active": True, "superseded_by": None, "withdrawn": None}
        document.update(state=active, history=document["history"][:1], remarks="New!")

    new = rewritten(folder / path.name, fresh)
    for file in (*new.parent.glob(f"{new.stem}.*"),):
        shutil.move(file, path.parent / file.name)
    shutil.rmtree(folder)


def _hidden(path: Path) -> None:
    def without(document: dict[str, Any]) -> None:
        nothing = {"value": None, "ci_low": None, "ci_high": None, "by_object": "none", "status": "not_measurable"}
        row(document, KD).update(nothing)

    with_objects(path, lambda objects: objects.pop(KD), without)


def _kind_floor(path: Path) -> None:
    """Of the entry that owes a sample: the floor that stands in its place, made better."""
    path = entry_of(path.parents[2], "fails")

    def raised(found: dict[str, dict[str, Any]]) -> None:
        found[IOU] = {c: replace(one, floor=1.0, value=1.0) if one.missing else one for c, one in found[IOU].items()}

    with_objects(path, raised)


def _a_version_on(path: Path) -> None:
    board = path.parents[2]
    folder = board / "painted-v3" / path.parent.name
    folder.parent.mkdir()
    shutil.copytree(path.parent, folder)
    rewritten(folder / path.name, lambda document: document["suite"].update(version=3))


def _a_linked_folder(path: Path) -> None:
    (path.parents[1] / "evil__model").symlink_to("/etc")


def _deep(path: Path) -> None:
    path.write_text('{"format": 1, "remarks": ' + "[" * 200_000 + "]" * 200_000 + "}")


def _a_pipe(path: Path) -> None:
    path.with_suffix(".parquet").unlink()
    os.mkfifo(path.with_suffix(".parquet"))


def _beyond_numbers(path: Path) -> None:
    with_objects(
        path, lambda objects: objects.update({KD: {c: replace(o, value=1e300) for c, o in objects[KD].items()}})
    )


def _sheet_of(cases: Callable[[list[str]], list[str]]) -> Edit:
    return lambda path: rewritten(
        path, lambda document: document["preview"].update(cases=cases(document["preview"]["cases"]))
    )


HOSTILE: dict[str, tuple[Edit, str, str, str]] = {
    "every value raised past the best that there is": (
        _every_value(0.5),
        "error",
        "rows",
        "silhouette_iou cannot be 1.",
    ),
    "a number that overflows": (_row(KD, value=1e308), "error", "schema", "less than or equal to 1000000000000"),
    "numbers that overflow, by object": (_beyond_numbers, "error", "table", "no number that a result can have"),
    "an answer to a version that nobody asked": (_a_version_on, "error", "suite", "the board has no suite painted-v3"),
    "one object's pictures for all": (
        lambda p: rewritten(p, _one_picture),
        "warning",
        "pictures",
        "stand for different objects",
    ),
    "a Cyrillic letter in another's name": (
        _look_alike("Exаmple Lab"),
        "error",
        "look-alike",
        r"'Ex\u0430mple Lab' looks like 'Example Lab'",
    ),
    "a letter that nobody sees": (_look_alike("Example\u200d Lab"), "error", "look-alike", "looks like 'Example Lab'"),
    "letters of full width": (_look_alike("Ｅｘａｍｐｌｅ Lab"), "error", "look-alike", "looks like 'Example Lab'"),
    "a blank more": (_look_alike("Example  Lab"), "error", "look-alike", "looks like 'Example Lab'"),
    "a digit for a letter": (
        lambda p: _a_copy(p, "м1ne", _other_pictures),
        "error",
        "look-alike",
        "'\\u043c1ne' looks like 'mine' of another",
    ),
    "another's numbers with other hashes of pictures": (
        lambda p: _a_copy(p, "new", _other_pictures),
        "warning",
        "pictures",
        "every value by object is the same",
    ),
    "a withdrawn entry handed in again": (
        _again,
        "warning",
        "withdrawn",
        "an entry that was withdrawn: a stolen checkpoint",
    ),
    "a run of tomorrow": (_set(date="2999-01-01"), "warning", "date", "2999-01-01 lies in the future"),
    "a day that there is not": (_set(date="2026-02-30"), "error", "text", "a day that there is"),
    "a run after its submission": (
        lambda p: rewritten(p, lambda d: d["history"][0].update(date="2020-01-01")),
        "error",
        "date",
        "before it was made",
    ),
    "the developer as third party": (_set(relationship="third_party"), "error", "people", "that is first_party"),
    "no licence": (_generator(licence=""), "error", "schema", "licence: String should have at least 1 character"),
    "a terminal's commands in the hardware": (
        _set(hardware={"gpu": "\x1b[2J"}),
        "error",
        "text",
        "without control characters",
    ),
    "a turned key in the versions": (
        _set(versions={"\u202etorch": "2"}),
        "error",
        "text",
        "without control characters",
    ),
    "a bad number declared not measurable": (
        _hidden,
        "warning",
        "hidden",
        f"the primary result {KD} is 'not_measurable'",
    ),
    "more pictures than were made": (
        _row(IOU, n_images=4000),
        "error",
        "rows",
        "counts 4000 pictures, and 24 were made",
    ),
    "seven times the object": (_row(IOU, coverage=7.0), "error", "rows", "covers 7 of the object"),
    "a contact sheet of other objects": (
        _sheet_of(lambda c: ["eval_999_cow", *c[1:]]),
        "error",
        "sheet",
        "the suite does not have: eval_999_cow",
    ),
    "a contact sheet of the best one alone": (
        _sheet_of(lambda c: [c[0]] * len(c)),
        "error",
        "sheet",
        "shows an object twice",
    ),
    "a floor that suits": (
        _kind_floor,
        "warning",
        "floor",
        "the missing sample of eval_002_cylinder counts as 1, and others' floor",
    ),
    "a folder that leads out": (_a_linked_folder, "error", "path", "this is a link"),
    "JSON without a ground": (_deep, "error", "json", "not JSON as it should be"),
    "a pipe that never ends": (_a_pipe, "error", "table", "not a file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_each_kind_of_dishonest_entry_is_found(board: Path, kind: str) -> None:
    edit, level, code, told = HOSTILE[kind]
    edit(entry_of(board, "mine"))
    found, _ = check_board(board)
    matching = [one for one in found if one.code == code and told in one.message]
    assert matching and matching[0].level == level, found
    assert not [one for one in found if "__theirs" in one.file]  # nobody else is blamed


def test_honest_names_that_are_near_are_left_alone(board: Path) -> None:
    for model in ("mine 3", "mine-large", "mind", "我的模型"):
        _a_copy(entry_of(board, "mine"), model, _other_pictures)
    assert {one.code for one in check_board(board)[0]} == {"pictures"}  # the numbers are one entry's
    assert skeleton("Straße") == skeleton("STRASSE") and skeleton("Модель") != skeleton("Model")


def test_pictures_swapped_between_objects_are_found_by_measuring_again(
    board: Path, painted_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their hashes are named, so that none stands for another; what is claimed is not what the pictures give."""

    def swapped(document: dict[str, Any]) -> None:
        first, second, *_ = document["samples"]
        samples = document["samples"]
        samples[first], samples[second] = samples[second], samples[first]

    path = rewritten(entry_of(board, "mine"), swapped)
    assert check_board(board)[0] == []
    words = ["rescore", path, "--samples", painted_run / "samples/mine", "--suite", painted_run.parent / "suite.yaml"]
    assert main(["leaderboard", *map(str, words)]) == 2
    assert "2 of 6 samples differ" in capfd.readouterr().err


def test_a_clock_is_no_reason_to_refuse_a_board(board: Path) -> None:
    """A machine whose clock is wrong sees days of the future: that is told, and stops nobody."""
    from datetime import date

    path = entry_of(board, "mine")
    day = json.loads(path.read_text())["date"]
    found, _ = check_board(board, today=date(2001, 1, 1))
    assert {(one.level, one.code) for one in found} == {("warning", "date")} and day in found[0].message
