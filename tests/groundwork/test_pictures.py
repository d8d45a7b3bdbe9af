"""Reading strangers' pictures: right pixels from every colour mode, a clear error for everything else."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.errors import BenchError, ImageError
from groundwork.files import write_atomically
from groundwork.pictures import composite, decode_rgba, read_picture, read_rgba, write_png

WHITE = (1.0, 1.0, 1.0)


def _noise(height: int = 7, width: int = 5, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_png_comes_back_as_it_went(tmp_path: Path) -> None:
    picture = _noise()
    write_png(tmp_path / "a" / "b.png", picture)
    write_png(tmp_path / "again.png", picture)
    np.testing.assert_array_equal(read_picture(tmp_path / "a" / "b.png"), picture)
    assert (tmp_path / "a" / "b.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.png"]


def test_alpha_is_composited_in_srgb_values() -> None:
    rgba = _noise(64, 64, 4)
    background = (1.0, 0.5, 0.0)
    alpha = rgba[..., 3:] / 255.0
    expected = rgba[..., :3] * alpha + np.array([255, 128, 0]) * (1 - alpha)
    assert np.abs(composite(rgba, background) - expected).max() <= 0.5 + 1e-9
    opaque = rgba.copy()
    opaque[..., 3] = 255
    np.testing.assert_array_equal(composite(opaque, background), rgba[..., :3])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_colour_modes_agree_with_pillow(mode: str) -> None:
    image = Image.fromarray(_noise(16, 12, 4)).convert(mode)
    np.testing.assert_array_equal(decode_rgba(_encoded(image), "x"), np.array(image.convert("RGBA")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("transparency", [None, 7])
def test_pictures_are_their_pixels_on_the_background(mode: str, transparency: int | None, tmp_path: Path) -> None:
    """Also where the file has no alpha and none is made up on the way."""
    image = Image.fromarray(_noise(16, 12, 4)).convert(mode)
    options = {} if transparency is None or mode not in ("L", "P") else {"transparency": transparency}
    (tmp_path / "x.png").write_bytes(_encoded(image, **options))
    background = (0.0, 1.0, 0.5)
    found = read_picture(tmp_path / "x.png", background)
    np.testing.assert_array_equal(found, composite(read_rgba(tmp_path / "x.png"), background))
    assert found.shape == (16, 12, 3) and found.flags.c_contiguous and found.flags.writeable


def test_palette_and_grey_transparency() -> None:
    palette = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), mode="P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    pixels = composite(decode_rgba(_encoded(palette, transparency=b"\x00\xff\x80"), "x"), WHITE)
    np.testing.assert_array_equal(pixels[0], [[255, 255, 255], [0, 255, 0], [127, 127, 255]])
    grey = Image.fromarray(np.array([[10, 20]], dtype=np.uint8))
    pixels = composite(decode_rgba(_encoded(grey, transparency=20), "x"), (0.0, 0.0, 1.0))
    np.testing.assert_array_equal(pixels[0], [[10, 10, 10], [0, 0, 255]])


def test_sixteen_bit_grey_keeps_the_high_byte() -> None:
    values = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(decode_rgba(_encoded(Image.fromarray(values)), "x")[0, :, 0], [0, 0, 1, 128, 255])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_contents_decide_and_not_the_suffix(kind: str, tmp_path: Path) -> None:
    picture = _noise(20, 30)
    (tmp_path / "view.jpg").write_bytes(_encoded(Image.fromarray(picture), kind, lossless=True))
    np.testing.assert_array_equal(read_picture(tmp_path / "view.jpg"), picture)


def test_exif_orientation_is_honoured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rows run down the right-hand side
    picture = _noise(8, 16)
    turned = decode_rgba(_encoded(Image.fromarray(picture), exif=exif), "x")[..., :3]
    np.testing.assert_array_equal(turned, np.rot90(picture, -1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_refused(kind: str, kept: float, tmp_path: Path) -> None:
    content = _encoded(Image.fromarray(_noise(64, 64)), kind)
    path = tmp_path / "view_0.png"
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ImageError, match=r"view_0\.png"):
        read_picture(path)


def test_other_formats_and_cmyk_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="PNG, JPEG, WEBP, BMP, TIFF, GIF contents"):
        decode_rgba(_encoded(Image.fromarray(_noise()), "TGA"), "x.png")
    with pytest.raises(ImageError, match="a web page"):
        decode_rgba(b"<html>not a picture</html>", "x.png")
    with pytest.raises(ImageError, match="CMYK"):
        decode_rgba(_encoded(Image.fromarray(_noise()).convert("CMYK"), "JPEG"), "x.jpg")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99), "a HEIC picture, as phones write them"),
        (b"\0\0\0\x18ftypavif" + bytes(99), "an AVIF picture"),
        (b"\x76\x2f\x31\x01" + bytes(99), "an OpenEXR picture"),
        (b"#?RADIANCE\n" + bytes(99), "a Radiance HDR picture"),
        (b"<?xml version='1.0'?><svg/>", "an SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><p>404", "a web page"),
        (b"\0\0\0\x18ftypisom" + bytes(99), "a video"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, kind: str) -> None:
    with pytest.raises(ImageError, match=f"the file is {kind}"):
        decode_rgba(content, "x.png")


def test_animations_are_refused() -> None:
    frames = [Image.fromarray(_noise(seed=seed)) for seed in range(2)]
    with pytest.raises(ImageError, match="animated"):
        decode_rgba(_encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]), "x.webp")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8193, 11000, 40000, 2**31 - 1])
def test_bombs_are_refused_before_they_are_decoded(side: int) -> None:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(bytes(100))) + _chunk(b"IEND", b"")
    with pytest.raises(ImageError, match="too large"):
        decode_rgba(bomb, "bomb.png")


def test_files_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="not a regular file"):
        read_picture(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="not a regular file"):
        read_picture(tmp_path / "pipe.png")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.data())
def test_broken_bytes_never_escape_as_another_error(kind: str, data: st.DataObject) -> None:
    content = bytearray(_encoded(Image.fromarray(_noise(24, 24)), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode_rgba(bytes(content), "x").shape[2] == 4
    except BenchError as error:
        assert isinstance(error, ImageError)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_only_pictures_are_written(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not a picture"):
        write_png(tmp_path / "x.png", np.zeros(shape, dtype=np.uint8))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "scores"
    write_atomically(target, b"old")

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_real_cutouts_keep_their_alpha(shared_data: Path) -> None:
    path = sorted((shared_data / "photo_cutouts").glob("*.png"))[0]
    rgba = read_rgba(path)
    assert 0 < (rgba[..., 3] > 0).mean() < 1
    assert (read_picture(path, (0.0, 1.0, 0.0))[rgba[..., 3] == 0] == [0, 255, 0]).all()
