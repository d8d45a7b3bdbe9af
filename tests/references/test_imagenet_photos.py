"""Every layout in which people keep ImageNet's validation set, and tables of classes, right and wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from bench.errors import InputError, ReferenceSetError
from bench.references.imagenet.classes import ImagenetClass, imagenet_classes, read_classes_map
from bench.references.imagenet.photos import validation_photos
from groundwork.notes import Note

CLASSES = (
    ImagenetClass(0, "n01440764", "tench"),
    ImagenetClass(1, "n01443537", "goldfish"),
    ImagenetClass(2, "n04356056", "sunglasses"),
    ImagenetClass(3, "n04355933", "sunglasses"),
)
WANTED = {"n01440764": (2, 4), "n01443537": (1,), "n04356056": (3,)}


def _archive(folder: Path, numbers: int = 4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, numbers + 1):
        (folder / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(b"")
    (folder / "readme.md").write_text("x")
    return folder


def _found(folder: Path, labels: Path | None = None) -> dict[str, tuple[int, ...]]:
    photos = validation_photos(folder, CLASSES, labels)
    return {synset: tuple(int(path.stem[-8:]) for path in paths) for synset, paths in photos.items()}


def _meta(path: Path) -> None:
    """The development kit's table: ids in no order, and ids beyond 1000 for inner nodes."""
    rows = [(3, "n01440764"), (1, "n01443537"), (2, "n04356056"), (1001, "n00001740")]
    dtype = [("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)]
    table = np.array([(float(i), w, 0.0) for i, w in rows], dtype=dtype)
    savemat(path, {"synsets": table.reshape(-1, 1)})


def test_linked_folders_and_junk_beside_photographs(tmp_path: Path) -> None:
    disk = _archive(tmp_path / "disk", 2)
    (disk / "._ILSVRC2012_val_00000001.JPEG").write_bytes(b"")
    (disk / "more.heic").write_bytes(b"")
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "n01440764").symlink_to(disk)
    with pytest.warns(Note, match=r"1 of a type that is not read"):
        assert _found(tmp_path) == {"n01440764": (1, 2)}


@pytest.mark.parametrize("below", ["", "val", "ILSVRC/Data/CLS-LOC/val"])
def test_folders_by_synset(tmp_path: Path, below: str) -> None:
    for synset, numbers in WANTED.items():
        (tmp_path / below / synset).mkdir(parents=True)
        for number in numbers:
            (tmp_path / below / synset / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(b"")
    (tmp_path / below / "n04355933").mkdir()  # empty: as good as absent
    (tmp_path / below / "notes").mkdir()
    assert _found(tmp_path) == WANTED


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "val_map.txt",
            "ILSVRC2012_val_00000001.JPEG n01443537\nILSVRC2012_val_00000002.JPEG n01440764\n\n"
            "ILSVRC2012_val_00000003.JPEG n04356056\nILSVRC2012_val_00000004.JPEG n01440764\n",
        ),
        (
            "val.txt",
            "ILSVRC2012_val_00000001.JPEG 1\nval/ILSVRC2012_val_00000002.JPEG 0\n"
            "ILSVRC2012_val_00000003.JPEG 2\nILSVRC2012_val_00000004.JPEG 0\nILSVRC2012_val_00000005.JPEG 3\n",
        ),
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\nILSVRC2012_val_00000001,n01443537 85 1 499 272 \n"
            "ILSVRC2012_val_00000003,n04356056 1 2 3 4 n04356056 5 6 7 8 \nILSVRC2012_val_00000004,n01440764 1 2 3 4 \n"
            "ILSVRC2012_val_00000002,n01440764 1 2 3 4 \n",
        ),
    ],
)
def test_flat_archives_with_a_table(tmp_path: Path, name: str, text: str) -> None:
    _archive(tmp_path / "val")
    (tmp_path / name).write_text(text)
    assert _found(tmp_path) == WANTED
    assert _found(tmp_path / "val") == WANTED  # the table beside the folder
    moved = tmp_path / "elsewhere" / ("my" + Path(name).suffix)
    moved.parent.mkdir()
    (tmp_path / name).rename(moved)
    assert _found(tmp_path, moved) == WANTED
    with pytest.raises(ReferenceSetError, match="no table says"):
        _found(tmp_path)


def test_flat_archive_with_the_development_kit(tmp_path: Path) -> None:
    _archive(tmp_path / "val")
    kit = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n3\n2\n3\n")
    with pytest.raises(ReferenceSetError, match=r"meta\.mat"):
        _found(tmp_path)
    _meta(kit / "meta.mat")
    assert _found(tmp_path) == WANTED
    (kit / "meta.mat").write_bytes(b"MATLAB 5.0 MAT-file, or not")
    with pytest.raises(ReferenceSetError, match=r"meta\.mat"):
        _found(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ILSVRC2012_val_00000001.JPEG n99999999\n", "'n99999999' is not a class"),
        ("ILSVRC2012_val_00000001.JPEG 4\n", "'4' is not a class"),
        ("ILSVRC2012_val_00000001.JPEG 1\n", "no label for 3 of 4 photographs, ILSVRC2012_val_00000002.JPEG"),
        ("cat.jpg 1\n", "does not label"),
        ("n01440764\n", "does not label"),
        ("", "no label for 4"),
        ("\udcff", "cannot be read"),
    ],
)
def test_tables_that_do_not_fit(tmp_path: Path, text: str, complaint: str) -> None:
    _archive(tmp_path)
    (tmp_path / "val.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReferenceSetError, match=complaint):
        _found(tmp_path)


def test_no_photographs(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ReferenceSetError, match="no ImageNet validation photographs"):
            _found(folder)


def test_classes_are_the_published_thousand() -> None:
    pytest.importorskip("open_clip")
    pytest.importorskip("timm")
    classes = imagenet_classes()
    assert [entry.number for entry in classes] == list(range(1000))
    assert [entry.synset for entry in classes] == sorted({entry.synset for entry in classes})
    known = {0: ("n01440764", "tench"), 849: ("n04398044", "teapot"), 954: ("n07753592", "banana")}
    assert {n: (classes[n].synset, classes[n].name) for n in known} == known


def test_map_of_classes(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text("\ufeffclass,case,note\nTench,a,x\n1,b,\nn04355933,b,\n1,b,again\n", encoding="utf-8")
    found = read_classes_map(table, ("a", "b"), CLASSES)
    assert {case: [entry.number for entry in some] for case, some in found.items()} == {"a": [0], "b": [1, 3]}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("case,class\na,tench\n", r"no class for 1 case\(s\): b"),
        ("case,class\na,tench\nc,tench\n", "no prompt for case 'c'"),
        ("case,class\na,tinch\n", "did you mean 'tench'"),
        ("case,class\na,sunglasses\n", "names several"),
        ("case,class\na\n", "is not a class"),
        ("case,kind\na,tench\n", "case and class"),
        ("case,class\n", "no lines"),
        ("", "no lines"),
    ],
)
def test_maps_that_do_not_fit(tmp_path: Path, text: str, complaint: str) -> None:
    table = tmp_path / "map.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_classes_map(table, ("a", "b"), CLASSES)
    with pytest.raises(InputError, match="cannot be read"):
        read_classes_map(tmp_path / "none.csv", ("a",), CLASSES)
