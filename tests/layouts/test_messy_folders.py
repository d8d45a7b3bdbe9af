"""Folders as they are after months of work: each is read right, or refused by name with a listing of what is there."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cases.case import Case
from bench.errors import BenchError
from bench.generators.folder import FolderGenerator, FolderOptions
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.suite.cameras import cameras_of
from bench.suite.views import Views
from groundwork.notes import Note

SIZE = 16
WHITE = (1.0, 1.0, 1.0)
CAMERAS = cameras_of(Views(resolution=SIZE))


def views(seed: int = 0) -> np.ndarray:
    found = np.full((4, SIZE, SIZE, 3), 255, dtype=np.uint8)
    found[:, 4:-4, 4:-4] = np.random.default_rng(seed).integers(0, 200, (4, SIZE - 8, SIZE - 8, 3))
    return found


def put(path: Path, picture: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)


def read(root: Path, case: str = "mug", seed: int = 0, **options: object) -> np.ndarray:
    cases = (Case(case, "a mug", None),)
    context = GeneratorContext(cases, CAMERAS, WHITE, "cpu", Path("/"))
    generator = FolderGenerator("theirs", FolderOptions(path=root, **options), context)
    generator.fingerprint()
    request = GenerationRequest(cases[0], CAMERAS, seed, WHITE, (0,) * 4, None)
    return next(iter(generator.generate([request]))).views


def mixed_suffixes(root: Path) -> None:
    for index, view in enumerate(views()):
        suffix = (".png", ".PNG", ".webp", ".bmp")[index]
        put(root / "mug" / f"{index}{suffix}", view, **({"lossless": True} if suffix == ".webp" else {}))


def left_behind(root: Path) -> None:
    plain(root)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._view_0.png"):
        (root / "mug" / name).write_bytes(b"x")
    (root / "__MACOSX" / "mug").mkdir(parents=True)
    (root / "__MACOSX" / "mug" / "._view_0.png").write_bytes(b"x")
    put(root / ".thumbnails" / "view_0.png", views(9)[0])


def plain(root: Path) -> None:
    for index, view in enumerate(views()):
        put(root / "mug" / f"view_{index}.png", view)


def logs_beside(root: Path) -> None:
    plain(root)
    (root / "mug" / "prompt.txt").write_text("a mug")
    (root / "mug" / "config.yaml").write_text("seed: 0")
    (root / "log.out").write_text("done")


def without_padding(root: Path) -> None:
    """Ten views, of which the suite's are 0, 2, 9 and 10: by number, not by name."""
    for index in range(11):
        put(root / "mug" / f"{index}.png", views()[{0: 0, 2: 1, 9: 2, 10: 3}.get(index, 0)])


def seeds_in_folders(root: Path) -> None:
    for seed in (0, 1):
        for index, view in enumerate(views(1 - seed)):
            put(root / "mug" / f"seed_{seed}" / f"view_{index}.png", view)


def linked(root: Path) -> None:
    for index, view in enumerate(views()):
        put(root.parent / "disk" / f"view_{index}.png", view)
    root.mkdir(exist_ok=True)
    (root / "mug").symlink_to(root.parent / "disk")
    (root / "old").symlink_to(root / "nowhere")


def sheets_beside(root: Path) -> None:
    plain(root)
    put(root / "contact_sheet.png", np.concatenate(list(views()), axis=1))


READ: list[tuple[str, Callable[[Path], None], dict[str, object]]] = [
    ("suffixes of all kinds and capitals", mixed_suffixes, {}),
    ("what systems leave behind", left_behind, {}),
    ("texts and logs beside", logs_beside, {}),
    ("numbers without padding", without_padding, {"take": (0, 2, 9, 10)}),
    ("seeds in folders", seeds_in_folders, {"seed": 1}),
    ("linked folders, and a link to nothing", linked, {}),
    ("a contact sheet and a README.png beside the cases", sheets_beside, {}),
]


@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
@pytest.mark.parametrize(("build", "options"), [pytest.param(b, o, id=n) for n, b, o in READ])
def test_read_right(build, options, tmp_path):
    build(tmp_path / "made")
    np.testing.assert_array_equal(read(tmp_path / "made", **options), views())


def test_what_is_beside_is_told(tmp_path):
    sheets_beside(tmp_path / "made")
    with pytest.warns(Note, match=r"1 pictures of .* fit no pattern and are left out, first contact_sheet\.png"):
        read(tmp_path / "made")


@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("named", ["NFC", "NFD"])
def test_accents_stored_otherwise(stored, named, tmp_path):
    """Files from a Mac hold decomposed accents; a suite typed elsewhere holds composed ones."""
    case = unicodedata.normalize(named, "théière")
    for index, view in enumerate(views()):
        put(tmp_path / "made" / unicodedata.normalize(stored, "théière") / f"view_{index}.png", view)
    np.testing.assert_array_equal(read(tmp_path / "made", case), views())


def copied(root: Path) -> None:
    plain(root)
    put(root / "mug" / "view_0 (1).png", views(3)[0])


def twice(root: Path) -> None:
    plain(root)
    put(root / "mug" / "view_0.jpg", views()[0])


def empty(root: Path) -> None:
    plain(root)
    (root / "mug" / "view_2.png").write_bytes(b"")


def renamed_phone(root: Path) -> None:
    plain(root)
    (root / "mug" / "view_2.png").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))


def lost(root: Path) -> None:
    plain(root)
    (root / "mug" / "view_2.png").unlink()
    (root / "mug" / "view_2.png").symlink_to(root / "gone.png")


def pointers(root: Path) -> None:
    plain(root)
    (root / "mug" / "view_1.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def too_deep(root: Path) -> None:
    for index, view in enumerate(views()):
        put(root / "2024-05-01" / "final_v2" / "mug" / f"view_{index}.png", view)


def blanks(root: Path) -> None:
    for index, view in enumerate(views()):
        put(root / "mug" / f"view {index} final.png", view)


def small_too(root: Path) -> None:
    plain(root)
    put(root / "mug" / "view_3.png", views()[0, ::2, ::2].copy())


REFUSED: list[tuple[str, Callable[[Path], None], str]] = [
    ("one picture as two types", twice, "two pictures claim to be view_0: view_0.jpg, view_0.png"),
    ("an empty file", empty, "empty"),
    ("a phone's picture called PNG", renamed_phone, "HEIC"),
    ("a link to nothing", lost, "view 2 of case 'mug' is missing"),
    ("a pointer of Git LFS", pointers, "Git LFS"),
    ("folders above the cases", too_deep, "2024-05-01"),
    ("blanks in names", blanks, "view 0 final.png"),
    ("a thumbnail among the views", small_too, "8 x 8"),
]


@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
@pytest.mark.parametrize(("build", "said"), [pytest.param(b, s, id=n) for n, b, s in REFUSED])
def test_refused_by_name(build, said, tmp_path):
    build(tmp_path / "made")
    with pytest.raises(BenchError) as caught:
        read(tmp_path / "made")
    assert said in str(caught.value) and os.fspath(tmp_path / "made") in str(caught.value)


@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
def test_a_copy_by_hand_does_not_take_the_place_of_the_view(tmp_path):
    copied(tmp_path / "made")
    np.testing.assert_array_equal(read(tmp_path / "made"), views())


@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
@pytest.mark.parametrize(
    "build", [too_deep, blanks, seeds_in_folders, copied, left_behind, empty], ids=lambda b: b.__name__
)
def test_inspect_reads_what_is_odd_but_whole(build, tmp_path, capsys):
    """What it finds is read by the options that it prints; a picture that is broken does not end it."""
    import json

    import yaml

    from bench.cli import main

    build(tmp_path / "made")
    if build is empty:
        for index, view in enumerate(views(4)):
            put(tmp_path / "made" / "zebra" / f"view_{index}.png", view)
    assert main(["inspect", str(tmp_path / "made"), "--json"]) == 0
    entry = yaml.safe_load(json.loads(capsys.readouterr().out)["entry"])[0]
    options = {key: value for key, value in entry.items() if key not in ("name", "use", "path")}
    if build is not empty:
        expected = views(1) if build is seeds_in_folders else views()
        np.testing.assert_array_equal(read(tmp_path / "made", **options), expected)
