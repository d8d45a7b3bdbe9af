"""Archives of strangers: their pictures are found in every layout that a run has, and nothing leaves its place."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.leaderboard.rescoring import opening
from bench.leaderboard.rescoring.opening import Wanted, open_pictures
from groundwork.errors import InputError

WANTED = Wanted(frozenset({"egg", "box"}), (0, 3), 2)
NAMES = [f"{case}/seed_{seed}/view_{view}.png" for case in ("egg", "box") for seed in (0, 3) for view in (0, 1)]


def zipped(path: Path, names: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            info = zipfile.ZipInfo(name)
            change(info)
            archive.writestr(info, content)
    return path


def tarred(path: Path, names: dict[str, bytes], mode: str = "w", **fields) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in fields.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return path


def laid_out(root: Path) -> dict[str, bytes]:
    found = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return {name.removeprefix("g/"): content for name, content in found.items()}


@pytest.mark.parametrize("prefix", ["", "pictures/", "run/samples/mine/"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_pictures_are_found(tmp_path: Path, prefix: str, kind: str) -> None:
    content = {prefix + name: name.encode() for name in NAMES}
    content |= {prefix + "egg/seed_0/sample.json": b"{}", prefix + "README.md": b"", prefix + "cow/view_0.png": b"x"}
    content |= {prefix + "egg/seed_9/view_0.png": b"x", prefix + "egg/seed_0/view_7.png": b"x"}
    source = tmp_path / f"it.{kind}"
    if kind == "folder":
        for name, text in content.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(text)
    elif kind == "zip":
        zipped(source, content)
    else:
        tarred(source, content, "w:gz" if kind == "tar.gz" else "w")
    assert open_pictures(source, tmp_path / "out", "g", WANTED) == len(NAMES)
    assert laid_out(tmp_path / "out") == {name: name.encode() for name in NAMES}


def test_one_seed_needs_no_folder_of_its_own(tmp_path: Path) -> None:
    source = zipped(tmp_path / "it.zip", {"egg/view_0.png": b"a", "box/view_1.png": b"b"})
    open_pictures(source, tmp_path / "out", "g", WANTED)
    assert laid_out(tmp_path / "out") == {"egg/seed_0/view_0.png": b"a", "box/seed_0/view_1.png": b"b"}


def _half(folder: Path) -> Path:
    whole = tarred(folder / "it.tar", {"egg/view_0.png": b"x" * 9000})
    whole.write_bytes(whole.read_bytes()[:3000])
    return whole


def _symlink(info: zipfile.ZipInfo) -> None:
    info.external_attr = 0o120777 << 16


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a path above": (lambda p: zipped(p / "it.zip", {"../egg/view_0.png": b"x"}), "leads out"),
    "a path in the middle": (lambda p: zipped(p / "it.zip", {"egg/../../box/view_0.png": b"x"}), "leads out"),
    "an absolute path": (lambda p: tarred(p / "it.tar", {"/egg/view_0.png": b"x"}), "leads out"),
    "a drive": (lambda p: zipped(p / "it.zip", {"C:/egg/view_0.png": b"x"}), "leads out"),
    "backslashes": (lambda p: zipped(p / "it.zip", {"..\\egg\\view_0.png": b"x"}), "leads out"),
    "a link in a zip": (lambda p: zipped(p / "it.zip", {"egg/view_0.png": b"/etc"}, _symlink), "a link or a device"),
    "a link in a tar": (
        lambda p: tarred(p / "it.tar", {"egg/view_0.png": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "a link or a device",
    ),
    "a hard link": (
        lambda p: tarred(p / "it.tar", {"egg/view_0.png": b""}, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        "a link or a device",
    ),
    "a pipe": (lambda p: tarred(p / "it.tar", {"egg/view_0.png": b""}, type=tarfile.FIFOTYPE), "a link or a device"),
    "a picture twice": (
        lambda p: tarred(p / "it.tar", {"a/egg/view_0.png": b"x", "b/egg/view_0.png": b"y"}), "there twice",
    ),
    "no pictures": (lambda p: zipped(p / "it.zip", {"readme.txt": b"x"}), "no picture of the suite's cases"),
    "half an archive": (lambda p: _half(p), "cannot be read"),
    "no archive": (lambda p: Path((p / "it.zip").write_text("hello") and p / "it.zip"), "neither a folder"),
    "nothing": (lambda p: p / "nothing.zip", "there is no such file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_refused_writes_nothing_outside(tmp_path: Path, kind: str) -> None:
    make, told = HOSTILE[kind]
    source = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=told):
        open_pictures(source, tmp_path / "out", "g", WANTED)
    assert sorted(path for path in tmp_path.iterdir() if path.name != "out") == before


def test_bombs_do_not_go_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 10_000)
    zeros = bytes(200_000)
    for source in (
        zipped(tmp_path / "one.zip", {"egg/view_0.png": zeros}),
        tarred(tmp_path / "one.tar.gz", {"egg/view_0.png": zeros}, "w:gz"),
        tarred(tmp_path / "two.tar.gz", {"ballast": zeros}, "w:gz"),  # passed over, and decompressed all the same
    ):
        with pytest.raises(InputError, match=r"larger than|unpacks to more"):
            open_pictures(source, tmp_path / "out", "g", WANTED)
    monkeypatch.setattr(opening, "MOST_MEMBERS", 100)
    with pytest.raises(InputError, match="more files than"):
        open_pictures(zipped(tmp_path / "many.zip", {f"f{i}": b"" for i in range(200)}), tmp_path / "out", "g", WANTED)


def test_a_zip_that_lies_about_its_sizes_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 10_000)
    source = zipped(tmp_path / "it.zip", {"egg/view_0.png": bytes(200_000)})
    content = source.read_bytes().replace((200_000).to_bytes(4, "little"), (9_000).to_bytes(4, "little"))
    source.write_bytes(content)
    with pytest.raises(InputError):
        open_pictures(source, tmp_path / "out", "g", WANTED)
    assert all(len(content) <= 10_000 for content in laid_out(tmp_path / "out").values())


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "it" / "egg").mkdir(parents=True)
    (tmp_path / "it" / "egg" / "view_0.png").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="it holds a link"):
        open_pictures(tmp_path / "it", tmp_path / "out", "g", WANTED)
