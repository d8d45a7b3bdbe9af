"""Withdrawn and superseded entries stay, with their reason, under their id."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from board_edits import entry_of, rewritten

from bench.cli import main
from bench.leaderboard.checking import check_board


def newer(path: Path) -> Path:
    """A second entry of the same model."""
    for suffix in (".json", ".parquet", ".webp"):
        shutil.copy(path.with_suffix(suffix), path.with_name("0" * 64 + suffix))
    return rewritten(path.with_name("0" * 64 + ".json"), lambda document: document.update(remarks="new weights"))


def test_a_withdrawal_keeps_content_id_and_says_why(board: Path) -> None:
    path = entry_of(board, "mine")
    before = json.loads(path.read_text())
    assert (
        main(["leaderboard", "withdraw", str(path.parent), "--why", "A wrong checkpoint.", "--author", "A. Nyone"]) == 0
    )
    after = json.loads(path.read_text())
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"state", "history"} and after["history"][:1] == before["history"]
    assert after["state"]["withdrawn"]["why"] == "A wrong checkpoint." and after["history"][1]["by"] == "A. Nyone"
    assert check_board(board)[0] == []


def test_an_older_entry_makes_room(board: Path) -> None:
    path = entry_of(board, "mine")
    later = newer(path)
    assert [one.code for one in check_board(board)[0]] == ["twice"]
    assert main(["leaderboard", "supersede", str(path), "--by", str(later), "--author", "us"]) == 0
    assert check_board(board)[0] == []
    after = json.loads(path.read_text())
    assert after["state"] == {"active": False, "superseded_by": later.stem, "withdrawn": None}
    assert after["history"][-1]["facts"] == {"later": later.stem}
    # a superseded entry can still turn out to be wrong
    assert main(["leaderboard", "withdraw", str(path), "--why", "wrong cameras", "--author", "us"]) == 0
    assert check_board(board)[0] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["withdraw", "MINE", "--why", "x"], "at least 3 characters"),
        (["withdraw", "MINE", "--why", "bad\u202etxt."], "reverse the reading direction"),
        (["supersede", "MINE", "--by", "MINE"], "cannot supersede itself"),
        (["withdraw", "NOWHERE", "--why", "reason"], "there is no such file"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(board: Path, words: list[str], told: str, capsys) -> None:
    path = entry_of(board, "mine")
    before = path.read_bytes()
    known = {"MINE": str(path), "NOWHERE": str(board / "nothing.json")}
    assert main(["leaderboard", *(known.get(word, word) for word in words), "--author", "us"]) == 2
    assert told in capsys.readouterr().err and path.read_bytes() == before


def test_nobody_withdraws_twice_or_supersedes_by_what_is_gone(board: Path, capsys) -> None:
    mine, theirs = entry_of(board, "mine"), entry_of(board, "theirs")
    assert main(["leaderboard", "withdraw", str(mine), "--why", "a reason", "--author", "us"]) == 0
    assert main(["leaderboard", "withdraw", str(mine), "--why", "a reason", "--author", "us"]) == 2
    assert main(["leaderboard", "supersede", str(theirs), "--by", str(mine), "--author", "us"]) == 2
    assert "takes part no longer itself" in capsys.readouterr().err


def test_an_entry_that_was_edited_is_not_signed_anew(board: Path, capsys) -> None:
    path = rewritten(entry_of(board, "mine"), lambda document: document.update(remarks="better"), seal=False)
    before = path.read_bytes()
    assert main(["leaderboard", "withdraw", str(path), "--why", "a reason", "--author", "us"]) == 2
    assert "the content has the id" in capsys.readouterr().err and path.read_bytes() == before
