"""Plain PNG files decoded without Pillow: the pixels that Pillow finds, or a decision to leave the file to it."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bench.errors import ImageError
from groundwork import pictures, plain_png
from groundwork.plain_png import decode_plain_png, few_cores

MOST = 10_000
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _image(mode: str = "RGB", height: int = 9, width: int = 13) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _png(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", **options)
    return stream.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _with(content: bytes, name: bytes, body: bytes, at: int = 33) -> bytes:
    """`content` with one more chunk, by default right after its header."""
    return content[:at] + _chunk(name, body) + content[at:]


def _by_pillow(content: bytes, monkeypatch: pytest.MonkeyPatch) -> np.ndarray | str:
    monkeypatch.setattr(pictures, "few_cores", lambda: False)
    return _read(content)


def _by_either(content: bytes, monkeypatch: pytest.MonkeyPatch) -> np.ndarray | str:
    monkeypatch.setattr(pictures, "few_cores", lambda: True)
    return _read(content)


def _read(content: bytes) -> np.ndarray | str:
    try:
        return pictures.decode_rgba(content, "x")
    except ImageError as error:
        return str(error)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"compress_level": 9}, {"dpi": (72, 72)}])
def test_plain_files_hold_what_pillow_finds_in_them(mode: str, options: dict[str, object]) -> None:
    image = _image(mode)
    found = decode_plain_png(_png(image, **options), MOST)
    np.testing.assert_array_equal(found, np.asarray(image))
    assert found.dtype == np.uint8 and found.flags.writeable and found.flags.c_contiguous


def test_tagged_as_srgb_is_plain_and_so_is_what_follows_the_end() -> None:
    content = _with(_png(_image()), b"sRGB", b"\0")
    np.testing.assert_array_equal(decode_plain_png(content + b"more", MOST), np.asarray(_image()))


EXIF = Image.Exif()
EXIF[0x0112] = 6  # turned by a quarter
TEXT = PngImagePlugin.PngInfo()
TEXT.add_text("Software", "a renderer")


@pytest.mark.parametrize(
    "content",
    [
        *(_png(_image(mode)) for mode in ("1", "L", "LA", "P", "I;16")),
        _png(_image(), transparency=(1, 2, 3)),
        _png(_image(), exif=EXIF),
        _png(_image(), pnginfo=TEXT),
        _with(_png(_image()), b"gAMA", struct.pack(">I", 100_000)),
        _with(_png(_image()), b"cHRM", struct.pack(">8I", *(100_000,) * 8)),
        _with(_png(_image()), b"cICP", bytes([9, 16, 0, 1])),
        _with(_png(_image()), b"eXIf", EXIF.tobytes()[6:], at=len(_png(_image())) - 12),  # after the pixels
        _png(_image(), save_all=True, append_images=[_image().rotate(180)]),
        SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 1)) + _chunk(b"IEND", b""),  # interlaced
        _png(_image(height=101, width=100)),
        *(_with(_png(_image()), name, b"") for name in (b"sRGB", b"pHYs", b"tIME")),  # too short
        _with(_png(_image()), b"sRGB", b"\0").replace(_chunk(b"sRGB", b"\0"), _chunk(b"sRGB", b"\0")[:-4] + b"sums"),
        b"",
        b"GIF89a",
        SIGNATURE,
    ],
)
def test_all_others_are_left_to_pillow(content: bytes) -> None:
    assert decode_plain_png(content, MOST) is None


def test_a_header_that_promises_too_much_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("kornia_rs.io.decode_image_png_u8", lambda content, size, mode: asked.append(size))
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    content = SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")
    assert decode_plain_png(content, pictures.MAX_PIXELS) is None and asked == []
    with pytest.raises(ImageError, match="pixels"):
        pictures.decode_rgba(content, "x")
    decode_plain_png(_png(_image()), 9 * 13)
    assert decode_plain_png(_png(_image()), 9 * 13 - 1) is None and asked == [(9, 13)]


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("sound_chunks", [True, False])
def test_broken_files_are_told_in_one_voice(kept: float, sound_chunks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off within a chunk, or with chunks that are whole around pixels that are not."""
    if sound_chunks:
        raw = zlib.compress(b"".join(b"\0" + row.tobytes() for row in np.asarray(_image())))
        header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 13, 9, 8, 2, 0, 0, 0))
        content = SIGNATURE + header + _chunk(b"IDAT", raw[: int(kept * len(raw))]) + _chunk(b"IEND", b"")
    else:
        whole = _png(_image())
        content = whole[: int(kept * len(whole))]
    assert decode_plain_png(content, MOST) is None
    told = _by_either(content, monkeypatch)
    assert "truncated or broken" in told and told == _by_pillow(content, monkeypatch)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3), st.booleans())
def test_damaged_bytes_never_give_other_pixels_than_pillow(changes: list[tuple[float, int]], repaired: bool) -> None:
    """Whatever the bytes: None, or Pillow's pixels. `repaired`: with right checksums of chunks, as a forger makes."""
    damaged = bytearray(_png(_image()))
    for where, value in changes:
        damaged[int(where * (len(damaged) - 1))] = value
    content = _repaired(bytes(damaged)) if repaired else bytes(damaged)
    found = decode_plain_png(content, MOST)
    if found is None:
        return
    with Image.open(io.BytesIO(content)) as image:
        try:
            image.load()
        except OSError as error:  # zlib's own checksum, which kornia-rs leaves to that of the chunk
            assert repaired and "broken data stream" in str(error)
        else:
            np.testing.assert_array_equal(found, np.asarray(image))


def _repaired(content: bytes) -> bytes:
    at, out = 8, content[:8]
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        if at + 12 + length > len(content):
            break
        out += _chunk(content[at + 4 : at + 8], content[at + 8 : at + 8 + length])
        at += 12 + length
    return out + content[at:]


def test_only_few_cores_decode_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores in (1, plain_png.MOST_CORES, plain_png.MOST_CORES + 1):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert few_cores() == (cores <= plain_png.MOST_CORES)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert few_cores()


def test_pictures_are_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (_png(_image()), _png(_image("RGBA")), _png(_image("P")), _png(_image(), exif=EXIF)):
        np.testing.assert_array_equal(_by_either(content, monkeypatch), _by_pillow(content, monkeypatch))
