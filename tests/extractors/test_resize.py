"""The sparse resize against Pillow's own, which clean-fid calls."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bench.extractors.resize import resize_bicubic

SIZES = [(512, 512), (375, 500), (299, 299), (1, 1), (2, 700), (64, 48), (298, 300), (1201, 33), (600, 1024)]


def _picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [299, 40])
def test_equals_pillow(size: tuple[int, int], side: int) -> None:
    picture = _picture(*size)
    channels = [Image.fromarray(picture[..., i].astype(np.float32)) for i in range(3)]
    expected = [np.asarray(c.resize((side, side), Image.Resampling.BICUBIC)).clip(0, 255) for c in channels]
    found = resize_bicubic(picture, side)
    assert found.shape == (3, side, side) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-4 if max(size) < 10 * side else 2e-4)


@pytest.mark.parametrize("size", SIZES)
def test_equals_clean_fid(size: tuple[int, int]) -> None:
    resize = pytest.importorskip("cleanfid.resize").make_resizer("PIL", False, "bicubic", (299, 299))
    picture = _picture(*size)
    np.testing.assert_allclose(resize_bicubic(picture, 299).transpose(1, 2, 0), resize(picture), rtol=0, atol=1e-4)


def test_the_range_stays_that_of_pixels() -> None:
    edges = np.zeros((40, 40, 3), dtype=np.uint8)
    edges[:, 20:] = 255  # a cubic kernel overshoots here
    found = resize_bicubic(edges, 299)
    assert found.min() == 0.0 and found.max() == 255.0
    same = np.full((31, 57, 3), 77, dtype=np.uint8)
    np.testing.assert_allclose(resize_bicubic(same, 299), 77.0, atol=1e-4)


def test_nothing_is_resized_at_the_same_size() -> None:
    picture = _picture(50, 50)
    np.testing.assert_array_equal(resize_bicubic(picture, 50), picture.transpose(2, 0, 1))
