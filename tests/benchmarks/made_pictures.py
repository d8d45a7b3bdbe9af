"""Pictures to measure speed on, made on the fly: seeded, and about as hard to decode as what users have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

RENDER_SIDE = 512
PHOTO_SIZE = (500, 375)  # ImageNet's usual width and height


def write_renders(folder: Path, count: int) -> None:
    """Textured blobs on white, PNG of 512 x 512: what generators of single objects leave on disk."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    for number in range(count):
        rng = np.random.default_rng([0, number])
        radius = rng.uniform(0.5, 0.9) + 0.1 * np.sin(rng.integers(2, 7) * np.arctan2(y, x) + rng.uniform(0, 6))
        shape = (np.hypot(x, y) < radius)[..., None]
        pixels = np.where(shape, _texture(rng, RENDER_SIDE, RENDER_SIDE), 255.0)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:05d}.png", compress_level=3)


def write_photos(folder: Path, count: int) -> None:
    """Noise at all scales, JPEG of 500 x 375 at quality 90: as detailed as photographs."""
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = _texture(np.random.default_rng([1, number]), *PHOTO_SIZE)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:05d}.jpg", quality=90)


def _texture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Smooth colour noise whose octaves get weaker as they get finer, float (height, width, 3) in [0, 255]."""
    total = np.full((height, width, 3), 127.0)
    for octave in range(2, 9):
        grid = rng.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8)
        layer = np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
        total += (layer - 127.0) * 0.9 / (octave - 1)
    return total.clip(0, 255)
