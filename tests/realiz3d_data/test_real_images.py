"""Real pictures: captions beside them or in a table, sizes, grids of four, shards that other tools wrote."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from realiz3d.data import RealImages, ResumableLoader, SeededBatches, TensorCache, collate_real, content_key
from realiz3d.errors import DataError, InputError, UsageError


def picture(width: int, height: int, seed: int, form: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format=form)
    return encoded.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "pets").mkdir(parents=True)
    for number, name in enumerate(("pets/cat", "pets/dog", "boat", "car", "tree", "house")):
        (root / f"{name}.png").write_bytes(picture(16, 16, number))
        (root / f"{name}.txt").write_text(f"a photo of a {Path(name).name}\n")
    return root


def test_captions_beside_the_pictures(photos: Path) -> None:
    images = RealImages(photos, resolution=16)
    assert images.ids == ("boat", "car", "house", "pets/cat", "pets/dog", "tree")
    cat = images[3]
    assert (cat.id, cat.caption, cat.image.shape) == ("pets/cat", "a photo of a cat", (3, 16, 16))
    pixels = np.array(Image.open(photos / "pets/cat.png"))
    assert torch.equal(((cat.image + 1) * 127.5).round().to(torch.uint8), torch.from_numpy(pixels).permute(2, 0, 1))


def test_captions_in_a_table(photos: Path) -> None:
    for text in photos.rglob("*.txt"):
        text.unlink()
    names = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    table = photos / "captions.csv"
    table.write_text("caption,file\n" + "".join(f'"the {name}, seen",{name}\n' for name in names))
    images = RealImages(photos, resolution=16)
    assert images[3].caption == "the pets/cat.png, seen"
    (photos / "tree.txt").write_text("a tree")
    with pytest.raises(DataError, match="captions are given twice"):
        RealImages(photos, resolution=16)
    (photos / "tree.txt").unlink()
    table.write_text(table.read_text().replace("tree.png", "treee.png"))
    with pytest.raises(DataError, match=r"no picture 'treee\.png'") as caught:
        RealImages(photos, resolution=16)
    assert "captions.csv:7" in caught.value.where and "tree.png" in caught.value.hint


def spoil(name: str, content: bytes | None) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        if content is None:
            (root / name).unlink()
        else:
            (root / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil("car.txt", None), "'car' has no caption"),
        (spoil("car.txt", b""), "caption is empty"),
        (spoil("car.png", picture(20, 16, 0)), "20 x 16 pixels"),
        (spoil("car.png", b"GIF89a"), "not a picture"),
        (spoil("car.jpg", picture(16, 16, 0, "JPEG")), "two pictures are called 'car'"),
        (spoil("captions.csv", b"file\ncar.png\n"), "captions are given twice"),
        (spoil("manifest.json", b'{"complete": false}'), "not finished"),
    ],
)
def test_mistakes_are_named(photos: Path, change: Callable[[Path], None], message: str) -> None:
    change(photos)
    with pytest.raises(InputError, match=message):
        RealImages(photos, resolution=16)[1]


def test_other_sizes_are_fitted_only_when_asked(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = (0, 255, 0)
    Image.fromarray(wide).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("green")
    with pytest.raises(DataError, match="choose fit"):
        RealImages(tmp_path, resolution=12)[0]
    with pytest.raises(UsageError, match="did you mean 'crop'"):
        RealImages(tmp_path, resolution=12, fit="croop")  # type: ignore[arg-type]
    cropped = RealImages(tmp_path, resolution=12, fit="crop")[0].image
    assert cropped.shape == (3, 12, 12) and torch.allclose(cropped[:, 6, 6], torch.tensor([-1.0, 1.0, -1.0]))
    padded = RealImages(tmp_path, resolution=12, fit="pad")[0].image
    assert (padded[:, 0] == 1).all() and (padded[:, 6, 0] == -1).all() and padded[1, 6, 6] > 0.9
    assert RealImages(tmp_path, resolution=12).fingerprint() != RealImages(tmp_path, resolution=16).fingerprint()


def test_four_arbitrary_pictures_fill_a_grid(photos: Path) -> None:
    images = RealImages(photos, resolution=16)
    loader = ResumableLoader(images, SeededBatches(len(images), 2 * 4, seed=1), collate_real)
    steps = iter(loader)
    batches = [next(steps) for _ in range(3)]
    assert batches[0].images.shape == (2, 4, 3, 16, 16)
    seen = [name for batch in batches for grid in batch.ids for name in grid]
    assert sorted(seen[:6]) == sorted(images.ids) and sorted(seen[6:12]) == sorted(images.ids)
    first = images[images.ids.index(batches[0].ids[1][2])]
    assert torch.equal(batches[0].images[1, 2], first.image) and batches[0].captions[1][2] == first.caption
    with pytest.raises(UsageError, match="do not fill grids of 4"):
        collate_real([images[0]] * 6)


def test_shards_that_webdataset_wrote(photos: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    (tmp_path / "tars").mkdir()
    with webdataset.TarWriter(str(tmp_path / "tars/0.tar")) as writer:
        for number in range(3):
            pair = {"jpg": picture(16, 16, number, "JPEG"), "txt": f"number {number}", "json": {"extra": 1}}
            writer.write({"__key__": f"pic{number}", **pair})
    images = RealImages(tmp_path / "tars", resolution=16)
    assert images.ids == ("pic0", "pic1", "pic2") and images[2].caption == "number 2"


def test_the_cache_keeps_by_content(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    cache = TensorCache(tmp_path)
    key = content_key("vae v1", b"pixels")
    assert key != content_key("vae v1p", b"ixels") and cache.get(key) is None
    cache.put(key, {"latent": torch.arange(6.0).reshape(2, 3)})
    found = cache.get(key)
    assert found is not None and torch.equal(found["latent"], torch.arange(6.0).reshape(2, 3))
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"half")
    assert cache.get(key) is None
    with pytest.raises(UsageError, match="not a key"):
        cache.get("../../etc/passwd")


def test_linked_folders_are_part_of_the_data(photos: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "ship.png").write_bytes(picture(16, 16, 9))
    (disk / "ship.txt").write_text("a ship")
    (photos / "more").symlink_to(disk)
    (disk / "round").symlink_to(disk)
    images = RealImages(photos, resolution=16)
    assert len(images) == 7 and images[images.ids.index("more/ship")].caption == "a ship"


def test_the_fingerprint_tells_replaced_pictures_and_captions(photos: Path) -> None:
    before = RealImages(photos, resolution=16).fingerprint()
    content = (photos / "boat.png").read_bytes()
    (photos / "boat.png").write_bytes(picture(16, 16, 77))
    assert RealImages(photos, resolution=16).fingerprint() != before
    (photos / "boat.png").write_bytes(content)
    assert RealImages(photos, resolution=16).fingerprint() == before
    (photos / "boat.txt").write_text("a photo of a bath")
    assert RealImages(photos, resolution=16).fingerprint() != before
