"""Reference sets: framing, building, finding, and every way in which a set may not fit."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import ImageError, ReferenceSetError, UsageError
from bench.extractors.catalogue import load_extractor
from bench.extractors.feature_cache import features_of
from bench.extractors.protocol import Extractor
from bench.geometry.cameras import view_cameras
from bench.references.build import LOCKS, build_reference, folder_reference
from bench.references.library import FOLDER_VARIABLE, SHIPPED, list_references, load_reference
from bench.references.pictures import FRAME, centred, picture_paths, reference_picture
from bench.references.reference_set import digest_of
from groundwork.hashing import hash_array
from groundwork.lock import FolderHeld, hold_folder
from groundwork.pictures import read_picture, write_png

WHITE = (1.0, 1.0, 1.0)
LEVELS = ("efficientnet_lite0", "efficientnet_lite0_texture")


@pytest.fixture
def extractors() -> list[Extractor]:
    return [load_extractor(name) for name in LEVELS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cut-outs in a tree, a file that is no picture, and hidden rubbish."""
    random = np.random.default_rng(0)
    root = tmp_path / "photos"
    (root / "deep" / "er").mkdir(parents=True)
    for index, name in enumerate(("b.png", "deep/a.png", "deep/er/c.webp")):
        rgba = random.integers(0, 256, (40 + index, 60, 4), dtype=np.uint8)
        rgba[..., 3] = 0
        rgba[5:20, 10 : 30 + index, 3] = 255
        Image.fromarray(rgba).save(root / name, lossless=True)
    (root / "notes.txt").write_text("not a picture")
    (root / "._b.png").write_bytes(b"resource fork")
    (root / ".thumbnails").mkdir()
    write_png(root / ".thumbnails" / "b.png", np.zeros((8, 8, 3), dtype=np.uint8))
    return root


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    return tmp_path / "library"


def test_cutouts_are_centred_and_fill_the_frame_like_a_view() -> None:
    rgba = np.zeros((200, 300, 4), dtype=np.uint8)
    rgba[17:77, 40:140] = (10, 20, 30, 255)  # 60 x 100
    picture = centred(rgba, (0.0, 1.0, 0.0))
    assert picture.shape == (146, 146, 3)
    inside = (picture == (10, 20, 30)).all(axis=-1)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (43, 102, 23, 122)
    assert (picture[~inside] == (0, 255, 0)).all()


def test_frame_is_that_of_the_default_cameras() -> None:
    cameras = view_cameras()
    unit_in_pixels = cameras.intrinsics[:, 0, 0] / cameras.world_to_camera[:, 2, 3]
    np.testing.assert_allclose(cameras.resolution / unit_in_pixels, FRAME, rtol=1e-3)


def test_framing_ignores_where_the_object_was(folder: Path) -> None:
    rgba = np.asarray(Image.open(folder / "b.png"))
    moved = np.pad(rgba, ((31, 2), (0, 77), (0, 0)))
    np.testing.assert_array_equal(centred(rgba, WHITE), centred(moved, WHITE))


def test_opaque_pictures_lose_their_ends() -> None:
    rgba = np.full((3, 7, 4), 255, dtype=np.uint8)
    rgba[:, :, 0] = np.arange(7)
    np.testing.assert_array_equal(centred(rgba, WHITE)[0, :, 0], [2, 3, 4])
    with pytest.raises(ImageError, match="transparent everywhere"):
        centred(np.zeros((4, 4, 4), dtype=np.uint8), WHITE, where="x.png")


def test_pictures_are_found_in_order_and_without_rubbish(folder: Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in picture_paths(folder)]
    assert names == ["b.png", "deep/a.png", "deep/er/c.webp"]


def test_built_set_equals_the_folder(folder: Path, library: Path, extractors: list[Extractor], tmp_path: Path) -> None:
    done: list[int] = []
    provenance = build_reference(
        "mine", folder, extractors, WHITE, library, cache=tmp_path / "cache", progress=done.append
    )
    assert sum(done) == provenance.count == 3
    live = folder_reference("photos", folder, extractors, WHITE)
    for extractor in extractors:
        loaded = load_reference("mine", extractor, WHITE)
        np.testing.assert_array_equal(loaded.features, live[extractor.name].features)
        assert loaded.features.dtype == np.float32 and len(loaded) == 3
        assert loaded.digest == live[extractor.name].digest == provenance.digest
        assert loaded.clusters == live[extractor.name].clusters and len(set(loaded.clusters)) == 3
        assert (loaded.extractor, loaded.shares_objects) == (extractor.name, False)
    assert [entry.name for entry in list_references() if not entry.shipped] == ["mine"]


def test_one_process_at_a_time_makes_a_set_of_a_name(folder: Path, library: Path, extractors: list[Extractor]) -> None:
    with hold_folder(library / LOCKS / "mine", ["reference", "build"]):
        with pytest.raises(FolderHeld, match=r"(?s)another process.*reference build"):
            build_reference("mine", folder, extractors, WHITE, library)
        build_reference("other", folder, extractors, WHITE, library)
    assert [path.name for path in sorted(library.glob("*.npz"))] == ["other.npz"]


def test_digest_pins_pixels_and_nothing_else(folder: Path, extractors: list[Extractor]) -> None:
    def digest(background: tuple[float, float, float] = WHITE) -> str:
        return folder_reference("x", folder, extractors[1:], background)[LEVELS[1]].digest

    before = digest()
    (folder / "b.png").rename(folder / "z.png")
    assert digest() == before
    assert digest((0.0, 0.0, 0.0)) != before
    picture = read_picture(folder / "z.png")
    picture[0, 0] ^= 1
    write_png(folder / "z.png", picture)
    assert digest() != before


def test_copies_of_a_picture_share_a_cluster(folder: Path, extractors: list[Extractor]) -> None:
    (folder / "copy.png").write_bytes((folder / "b.png").read_bytes())
    clusters = folder_reference("x", folder, extractors[1:], WHITE)[LEVELS[1]].clusters
    assert len(clusters) == 4 and len(set(clusters)) == 3


def test_unusable_folders_are_refused(folder: Path, extractors: list[Extractor], tmp_path: Path) -> None:
    with pytest.raises(ReferenceSetError, match="does not exist"):
        folder_reference("x", tmp_path / "absent", extractors, WHITE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReferenceSetError, match="are none"):
        folder_reference("x", tmp_path / "empty", extractors, WHITE)
    write_png(tmp_path / "empty" / "one.png", np.zeros((8, 8, 3), dtype=np.uint8))
    with pytest.raises(ReferenceSetError, match="is one"):
        folder_reference("x", tmp_path / "empty", extractors, WHITE)
    (folder / "deep" / "a.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(ImageError, match=r"a\.png"):
        folder_reference("x", folder, extractors, WHITE)


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "-x", "a b", "ä", "x" * 65])
def test_names_stay_names(name: str, folder: Path, library: Path, extractors: list[Extractor]) -> None:
    with pytest.raises(UsageError, match="cannot name"):
        build_reference(name, folder, extractors, WHITE, library)
    assert not library.exists()


def test_a_set_that_does_not_fit_says_why(folder: Path, library: Path, extractors: list[Extractor]) -> None:
    pooled, texture = extractors
    build_reference("mine", folder, [texture], WHITE, library)
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        load_reference("mien", texture, WHITE)
    with pytest.raises(ReferenceSetError, match=r"(?s)another background.*#ffffff.*#808080.*folder"):
        load_reference("mine", texture, (0.5, 0.5, 0.5))
    with pytest.raises(ReferenceSetError, match="no features of extractor 'efficientnet_lite0'"):
        load_reference("mine", pooled, WHITE)

    def rewritten(**changes: object) -> None:
        record = json.loads((library / "mine.json").read_text())
        (library / "mine.json").write_text(json.dumps(record | changes))

    other = {"fingerprint": "0" * 64, "signature": "extractor=other", "features": "0" * 64}
    records = json.loads((library / "mine.json").read_text())["extractors"]
    rewritten(extractors={texture.name: other})
    with pytest.raises(ReferenceSetError, match="other weights or preprocessing"):
        load_reference("mine", texture, WHITE)
    rewritten(extractors=records, preparation="squeezed-v0")
    with pytest.raises(ReferenceSetError, match="another version"):
        load_reference("mine", texture, WHITE)
    rewritten(surprise=1)
    with pytest.raises(ReferenceSetError, match="surprise"):
        load_reference("mine", texture, WHITE)


@pytest.mark.parametrize("damage", ["value", "picture", "truncated", "pickle", "bomb"])
def test_changed_features_are_refused(damage: str, folder: Path, library: Path, extractors: list[Extractor]) -> None:
    texture = extractors[1]
    build_reference("mine", folder, [texture], WHITE, library)
    path = library / "mine.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    if damage == "value":
        arrays[f"features_{texture.name}"][0, 0] += 1e-3
    elif damage == "picture":
        arrays["pixels"][0] = "0" * 64
    elif damage == "pickle":
        arrays["pixels"] = np.array([{"a": 1}] * 3, dtype=object)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "bomb":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("x.npy", b"x")
            archive.infolist()[-1].file_size = 2**40
            archive._didModify = True
    else:
        np.savez(path, **arrays)
    with pytest.raises(ReferenceSetError, match=r"changed after it was pinned|cannot be read|unreasonable"):
        load_reference("mine", texture, WHITE)


def test_shipped_names_cannot_be_taken_over(folder: Path, library: Path, extractors: list[Extractor]) -> None:
    shipped = load_reference("photo_cutouts", extractors[1], WHITE)
    build_reference("photo_cutouts", folder, extractors, WHITE, library)
    assert load_reference("photo_cutouts", extractors[1], WHITE).digest == shipped.digest
    assert [entry.shipped for entry in list_references() if entry.name == "photo_cutouts"] == [True]


def test_shipped_set_is_small_and_says_where_it_is_from(library: Path, extractors: list[Extractor]) -> None:
    assert (SHIPPED / "photo_cutouts.npz").stat().st_size < 1_500_000
    (entry,) = [entry for entry in list_references() if entry.shipped]
    assert entry.provenance.count == 188 and entry.provenance.background == WHITE
    assert "GPL-2" in entry.provenance.source and "reference build photo_cutouts" in entry.provenance.source
    for extractor in extractors:
        reference = load_reference("photo_cutouts", extractor, WHITE)
        assert reference.features.shape == (188, extractor.dimension)


def test_shipped_set_is_what_its_pictures_give(shared_data: Path, library: Path, extractors: list[Extractor]) -> None:
    """The same pixels to the bit; features (of every sixth picture) to the rounding of another processor."""
    pictures = [reference_picture(path, WHITE) for path in picture_paths(shared_data / "photo_cutouts")]
    hashes = tuple(hash_array(picture) for picture in pictures)
    features = features_of([partial(np.copy, picture) for picture in pictures[::6]], extractors)
    for extractor in extractors:
        shipped = load_reference("photo_cutouts", extractor, WHITE)
        assert shipped.clusters == hashes
        assert shipped.digest == digest_of(hashes)
        np.testing.assert_allclose(shipped.features[::6], features[extractor.name], atol=1e-4)
