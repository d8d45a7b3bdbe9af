"""Folders of reference pictures: which are found, what is said of the rest, and hazes that cutting out leaves."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import ReferenceSetError
from bench.extractors.catalogue import load_extractor
from bench.references.build import folder_reference, relative_names
from bench.references.pictures import centred, picture_paths
from groundwork.notes import Note

WHITE = (1.0, 1.0, 1.0)


def noise_picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8))


def test_all_picture_types_behind_links_are_found(tmp_path: Path) -> None:
    photos, disk = tmp_path / "photos", tmp_path / "disk"
    for folder in (photos, disk):
        folder.mkdir()
    for index, suffix in enumerate(("png", "bmp", "tif", "jfif", "gif", "webp")):
        kind = {"jfif": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
        noise_picture(index).save((photos, disk)[index % 2] / f"{index}.{suffix}", format=kind)
    (photos / "more").symlink_to(disk)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        assert len(picture_paths(photos)) == 6
    (photos / "phone.heic").write_bytes(b"")
    with pytest.warns(Note, match=r"1 of a type that is not read \(1 \.heic\), first phone\.heic"):
        assert len(picture_paths(photos)) == 6


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there")
def test_names_that_are_no_utf8_can_be_stored() -> None:
    name = os.fsdecode(b"photos/caf\xe9.png")
    assert relative_names([Path(name)], Path("photos")) == ("caf\\xe9.png",)


def test_copies_are_told_and_nothing_but_copies_is_refused(tmp_path: Path) -> None:
    for index in range(3):
        noise_picture(0).save(tmp_path / f"{index}.png")
    with pytest.raises(ReferenceSetError, match="all 3 pictures are the same"):
        folder_reference("photos", tmp_path, [], WHITE)
    noise_picture(1).save(tmp_path / "9.png")
    with pytest.warns(Note, match="2 of the 4 pictures"):
        folder_reference("photos", tmp_path, [], WHITE)


@pytest.mark.parametrize("haze", [1, 5, 15])
def test_a_haze_does_not_move_the_frame(haze: int) -> None:
    rgba = np.zeros((60, 80, 4), dtype=np.uint8)
    rgba[20:40, 30:50] = (200, 30, 30, 255)
    clean = centred(rgba, WHITE)
    rgba[..., 3] = np.maximum(rgba[..., 3], haze)
    hazy = centred(rgba, WHITE)
    assert hazy.shape == clean.shape
    np.testing.assert_array_equal(hazy, clean)


def test_almost_opaque_is_opaque() -> None:
    rgba = np.full((40, 60, 4), 255, dtype=np.uint8)
    rgba[0, 0, 3] = 254
    assert centred(rgba, WHITE).shape == (40, 40, 3)


def test_photographs_that_are_not_cut_out_are_told_where_it_matters(tmp_path: Path) -> None:
    for index in range(3):
        picture = noise_picture(index)
        if index == 2:
            picture = Image.new("RGB", (48, 48), "white")
            picture.paste(noise_picture(9), (12, 12))
        picture.save(tmp_path / f"{index}.png")
    texture, interior = (load_extractor(f"efficientnet_lite0_{name}", "cpu", True) for name in ("texture", "interior"))
    with pytest.warns(Note, match="2 of the 3 pictures .* fill their frame .* efficientnet_lite0_interior takes all"):
        folder_reference("photos", tmp_path, [interior], WHITE)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        folder_reference("photos", tmp_path, [texture], WHITE)
