import errno
import os
from pathlib import Path

import pytest

from bench.cli import main
from groundwork.files import remove_leftovers, write_atomically


def test_a_failed_write_leaves_the_old_file_and_names_it(tmp_path, monkeypatch):
    target = tmp_path / "deep" / "scores.parquet"
    write_atomically(target, b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(target, b"new")
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert [path.name for path in target.parent.iterdir()] == ["scores.parquet"]


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path / "summary.json", b"{}")
    assert caught.value.filename == str(tmp_path / "summary.json")
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_what_the_system_refuses_is_told_with_its_place(tmp_path: Path, mesh_folder: Path, capsys):
    (tmp_path / "file").write_text("")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"{{name: a, version: 1, task: texturing, cases: {{source: meshes, path: '{mesh_folder}'}},"
        " generators: [{name: c, use: ceiling}], metrics: [silhouette_iou]}"
    )
    assert main(["run", str(suite), "--out", str(tmp_path / "file" / "run")]) == 2
    said = capsys.readouterr().err
    assert "Not a directory" in said and str(tmp_path / "file") in said and "the same command" in said


def test_leftovers_of_a_kill_are_removed_and_nothing_else(tmp_path):
    folder = tmp_path / "samples" / "a"
    folder.mkdir(parents=True)
    left = folder / ".view_0.png.0123abcd.part"
    writing, foreign = folder / ".view_1.png.0123abcd.part", folder / ".mine.part"
    for path in (left, writing, foreign, folder / "view_0.png"):
        path.write_bytes(b"x")
    for path in (left, foreign):
        os.utime(path, (0, 0))
    assert remove_leftovers(tmp_path) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted([writing.name, foreign.name, "view_0.png"])
