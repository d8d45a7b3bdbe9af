"""Colour profiles, gamma and depth on the way to sRGB, held against the definitions of the spaces."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from groundwork.errors import ImageError
from groundwork.pictures import decode_picture, decode_rgba, decode_texture

# columns of RGB -> XYZ at D50, and one gamma for all channels
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def profile(columns=None, gamma: float = 2.2) -> bytes:
    """An ICC profile of three primaries (or grey, without `columns`), in the least words that readers accept."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"t\0" + b"\0" * 79, b"cprt": b"text\0\0\0\0none\0"}
    tags[b"wtpt"] = xyz((0.9642, 1.0, 0.8249))
    if columns is None:
        tags[b"kTRC"] = curve
    else:
        for name, column in zip(b"rgb", columns, strict=True):
            tags[bytes([name]) + b"XYZ"], tags[bytes([name]) + b"TRC"] = xyz(column), curve
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + b"\0" * (-len(content) % 4)
        table, body, at = table + name + struct.pack(">II", at, len(content)), body + padded, at + len(padded)
    space = b"GRAY" if columns is None else b"RGB "
    head = struct.pack(">I4sI4s4s4s", at, b"none", 0x02100000, b"mntr", space, b"XYZ ") + b"\0" * 12 + b"acsp"
    head += b"\0" * 28 + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def srgb_of(stored: np.ndarray, columns, gamma: float = 2.2) -> np.ndarray:
    """What the values mean, by the definition of a matrix profile; colours outside sRGB are clipped."""
    light = (stored / 255.0) ** gamma
    linear = np.clip(light @ np.array(columns) @ np.linalg.inv(np.array(SRGB)), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("columns", [DISPLAY_P3, ADOBE_RGB])
def test_rgb_profiles_are_converted(columns) -> None:
    stored = np.random.default_rng(0).integers(60, 200, (16, 16, 3), dtype=np.uint8)
    found = decode_picture(encoded(Image.fromarray(stored), icc_profile=profile(columns)), "x")
    assert np.abs(found - srgb_of(stored, columns)).max() <= 2
    assert np.abs(found.astype(int) - stored).max() > 8


def test_textures_are_as_stored() -> None:
    stored = np.random.default_rng(3).integers(60, 200, (8, 8, 3), dtype=np.uint8)
    found = decode_texture(encoded(Image.fromarray(stored), icc_profile=profile(DISPLAY_P3)), "x")
    np.testing.assert_array_equal(found[..., :3], stored)


def test_alpha_stays_and_palettes_are_converted() -> None:
    stored = np.random.default_rng(1).integers(60, 200, (8, 8, 4), dtype=np.uint8)
    found = decode_rgba(encoded(Image.fromarray(stored), icc_profile=profile(DISPLAY_P3)), "x")
    np.testing.assert_array_equal(found[..., 3], stored[..., 3])
    assert np.abs(found[..., :3] - srgb_of(stored[..., :3], DISPLAY_P3)).max() <= 2
    flat = Image.new("RGB", (4, 4), (200, 40, 40)).quantize(4)
    reddened = decode_picture(encoded(flat, icc_profile=profile(DISPLAY_P3)), "x")
    assert np.abs(reddened - srgb_of(np.array(flat.convert("RGB")), DISPLAY_P3)).max() <= 2


def test_srgb_by_any_profile_keeps_its_bytes() -> None:
    stored = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(decode_picture(encoded(Image.fromarray(stored), icc_profile=srgb), "x"), stored)


def test_grey_profiles_and_16_bits() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    deep = decode_picture(encoded(Image.fromarray(ramp)), "x")
    np.testing.assert_array_equal(deep[..., 0], ramp >> 8)
    linear = decode_picture(encoded(Image.fromarray((ramp >> 8).astype(np.uint8)), icc_profile=profile(gamma=1.0)), "x")
    light = (ramp >> 8) / 255.0
    wanted = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(linear[..., 1] - wanted).max() <= 2


def test_a_gamma_without_profile_is_honoured() -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100000))
    stored = np.full((2, 2, 3), 55, dtype=np.uint8)
    found = decode_picture(encoded(Image.fromarray(stored), pnginfo=info), "x")
    assert abs(int(found[0, 0, 0]) - 128) <= 1  # 21.5 % of the light is the middle of sRGB


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded(Image.new("RGB", (2, 2)), icc_profile=b"not a profile" * 20), "profile cannot be read"),
        (encoded(Image.new("RGB", (2, 2)), icc_profile=profile()), "profile is for grey pictures"),
        (encoded(Image.new("CMYK", (2, 2)), "JPEG"), "CMYK without a colour profile"),
        (encoded(Image.new("CMYK", (2, 2)), "JPEG", icc_profile=profile(SRGB)), "profile is for RGB pictures"),
        (encoded(Image.fromarray(np.array([[70000, 1]], dtype=np.int32)), "TIFF"), "whole numbers of 32 bits"),
        (encoded(Image.fromarray(np.array([[200, 1]], dtype=np.int32)), "TIFF"), "whole numbers of 32 bits"),
    ],
)
def test_what_cannot_be_honoured_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode_picture(content, "x")


def with_chunk(content: bytes, kind: bytes, data: bytes) -> bytes:
    """A PNG with one more chunk before its pixels."""
    made = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content[:33] + made + content[33:]


def chromaticities(*numbers: float) -> bytes:
    return struct.pack(">8I", *(round(100_000 * number) for number in numbers))


P3_PRIMARIES = chromaticities(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB_PRIMARIES = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
STORED = np.random.default_rng(3).integers(0, 256, (12, 12, 3), dtype=np.uint8)


def test_primaries_told_without_a_profile() -> None:
    plain = encoded(Image.fromarray(STORED))
    wide = with_chunk(with_chunk(plain, b"cHRM", P3_PRIMARIES), b"gAMA", struct.pack(">I", 45455))
    by_profile = srgb_of(STORED, DISPLAY_P3, 2.2)
    found = decode_picture(wide, "x").astype(float)
    assert np.abs(found - by_profile).mean() < 2, "a power of 2.2 is not quite the curve of sRGB"
    np.testing.assert_array_equal(decode_picture(with_chunk(plain, b"cICP", bytes([12, 13, 0, 1])), "x"), found)
    curved = with_chunk(with_chunk(plain, b"cHRM", P3_PRIMARIES), b"gAMA", struct.pack(">I", round(1e5 / 1.8)))
    assert np.abs(decode_picture(curved, "x") - srgb_of(STORED, DISPLAY_P3, 1.8)).max() < 3
    for same in ((b"cHRM", SRGB_PRIMARIES), (b"cICP", bytes([1, 13, 0, 1]))):
        np.testing.assert_array_equal(decode_picture(with_chunk(plain, *same), "x"), STORED)
    np.testing.assert_array_equal(decode_texture(wide, "x")[..., :3], STORED)


def test_adobe_rgb_as_cameras_tell_it() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    smooth = Image.fromarray(np.full((16, 16, 3), (40, 200, 60), np.uint8))
    plain = decode_picture(encoded(smooth, "JPEG", quality=100), "x")
    found = decode_picture(encoded(smooth, "JPEG", quality=100, exif=exif), "x")
    assert np.abs(found - srgb_of(plain, ADOBE_RGB, 563 / 256)).max() < 3
    assert np.abs(found.astype(int) - plain).max() > 20


@pytest.mark.parametrize("coded", [(9, 16, 0, 1), (12, 18, 0, 1), (2, 13, 0, 1), (1, 13, 0, 0)])
def test_codings_that_are_not_read_are_refused_by_name(coded) -> None:
    content = with_chunk(encoded(Image.fromarray(STORED)), b"cICP", bytes(coded))
    with pytest.raises(ImageError, match=f"cICP {coded[0]}, {coded[1]}"):
        decode_picture(content, "x")


def test_primaries_of_nothing_are_refused() -> None:
    content = with_chunk(encoded(Image.fromarray(STORED)), b"cHRM", chromaticities(0.3127, 0, *[0.3] * 6))
    with pytest.raises(ImageError):
        decode_picture(content, "x")
