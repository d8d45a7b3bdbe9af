"""Colours that a file tells by its primaries instead of a profile: PNG's cICP and cHRM, cameras' Adobe RGB in EXIF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from groundwork.errors import ImageError

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x, y of white, red, green, blue
_ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_BY_CODE = {  # ITU-T H.273, as cICP counts: primaries with the white point D65
    1: _SRGB,
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_SRGB_CURVE, _FULL_RANGE_RGB = 13, (0, 1)
_CLOSE = 0.005  # of chromaticities that are told by rounded numbers
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_INTEROPERABILITY = 0xA005


@dataclass(frozen=True)
class Gamut:
    """`chromaticities`: x, y of white, red, green, blue; values are light to the power `gamma` (None: sRGB's curve)."""

    chromaticities: tuple[float, ...]
    gamma: float | None


def told_gamut(image: Image.Image, content: bytes, where: str) -> Gamut | None:
    """What the file says of its primaries; None where they are sRGB's, or are not told. `content` are the file's bytes.

    Raises `ImageError` for a coding that is not read, such as HDR's.
    """
    coded = _coded(content) if image.format == "PNG" else None
    if coded is not None:
        primaries, curve, *rest = coded
        known = _BY_CODE.get(primaries)
        if known is None or curve != _SRGB_CURVE or tuple(rest) != _FULL_RANGE_RGB:
            raise ImageError(
                f"the colours are coded by cICP {primaries}, {curve}, {rest[0]}, {rest[1]}, which is not read",
                where=where,
                expected="primaries 1, 9 or 12 with the curve of sRGB (13)",
                hint="save the picture as sRGB, with 8 bits a channel",
            )
        return None if known == _SRGB else Gamut(known, None)
    if "icc_profile" in image.info or "srgb" in image.info:
        return None
    if _interoperability(image).get(1) == "R03":
        return Gamut(_ADOBE, 256 / 563)
    told = tuple(float(one) for one in image.info.get("chromaticity", ()))
    if len(told) != 8 or max(abs(a - b) for a, b in zip(told, _SRGB, strict=True)) <= _CLOSE:
        return None
    if min(told[1::2]) <= 0:
        raise ImageError("the picture's primaries are no colours", where=where, hint="save the picture as sRGB")
    gamma = float(image.info.get("gamma") or 0.45455)
    return Gamut(told, None if abs(gamma - 0.45455) < 0.001 else gamma)


def to_srgb_primaries(pixels: Pixels, gamut: Gamut) -> Pixels:
    """Pixels (H, W, 3) of that gamut as sRGB; colours outside of it are cut off at its edge."""
    levels = np.arange(256) / 255.0
    if gamut.gamma is None:
        light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    else:
        light = levels ** (1 / gamut.gamma)
    matrix = np.linalg.inv(_to_xyz(_SRGB)) @ _to_xyz(gamut.chromaticities)
    steps = np.arange(4096) / 4095.0
    curve = np.where(steps <= 0.0031308, 12.92 * steps, 1.055 * steps ** (1 / 2.4) - 0.055)
    found = np.empty_like(pixels)
    for row, line in enumerate(pixels):  # one by one: floats of a large picture are eight times its size
        mixed = np.clip(light[line] @ matrix.T, 0.0, 1.0)
        found[row] = np.rint(255.0 * np.interp(mixed, steps, curve))
    return found


def _to_xyz(chromaticities: tuple[float, ...]) -> Matrix:
    """Linear RGB to XYZ under D65, (3, 3); other white points are adapted (Bradford)."""
    xy = np.array(chromaticities).reshape(4, 2)
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    matrix = primaries * np.linalg.solve(primaries, white)
    d65 = np.array([0.3127 / 0.329, 1.0, (1 - 0.3127 - 0.329) / 0.329])
    gain = np.diag((_BRADFORD @ d65) / (_BRADFORD @ white))
    adapted: Matrix = np.linalg.inv(_BRADFORD) @ gain @ _BRADFORD @ matrix
    return adapted


def _coded(content: bytes) -> tuple[int, ...] | None:
    """The four numbers of a PNG's cICP chunk, which stands before its pixels."""
    at = 8
    while at + 12 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"cICP" and length == 4:
            return tuple(content[at + 8 : at + 12])
        if kind == b"IDAT":
            return None
        at += 12 + length
    return None


def _interoperability(image: Image.Image) -> Mapping[int, object]:
    try:
        found: Mapping[int, object] = image.getexif().get_ifd(_INTEROPERABILITY)
    except KeyError:  # what Pillow 11 says of a picture without such tags
        return {}
    return found
