"""Pixels from files that strangers made, and lossless maps of geometry as 16-bit PNG.

Sizes are read from the header before anything is allocated, and three formats are decoded, whatever the file is called.
Pillow decodes one 16-bit channel at full depth but cuts 16-bit colour to 8 bits, so the three channels of a map lie one
below the other in a grey picture: (3 H, W), x on top.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor

from realiz3d.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 8192 * 8192
MAP_STEPS = 65535

Picture = npt.NDArray[np.uint8]
_READABLE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")


def decode_picture(content: bytes, where: str) -> Picture:
    """sRGB pixels of an encoded picture, uint8 (H, W, 3); transparency is laid over white.

    Raises `DataError` for what is empty, truncated, too large, animated, CMYK or no picture; `where` names its origin.
    """
    with _opened(content, where, FORMATS) as image:
        if image.format != "JPEG" and getattr(image, "n_frames", 1) > 1:
            raise DataError("the picture is animated", where=where, expected="one still picture a file")
        if image.mode not in _READABLE:
            raise DataError(
                f"pictures of colour mode {image.mode} are not read",
                where=where,
                expected="8-bit grey, palette, RGB or RGBA",
                hint="convert it to RGB",
            )
        rgba = np.array(_loaded(image, where).convert("RGBA"))
    if (rgba[..., 3] == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    alpha = rgba[..., 3:].astype(np.uint32)
    mixed = (rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def encode_map(values: Tensor) -> bytes:
    """A map of geometry, float (H, W, 3) in [0, 1], as the bytes of a 16-bit PNG (steps of 1.5e-5)."""
    steps = (values.double().clamp(0.0, 1.0) * MAP_STEPS).round().cpu().numpy().astype(np.uint16)
    planes = np.ascontiguousarray(steps.transpose(2, 0, 1)).reshape(-1, steps.shape[1])
    encoded = io.BytesIO()
    Image.fromarray(planes).save(encoded, format="PNG", compress_level=6)
    return encoded.getvalue()


def decode_map(content: bytes, where: str) -> Tensor:
    """What `encode_map` wrote, float32 (3, H, W) in [0, 1]. Raises `DataError`, for 8-bit maps too."""
    with _opened(content, where, ("PNG",)) as image:
        width, height = image.size
        if image.mode not in ("I;16", "I"):
            raise DataError(
                f"the map is not a 16-bit grey picture but of mode {image.mode}",
                where=where,
                expected="16-bit grey PNG of size W x 3 H: the channels x, y, z one below the other",
                hint="write maps with realiz3d.data.pictures.encode_map; eight bits would show as steps in the control",
            )
        if height % 3:
            raise DataError(f"the map is {width} x {height} pixels", where=where, expected="three times as high")
        planes = np.asarray(_loaded(image, where), dtype=np.float32).reshape(3, height // 3, width)
    return torch.from_numpy(planes / np.float32(MAP_STEPS))


def to_tensor(picture: Picture) -> Tensor:
    """uint8 (H, W, 3) to float32 (3, H, W) in [-1, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 127.5 - 1.0


def _opened(content: bytes, where: str, formats: tuple[str, ...]) -> Image.Image:
    if not content:
        raise DataError("the picture file is empty (zero bytes)", where=where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is stricter
            image = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise _too_large(str(error), where) from error
    except Exception as error:  # Pillow's readers raise whatever their formats make them raise
        raise DataError(
            "the file is not a picture that can be read", where=where, expected=f"{', '.join(formats)} contents"
        ) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(f"{width} x {height} pixels", where)
    return image


def _loaded(image: Image.Image, where: str) -> Image.Image:
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:  # decoders meet broken files with OSError, SyntaxError, ValueError, zlib.error, ...
        raise DataError(f"the picture is truncated or broken: {error}", where=where, hint="make it again") from error


def _too_large(size: str, where: str) -> DataError:
    return DataError(f"the picture is too large: {size}", where=where, expected=f"at most {MAX_PIXELS} pixels")
