"""Textures of one mesh: each picture is decoded once, and all together stay within a budget of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError
from groundwork.pictures import decode_texture, texture_size

MAX_TEXTURE_PIXELS = 2**28  # of all textures of a mesh: 1 GiB in memory, four of 8192 x 8192


class Textures:
    """Decoded pictures by a key of the reader's."""

    def __init__(self) -> None:
        self._kept: dict[object, npt.NDArray[np.uint8]] = {}
        self._pixels = 0

    def read(self, key: object, content: bytes, where: str) -> npt.NDArray[np.uint8]:
        """uint8 (H, W, 4) as stored. Raises `ImageError` for a broken picture, `MeshError` beyond the budget."""
        if key not in self._kept:
            width, height = texture_size(content, where)
            self.check(self._pixels + width * height, where)
            self._pixels += width * height
            self._kept[key] = decode_texture(content, where)
        return self._kept[key]

    @staticmethod
    def check(pixels: int, where: str) -> None:
        """Raises `MeshError` for more pixels than a mesh's textures may have together."""
        if pixels > MAX_TEXTURE_PIXELS:
            raise MeshError(
                "the mesh's textures are too large",
                where=where,
                expected=f"at most {MAX_TEXTURE_PIXELS} pixels together",
                hint="scale them down",
            )
