from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cases.case import Case
from bench.errors import ImageError, InputError, UsageError
from bench.generators.folder import FolderGenerator, FolderOptions
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras

SIZE = 16


@pytest.fixture
def views() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


def write(root: Path, case: str, views: np.ndarray, suffix: str = ".png") -> Path:
    folder = root / case
    folder.mkdir(parents=True)
    for index, view in enumerate(views):
        Image.fromarray(view).save(
            folder / f"view_{index}{suffix}", **({"lossless": True} if suffix == ".webp" else {})
        )
    return folder


def read(root: Path, case: str = "cow", seed: int = 0, background=(1.0, 1.0, 1.0), **options) -> np.ndarray:
    cases = (Case("cow", "a cow", None), Case("sofa", "a sofa", None))
    context = GeneratorContext(cases, view_cameras(resolution=SIZE), background, "cpu", Path("/"))
    generator = FolderGenerator("theirs", FolderOptions(path=root, **options), context)
    wanted = next(c for c in cases if c.id == case)
    request = GenerationRequest(wanted, context.cameras, seed, background, (0,) * 4, None)
    return next(iter(generator.generate([request]))).views


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_views_come_back_as_they_are(tmp_path, views, suffix):
    write(tmp_path, "cow", views, suffix)
    assert np.array_equal(read(tmp_path), views)


def test_jpeg_is_read(tmp_path, views):
    smooth = np.broadcast_to(np.linspace(0, 255, SIZE).astype(np.uint8)[None, :, None], (SIZE, SIZE, 3))
    write(tmp_path, "cow", np.stack([smooth] * 4), ".jpg")
    assert np.abs(read(tmp_path).astype(int) - smooth).max() < 8


def test_seed_folders(tmp_path, views):
    write(tmp_path / "cow", "seed_0", views)
    write(tmp_path / "cow", "seed_3", views[::-1])
    assert np.array_equal(read(tmp_path, seed=3), views[::-1])
    with pytest.raises(ImageError, match="seed 1"):
        read(tmp_path, seed=1)


def test_grid_is_read_row_by_row(tmp_path, views):
    (tmp_path / "cow").mkdir()
    grid = np.concatenate([np.concatenate([views[0], views[1]], 1), np.concatenate([views[2], views[3]], 1)], 0)
    Image.fromarray(grid).save(tmp_path / "cow" / "grid.png")
    assert np.array_equal(read(tmp_path), views)


def test_alpha_is_laid_over_the_background(tmp_path, views):
    folder = tmp_path / "cow"
    folder.mkdir()
    for index, view in enumerate(views):
        alpha = np.zeros((SIZE, SIZE, 1), np.uint8)
        alpha[:8] = 255
        Image.fromarray(np.concatenate([view, alpha], -1)).save(folder / f"view_{index}.png")
    found = read(tmp_path, background=(0.0, 1.0, 0.0))
    assert (found[:, 8:] == (0, 255, 0)).all()
    assert np.array_equal(found[:, :8], views[:, :8])


def test_missing_view(tmp_path, views):
    (write(tmp_path, "cow", views) / "view_2.png").unlink()
    with pytest.raises(ImageError, match="view 2 of case 'cow' is missing") as caught:
        read(tmp_path)
    assert "view_2.png" in caught.value.where


def test_missing_case(tmp_path, views):
    write(tmp_path, "cow", views)
    with pytest.raises(ImageError, match="no images of case 'sofa'"):
        read(tmp_path, "sofa")


def test_wrong_size_is_never_resized(tmp_path, views):
    write(tmp_path, "cow", views[:, :12])
    with pytest.raises(ImageError, match="16 x 12 pixels") as caught:
        read(tmp_path)
    assert "16 x 16" in caught.value.expected


def test_grid_of_wrong_size(tmp_path, views):
    (tmp_path / "cow").mkdir()
    Image.fromarray(views[0]).save(tmp_path / "cow" / "grid.png")
    with pytest.raises(ImageError, match="16 x 16 pixels"):
        read(tmp_path)


def test_blank_view(tmp_path, views):
    views[1] = 255
    write(tmp_path, "cow", views)
    with pytest.raises(ImageError, match="blank"):
        read(tmp_path)


def test_truncated_view(tmp_path, views):
    path = write(tmp_path, "cow", views) / "view_3.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError, match="truncated"):
        read(tmp_path)


def test_surplus_view_is_noticed(tmp_path, views):
    write(tmp_path, "cow", np.concatenate([views, views[:1]]))
    with pytest.raises(ImageError, match="more views"):
        read(tmp_path)


def test_two_pictures_of_one_view(tmp_path, views):
    folder = write(tmp_path, "cow", views)
    Image.fromarray(views[0]).save(folder / "view_0.jpg")
    with pytest.raises(ImageError, match="two pictures"):
        read(tmp_path)


def test_unknown_case_names_the_nearest(tmp_path, views):
    write(tmp_path, "cow", views)
    write(tmp_path, "soffa", views)
    with pytest.raises(InputError, match="did you mean 'sofa'"):
        read(tmp_path)


@pytest.mark.parametrize("make", [lambda root: None, lambda root: root.mkdir()])
def test_no_folder_or_an_empty_one(tmp_path, make):
    make(tmp_path / "images")
    with pytest.raises(InputError):
        read(tmp_path / "images")


def test_fingerprint_follows_the_pictures_not_the_place(tmp_path, views):
    def fingerprint(root: Path) -> str:
        context = GeneratorContext((Case("cow", "", None),), view_cameras(resolution=SIZE), (1, 1, 1), "cpu", Path("/"))
        return FolderGenerator("x", FolderOptions(path=root), context).fingerprint()

    write(tmp_path / "a", "cow", views)
    write(tmp_path / "b", "cow", views)
    write(tmp_path / "c", "cow", views[::-1])
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b") != fingerprint(tmp_path / "c")


def test_suffix_may_be_in_capitals(tmp_path, views):
    folder = write(tmp_path, "cow", views)
    (folder / "view_2.png").rename(folder / "view_2.PNG")
    assert np.array_equal(read(tmp_path), views)


def test_surplus_view_is_noticed_behind_a_gap(tmp_path, views):
    folder = write(tmp_path, "cow", views)
    Image.fromarray(views[0]).save(folder / "view_6.png")
    with pytest.raises(ImageError, match="more views") as caught:
        read(tmp_path)
    assert "view_6.png" in caught.value.where


def test_grid_beside_single_views_is_not_chosen_silently(tmp_path, views):
    folder = write(tmp_path, "cow", views)
    Image.fromarray(np.vstack([np.hstack(views[:2]), np.hstack(views[2:])])).save(folder / "grid.png")
    with pytest.raises(ImageError, match="both a grid and single views"):
        read(tmp_path)


def test_seed_0_in_two_places_is_not_chosen_silently(tmp_path, views):
    write(tmp_path, "cow", views)
    write(tmp_path / "cow", "seed_0", views[::-1])
    with pytest.raises(ImageError, match="seed 0 twice"):
        read(tmp_path)


@pytest.mark.parametrize(("rows", "columns", "taken"), [(1, 6, (0, 2, 3, 4)), (3, 2, (5, 0, 1, 2)), (1, 4, None)])
def test_the_suites_views_are_taken_from_a_grid(tmp_path, rows, columns, taken):
    """A strip of six as MV-Adapter writes it; three rows of two as Zero123++ does."""
    made = np.random.default_rng(1).integers(0, 256, (rows * columns, SIZE, SIZE, 3), dtype=np.uint8)
    grid = np.vstack([np.hstack(row) for row in made.reshape(rows, columns, SIZE, SIZE, 3)])
    (tmp_path / "cow").mkdir()
    Image.fromarray(grid).save(tmp_path / "cow" / "grid.png")
    found = read(tmp_path, grid=(rows, columns), take=taken)
    assert np.array_equal(found, made if taken is None else made[list(taken)])


def test_the_suites_views_are_taken_from_single_pictures(tmp_path):
    made = np.random.default_rng(1).integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)
    write(tmp_path, "cow", made)
    assert np.array_equal(read(tmp_path, take=(4, 0, 1, 2)), made[[4, 0, 1, 2]])
    with pytest.raises(ImageError, match="view 9 of case 'cow' is missing") as caught:
        read(tmp_path, take=(4, 0, 1, 9))
    assert "view_4, view_0, view_1, view_9" in caught.value.expected
    with pytest.raises(ImageError, match="more views than the suite's 4") as caught:
        read(tmp_path)
    assert "take: [0, 2" in caught.value.hint


def test_what_grid_and_take_cannot_mean(tmp_path, views):
    (tmp_path / "cow").mkdir()
    Image.fromarray(np.hstack(views)).save(tmp_path / "cow" / "grid.png")
    with pytest.raises(ImageError, match="16 pixels") as caught:
        read(tmp_path)
    assert caught.value.expected == "32 x 32: 2 x 2 views of 16 x 16"
    with pytest.raises(ImageError, match="a grid of 1 x 3 holds 3 views, the suite has 4") as caught:
        read(tmp_path, grid=(1, 3))
    assert "grid: [rows, columns]" in caught.value.hint
    with pytest.raises(ImageError, match="holds 4 views"):
        read(tmp_path, grid=(1, 4), take=(0, 1, 2, 4))
    with pytest.raises(UsageError, match="`take` names 3 views, the suite has 4"):
        read(tmp_path, grid=(1, 4), take=(0, 1, 2))
    with pytest.raises(UsageError, match="names a view twice"):
        read(tmp_path, grid=(1, 4), take=(0, 1, 2, 0))


def test_how_pictures_are_read_is_part_of_the_fingerprint(tmp_path, views):
    write(tmp_path, "cow", views)
    context = GeneratorContext((Case("cow", "a cow", None),), view_cameras(resolution=SIZE), (1, 1, 1), "cpu", Path())
    options = ({}, {"take": (0, 1, 2, 3)}, {"take": (1, 0, 2, 3)}, {"grid": (1, 4)})
    prints = [FolderGenerator("x", FolderOptions(path=tmp_path, **o), context).fingerprint() for o in options]
    assert len(set(prints)) == 4
