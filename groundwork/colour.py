"""From the colours that a picture file stores to sRGB: profiles, gamma, depth. What cannot be honoured is refused.

A phone's photograph holds Display P3 values, a print's CMYK: read as sRGB they are off by up to a hundred levels.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from groundwork.errors import ImageError
from groundwork.gamut import Gamut, to_srgb_primaries

Pixels = npt.NDArray[np.uint8]

_CONVERTIBLE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK")
_SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B")
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of profiles, and Pillow's mode for each
_SRGB_GAMMA = 0.45455
_SAME = 2  # levels of 255: a profile that moves no colour by more is another wording of sRGB


def to_srgb(image: Image.Image, where: str, as_stored: bool = False, gamut: Gamut | None = None) -> Pixels:
    """Pixels of a decoded picture as sRGB, uint8 (H, W, 3), or (H, W, 4) where it has transparency.

    Primaries told without a profile (`gamut`) are honoured, else an embedded profile (perceptual intent), else a PNG's
    gamma; files that have none of these hold sRGB. With `as_stored` all are ignored, as glTF asks for in textures (but
    what is CMYK has no other way). Raises `ImageError` for colour modes, depths and profiles that cannot be honoured.
    """
    if image.mode in _SIXTEEN_BIT:
        image = _eight_bits(image, where)
    as_stored = as_stored and image.mode != "CMYK"
    profile = None if as_stored else image.info.get("icc_profile")
    if image.mode not in _CONVERTIBLE or (image.mode == "CMYK" and not profile):
        lacks = " without a colour profile" if image.mode == "CMYK" else ""
        raise ImageError(
            f"pictures of colour mode {image.mode}{lacks} are not read",
            where=where,
            expected="grey, palette, RGB or RGBA; CMYK with its profile",
            hint="convert it to RGB with its own colour profile; without that its colours are a guess",
        )
    mode = "RGBA" if image.has_transparency_data else "RGB"
    found = np.array(image if image.mode == mode else image.convert(mode))  # converting to the same mode is a copy
    gamma = None if as_stored else image.info.get("gamma")
    if gamut is not None:
        found[..., :3] = to_srgb_primaries(found[..., :3], gamut)
    elif profile:
        found[..., :3] = _by_profile(image, bytes(profile), where)
    elif gamma and "srgb" not in image.info and abs(float(gamma) - _SRGB_GAMMA) > 0.02:
        found[..., :3] = _by_gamma(float(gamma))[found[..., :3]]
    return found


def _eight_bits(image: Image.Image, where: str) -> Image.Image:
    """The high byte, which is also what Pillow keeps of 16-bit colour."""
    if image.mode == "I" and image.format == "TIFF":  # a PNG of 16 bits may have that mode too
        raise ImageError(
            "the picture holds whole numbers of 32 bits, or signed ones",
            where=where,
            expected="8 or 16 bits a channel, without sign",
            hint="what is white in it cannot be known: save it with 8 or 16 bits",
        )
    values = np.asarray(image).astype(np.int64)
    if values.size and not (values.min() >= 0 and values.max() < 2**16):
        raise ImageError(
            f"the picture's values run from {values.min()} to {values.max()}",
            where=where,
            expected="8 or 16 bits a channel",
        )
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    grey.info = dict(image.info)
    return grey


def _by_profile(image: Image.Image, profile: bytes, where: str) -> Pixels:
    mode, transform = _transform(profile)
    if mode is None:
        raise ImageError(
            "the picture's colour profile cannot be read",
            where=where,
            expected="an ICC profile for grey, RGB or CMYK",
            hint="save the picture as sRGB, or strip the profile if its values are sRGB",
        )
    coloured = image.mode not in ("1", "L", "LA")
    if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and coloured):
        raise ImageError(
            f"the picture is {image.mode}, its colour profile is for {'grey' if mode == 'L' else mode} pictures",
            where=where,
            hint="save the picture as sRGB, or strip the profile if its values are sRGB",
        )
    stored = image.convert("RGBA").convert(mode) if image.mode in ("P", "PA") else image.convert(mode)
    if transform is not None:
        from PIL import ImageCms

        stored = ImageCms.applyTransform(stored, transform) or stored
    return np.array(stored.convert("RGB"))


@lru_cache(maxsize=64)
def _transform(profile: bytes) -> tuple[str | None, Any]:
    """Which mode a profile is for, and the way from there to sRGB; no mode where it is unusable, no way for sRGB."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES.get(source.profile.xcolor_space)
        if mode is None:
            return None, None
        # for one channel the usual table of few nodes is off by up to 10 levels in the dark
        exact = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", flags=exact)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, None
    if mode == "RGB":
        levels = np.linspace(0, 255, 9).astype(np.uint8)
        lattice = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        moved = np.asarray(ImageCms.applyTransform(Image.fromarray(lattice), transform))
        if np.abs(moved.astype(int) - lattice).max() <= _SAME:
            return mode, None
    return mode, transform


@lru_cache(maxsize=16)
def _by_gamma(gamma: float) -> Pixels:
    """sRGB bytes by stored byte, for values that are light to the power of `gamma`."""
    light = (np.arange(256) / 255.0) ** (1.0 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255.0 * encoded).astype(np.uint8)
