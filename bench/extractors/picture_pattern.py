"""`picture_pattern`: where a picture is light and where it is dark, coarsely. No network: copies are found by it.

What stands out from the background is brought to one size, and the lowest cosine waves of its brightness are kept.
Recolouring, contrast, compression, grain, blur and size hardly change them. Mirroring turns the sign of every second
wave, and a crop is a linear map of all, so that `bench.metrics.near_copies` finds both in a reference of which nothing
else is stored.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.extractors.protocol import Features, Picture
from groundwork.hashing import hash_strings

PATTERN = "picture_pattern"
WAVES = 16  # along each side
_GRID = 48  # samples a side that they are taken from
_STANDS_OUT = 24  # levels of 255 from the background: more than what compression leaves beside an outline
_LEAST = 0.01  # of a row or a column that has to stand out: less is a speck
_VERSION = "1"  # raised whenever the same picture would give other numbers


class PicturePattern:
    """The extractor: 256 amplitudes of brightness in [0, 1], row by row; the first is its mean."""

    name = PATTERN
    dimension = WAVES * WAVES

    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that decides the numbers."""
        return hash_strings([PATTERN, *map(str, (WAVES, _GRID, _STANDS_OUT, _LEAST)), _VERSION])

    def signature(self) -> str:
        """As every extractor's."""
        return f"extractor={PATTERN}@sha256:{self.fingerprint()[:12]} resize=box-{_GRID}"

    def extract(self, pictures: Iterable[Picture]) -> Features:
        """Of each picture (H, W, 3), in order, float32 (N, 256)."""
        rows = [picture_pattern(picture) for picture in pictures]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)


def picture_pattern(picture: Picture) -> npt.NDArray[np.float32]:
    """The amplitudes of one picture, uint8 (H, W, 3), float32 (256,); zeros where nothing stands out.

    The background is the median colour of the picture's border. What stands out is put into the square of its longer
    side, with the background beside it.
    """
    from scipy import fft

    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    behind = np.median(border, axis=0)
    apart = np.abs(picture.astype(np.float32) - behind).max(axis=-1) > _STANDS_OUT
    rows, columns = (np.flatnonzero(apart.mean(axis=axis) > _LEAST) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return np.zeros(WAVES * WAVES, dtype=np.float32)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = max(bottom - top, right - left)
    grey = np.full((side, side), behind.mean(), dtype=np.float32)
    row, column = (side - (bottom - top)) // 2, (side - (right - left)) // 2
    grey[row : row + bottom - top, column : column + right - left] = picture[top:bottom, left:right].mean(axis=-1)
    small = np.asarray(Image.fromarray(grey).resize((_GRID, _GRID), Image.Resampling.BOX), dtype=np.float64) / 255.0
    waves = fft.dctn(small, type=2, norm="ortho")[:WAVES, :WAVES] / _GRID
    return np.asarray(waves, dtype=np.float32).ravel()
