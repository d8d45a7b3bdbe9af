"""One walk over folders of pictures: links, loops, junk, and what is named as left out."""

from __future__ import annotations

from pathlib import Path

from groundwork.walk import every_file, walk

PNG = (".png",)


def _names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk(root, PNG).files]


def test_linked_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    for folder in (root / "a", disk / "deep"):
        folder.mkdir(parents=True)
        (folder / "x.PNG").write_bytes(b"")
    (root / "b").symlink_to(disk)
    (disk / "deep" / "up").symlink_to(disk)
    (root / "a" / "round").symlink_to(root)
    (root / "a" / "gone").symlink_to(tmp_path / "nothing")
    assert _names(root) == ["a/x.PNG", "b/deep/x.PNG"]
    assert "3 links that lead nowhere or in a circle, first a/gone" in walk(root, PNG).left_out()


def test_the_same_folder_behind_two_links_is_there_twice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "x.png").write_bytes(b"")
    root = tmp_path / "root"
    root.mkdir()
    for name in ("one", "two"):
        (root / name).symlink_to(tmp_path / "disk")
    assert _names(root) == ["one/x.png", "two/x.png"]


def test_junk_and_pictures_of_other_types_are_named(tmp_path: Path) -> None:
    (tmp_path / "__MACOSX").mkdir()
    for name in (
        "__MACOSX/x.png",
        "._a.png",
        ".hidden.png",
        "Thumbs.db",
        "a.png",
        "b.HEIC",
        "c.heic",
        "d.zip",
        "notes.txt",
    ):
        (tmp_path / name).write_bytes(b"")
    found = walk(tmp_path, PNG)
    assert _names(tmp_path) == ["a.png"]
    assert "3 of a type that is not read (2 .heic, 1 .zip), first b.HEIC" in found.left_out()
    assert "(._*, Thumbs.db, __MACOSX)" in found.left_out()


def test_every_file_is_in_a_folders_identity(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    for folder in (root / "a", disk):
        folder.mkdir(parents=True)
        (folder / ".config").write_bytes(b"")
    (root / "unet").symlink_to(disk)
    (disk / "up").symlink_to(root)
    assert [path.relative_to(root).as_posix() for path in every_file(root)] == ["a/.config", "unet/.config"]
