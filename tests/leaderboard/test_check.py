"""Every kind of broken entry is found, at its line, and nothing else is said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from board_edits import entry_of, rewritten, row, shifted, with_objects

from bench.cli import main
from bench.leaderboard.checking import check_board
from bench.leaderboard.findings import Finding, write_findings

IOU = "silhouette_iou"
KD = "kd_cluster[efficientnet_lite0]@photos"


def _value_raised(path: Path) -> None:
    rewritten(path, lambda document: row(document, IOU).update(value=0.999))


def _unsealed(path: Path) -> None:
    rewritten(path, lambda document: document["generator"].update(model="Better"), seal=False)


def _table_swapped(path: Path) -> None:
    other = entry_of(path.parents[2], "theirs")
    shutil.copy(other.with_suffix(".parquet"), path.with_suffix(".parquet"))


def _case_left_out(path: Path) -> None:
    with_objects(path, lambda objects: objects[IOU].pop("eval_003_mug"))


def _sample_left_out(path: Path) -> None:
    rewritten(path, lambda document: document["samples"].pop("eval_003_mug/0"))


def _signature(path: Path) -> None:
    def change(document: dict) -> None:
        found = row(document, KD)
        found["signature"] = found["signature"].replace("efficientnet_lite0@", "efficientnet_lite9@")

    rewritten(path, change)


def _another_suite(path: Path) -> None:
    rewritten(path, lambda document: document["suite"].update(hash="ab" * 32))


def _row_dropped(path: Path) -> None:
    rewritten(path, lambda document: document["rows"].remove(row(document, KD)))


def _interval_narrowed(path: Path) -> None:
    rewritten(path, lambda document: row(document, KD).update(ci_low=row(document, KD)["value"]))


def _distance_moved(path: Path) -> None:
    with_objects(path, lambda objects: shifted(objects, KD, "eval_000_egg", 0.01))


def _gaps_denied(path: Path) -> None:
    rewritten(path, lambda document: row(document, IOU).update(n_missing=0, measured=None))


def _a_link_out(path: Path) -> None:
    path.with_suffix(".parquet").unlink()
    path.with_suffix(".parquet").symlink_to("/etc/hostname")


def _wrong_folder(path: Path) -> None:
    shutil.move(path.parent, path.parent.with_name("elsewhere__mine"))


def _twice(path: Path) -> None:
    folder = path.parent.with_name("example-lab__copy")
    shutil.copytree(path.parent, folder)


def _two_active(path: Path) -> None:
    for suffix in (".json", ".parquet", ".webp"):
        shutil.copy(path.with_suffix(suffix), path.with_name("0" * 64 + suffix))
    rewritten(path.with_name("0" * 64 + ".json"), lambda document: document.update(remarks="again"))


def _reversing_text(path: Path) -> None:
    rewritten(path, lambda document: document["generator"].update(description="safe \u202egnp.exe"))


def _script_address(path: Path) -> None:
    rewritten(path, lambda document: document["generator"].update(paper="javascript:alert(1)"))


def _long_text(path: Path) -> None:
    rewritten(path, lambda document: document.update(remarks="x" * 100_000))


def _no_json(path: Path) -> None:
    path.write_text(path.read_text()[:-40])


def _nan(path: Path) -> None:
    path.write_text(path.read_text().replace('"ci_low": 0.9', '"ci_low": NaN, "ci_lower": 0.9'))


def _key_twice(path: Path) -> None:
    path.write_text(path.read_text().replace('"remarks": "",', '"remarks": "",\n "remarks": "x",'))


def _unknown_field(path: Path) -> None:
    rewritten(path, lambda document: document.update(verified_by="us"))


def _too_large(path: Path) -> None:
    path.with_suffix(".webp").write_bytes(b"\0" * 10_000_001)


def _another_sheet(path: Path) -> None:
    shutil.copy(entry_of(path.parents[2], "theirs").with_suffix(".webp"), path.with_suffix(".webp"))


def _tier_claimed(path: Path) -> None:
    rewritten(path, lambda document: document.update(tier="re-made"))


def _revived(path: Path) -> None:
    assert main(["leaderboard", "withdraw", str(path), "--why", "a wrong checkpoint", "--author", "us"]) == 0
    document = json.loads(path.read_text())
    document["state"] = {"active": True, "superseded_by": None, "withdrawn": None}
    path.write_text(json.dumps(document, indent=1))


def _history_cut(path: Path) -> None:
    rewritten(path, lambda document: document.update(history=[{**document["history"][0], "event": "re-scored"}]))


def _stray(path: Path) -> None:
    (path.parent / "payload.html").write_text("<script>")


BROKEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a value raised by hand": (_value_raised, "rows", "value is 0.999, and the values by object give 0.9"),
    "content changed under its old id": (_unsealed, "id", "the content has the id"),
    "the values of another entry": (_table_swapped, "hash", "not the one that the entry was made with"),
    "an object left out": (_case_left_out, "gap", "1 of 6 objects have no value: eval_003_mug"),
    "a sample left out": (_sample_left_out, "gap", "1 of the suite's 6 samples are not there: eval_003_mug/0"),
    "another extractor": (_signature, "signature", "the signature is not the suite's (extractor: efficientnet_lite0@"),
    "another suite": (_another_suite, "suite", "answers another question than painted-v2"),
    "a result left out": (_row_dropped, "gap", f"the primary result {KD} has no row"),
    "an interval made narrow": (_interval_narrowed, "rows", "ci_low is 0.14"),
    "a distance without an object moved": (_distance_moved, "rows", "the values by object give"),
    "a link out of the repository": (_a_link_out, "path", "this is a link"),
    "a wrong folder": (_wrong_folder, "path", "the entry lies in the wrong folder"),
    "the same entry twice": (_twice, "twice", "the same entry lies at"),
    "two active entries of a model": (_two_active, "twice", "has an active entry already"),
    "text that turns what follows": (_reversing_text, "text", "reverse the reading direction"),
    "an address that runs": (_script_address, "text", "expected a web address"),
    "100,000 characters": (_long_text, "schema", "remarks: String should have at most 4000 characters"),
    "half a file": (_no_json, "json", "not JSON as it should be"),
    "NaN": (_nan, "json", "JSON has no NaN"),
    "a key twice": (_key_twice, "json", "the key 'remarks' comes twice"),
    "a field that is none": (_unknown_field, "schema", "verified_by: Extra inputs are not permitted"),
    "11 MB": (_too_large, "size", "the entry takes 10.0 MB"),
    "pictures of another entry": (_another_sheet, "sheet", "not the one that the entry was made with"),
    "a tier that nobody gave": (_tier_claimed, "history", "the tier is 're-made', and the history tells of 'claimed'"),
    "a withdrawal undone": (_revived, "history", "disagree on whether the entry was withdrawn"),
    "a history without its beginning": (_history_cut, "history", "does not begin with the one submission"),
    "a file that belongs to nothing": (_stray, "path", "this file belongs to no entry"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_each_kind_of_broken_entry_is_found(board: Path, kind: str) -> None:
    breaks, code, told = BROKEN[kind]
    assert check_board(board)[0] == []
    breaks(entry_of(board, "mine"))
    found, _ = check_board(board)
    matching = [one for one in found if one.code == code and told in one.message]
    assert matching and matching[0].level == "error", found
    assert not [one for one in found if "theirs" in one.file or "ceiling" in one.file]
    assert main(["leaderboard", "check", str(board)]) == 1


def test_samples_that_failed_cannot_be_denied(board: Path) -> None:
    _gaps_denied(entry_of(board, "fails"))
    messages = [one.message for one in check_board(board)[0]]
    assert f"{IOU}: {IOU} counts 0 missing samples, and 1 have no pictures" not in messages
    assert any("counts 0 missing samples, and 1 have no pictures" in message for message in messages)
    assert any("n_missing is 0, and the table tells of 1 missing samples" in message for message in messages)


def test_a_finding_names_the_line(board: Path) -> None:
    path = rewritten(entry_of(board, "mine"), lambda document: row(document, IOU).update(value=0.999))
    (finding,) = check_board(board)[0]
    assert '"value": 0.999' in path.read_text().splitlines()[finding.line - 1]


def test_only_what_a_change_concerns_is_told(board: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(board.parent)
    mine, theirs = (entry_of(Path("entries"), name) for name in ("mine", "theirs"))
    for path in (mine, theirs):
        rewritten(path, lambda document: document["generator"].update(model="Better"), seal=False)
    assert main(["leaderboard", "check", "entries", "--changed", str(mine), "README.md"]) == 1
    said = capsys.readouterr().out
    assert "__mine/" in said and "__theirs/" not in said
    assert main(["leaderboard", "check", "entries", "--changed", "README.md"]) == 0


def test_an_entry_is_never_deleted(board: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(board.parent)
    gone = entry_of(Path("entries"), "theirs")
    shutil.rmtree(gone.parent)
    assert main(["leaderboard", "check", "entries", "--changed", str(gone)]) == 1
    assert "an entry is never deleted" in capsys.readouterr().out


def test_what_only_the_owner_may_do_is_pointed_out(board: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(board.parent)
    path = entry_of(Path("entries"), "mine")
    today = json.loads(path.read_text())["history"][0]["date"]
    event = {"date": today, "event": "re-scored", "by": "myself", "why": "", "facts": {}}
    rewritten(path, lambda document: document.update(tier="re-scored", history=[*document["history"], event]))
    pin = path.parents[1] / "suite.json"
    assert main(["leaderboard", "check", "entries", "--changed", str(path), "--changed", str(pin)]) == 0
    said = capsys.readouterr().out
    assert "warning: the entry says that it was re-scored" in said and "the question of a suite changed" in said


def test_pictures_under_two_names_are_a_question(board: Path) -> None:
    path = entry_of(board, "mine")
    folder = path.parent.with_name("example-lab__other")
    shutil.copytree(path.parent, folder)
    rewritten(next(folder.glob("*.json")), lambda document: document["generator"].update(model="Other"))
    findings, _ = check_board(board)
    assert {(one.level, one.code) for one in findings} == {("warning", "pictures")} and len(findings) == 2
    assert sorted(one.message[-20:] for one in findings) == [" Other (Example Lab)"[-20:], "f mine (Example Lab)"]


def test_annotations_hold_whatever_strangers_write() -> None:
    hostile = Finding("a,b:c%.json", 3, "error", "text", "one\n::error::two\r%25", "do, this")
    text = write_findings([hostile], 1, "github")
    assert text.splitlines() == [
        "::error file=a%2Cb%3Ac%25.json,line=3,title=leaderboard%3A text::one%0A::error::two%0D%2525 (do, this)",
        "1 entry: 1 error",
    ]
    document = json.loads(write_findings([hostile], 1, "json"))
    assert document["errors"] == 1 and document["findings"][0]["message"] == hostile.message


def test_usage_errors_are_no_findings(tmp_path: Path, board: Path, capsys) -> None:
    assert main(["leaderboard", "check", str(tmp_path / "nowhere")]) == 2
    assert main(["leaderboard", "check", str(board), "--format", "xml"]) == 2
    assert "one of text, json, github" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["entries"]  # noqa: PTH208
