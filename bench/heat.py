"""Heat maps: errors as colours, by one fixed scale, so that maps of different objects and generators compare by eye.

The colours are viridis (even steps to the eye, safe for the colour-blind, no greys). Its position is the square root of
error / top: good generators differ at small errors, which a linear scale would paint in one colour.
"""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

TILE = 128  # px, the largest side of a view in a strip
LEVELS = 32  # distinct colours: more cannot be told apart, and cost bytes
UNSCORED = (185, 190, 196)  # part of the object, but nothing to compare with
_VIRIDIS = (
    "440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725",
)  # fmt: skip

Errors = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def colours() -> npt.NDArray[np.uint8]:
    """The scale from no error to `top`, uint8 (LEVELS, 3) sRGB."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _VIRIDIS], dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, LEVELS)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def position(error: float, top: float) -> float:
    """Where on the scale an error lies, 0 to 1."""
    return math.sqrt(min(max(error / top, 0.0), 1.0))


def strip_png(errors: Errors, foreground: Mask | None, top: float, texts: dict[str, str]) -> bytes:
    """Error maps of all views of an object, left to right, as a palette PNG that carries `texts`.

    `errors` (V, H, W), 0 or more, NaN where nothing is scored. Unscored pixels of `foreground` (V, H, W) are grey, all
    others transparent. Blocks of pixels are averaged until a view is at most `TILE` px wide; a block is what most of
    its pixels are.
    """
    index = _pooled(errors, foreground, top)
    image = Image.fromarray(np.concatenate(list(index), axis=1), mode="P")
    image.putpalette([*colours().ravel().tolist(), *UNSCORED, 255, 255, 255])
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    encoded = io.BytesIO()
    # opaque up to the last entry, which is the background
    image.save(encoded, "PNG", optimize=True, pnginfo=info, transparency=bytes([255] * (LEVELS + 1) + [0]))
    return encoded.getvalue()


def _pooled(errors: Errors, foreground: Mask | None, top: float) -> npt.NDArray[np.uint8]:
    """Palette indices, uint8 (V, h, w): 0 .. LEVELS - 1 errors, LEVELS unscored, LEVELS + 1 background."""
    views, height, width = errors.shape
    side = -(-max(height, width) // TILE)
    blocks = (views, -(-height // side), side, -(-width // side), side)
    scored = np.isfinite(errors)
    shown = scored if foreground is None else scored | foreground
    padding = ((0, 0), (0, blocks[1] * side - height), (0, blocks[3] * side - width))

    def total(values: npt.NDArray[np.generic]) -> Errors:
        summed: Errors = np.pad(values.astype(np.float64), padding).reshape(blocks).sum(axis=(2, 4))
        return summed

    count, half = total(scored), side * side / 2
    mean = total(np.where(scored, errors, 0.0)) / np.maximum(count, 1.0)
    level = np.round(np.sqrt(np.clip(mean / top, 0.0, 1.0)) * (LEVELS - 1))
    # most of what is shown decides between scored and not, so that a thin part of an object is not lost
    unscored = np.where(total(shown) >= half, LEVELS, LEVELS + 1)
    judged = (count >= half) | ((count > 0) & (2 * count >= total(shown)) & (total(shown) >= half))
    return np.where(judged, level, unscored).astype(np.uint8)
