"""Copies of reference pictures are found by their pixels, whatever is done to hide them; other pictures are not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from scipy import ndimage

from bench.extractors.feature_cache import features_of
from bench.extractors.picture_pattern import PATTERN, PicturePattern, picture_pattern
from bench.metrics.near_copies import ALIKE, alike
from bench.references.library import load_reference
from bench.references.pictures import framed, reference_picture
from groundwork.pictures import composite

WHITE = (1.0, 1.0, 1.0)
SIDE = 256


def painted(seed: int) -> Image.Image:
    """A blob of blotches on white."""
    random = np.random.default_rng(seed)
    noise = sum(ndimage.gaussian_filter(random.standard_normal((SIDE, SIDE, 3)), (s, s, 0)) * s for s in (6, 12, 24))
    row, column = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    turn = random.uniform(0.0, np.pi)
    along, across = row * np.cos(turn) + column * np.sin(turn), column * np.cos(turn) - row * np.sin(turn)
    outline = np.hypot(along * random.uniform(1.0, 2.0), across) < 0.35
    pixels = np.clip(0.5 + 0.5 * noise, 0.0, 0.85)
    return Image.fromarray(np.uint8(255 * np.where(outline[..., None], pixels, 1.0)))


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """The object less a strip on its left and its top, framed again."""
    pixels = np.asarray(picture)
    seen = (pixels < 250).any(axis=-1)
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    top, left = rows[0] + int(share * np.ptp(rows)), columns[0] + int(share * np.ptp(columns))
    cut = pixels[top : rows[-1], left : columns[-1]]
    rgba = np.dstack([cut, np.full(cut.shape[:2], 255, np.uint8)])
    return Image.fromarray(composite(framed(np.pad(rgba, ((4, 4), (4, 4), (0, 0)))), WHITE))


HIDDEN = {
    "as it is": lambda p: p,
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "compressed": lambda p: compressed(p, 50),
    "smaller": lambda p: p.resize((96, 96), Image.Resampling.BICUBIC),
    "other colours": lambda p: Image.fromarray(np.ascontiguousarray(np.asarray(p)[..., [1, 2, 0]])),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.2),
    "soft": lambda p: p.filter(ImageFilter.GaussianBlur(1)),
    "cropped": lambda p: cropped(p, 0.06),
}


def patterns(pictures: list[Image.Image]) -> np.ndarray:
    return PicturePattern().extract([np.asarray(picture) for picture in pictures])


@pytest.mark.parametrize("how", HIDDEN)
def test_a_hidden_copy_is_alike_and_nothing_else_is(how: str) -> None:
    own = [painted(seed) for seed in range(8)]
    found = alike(patterns([HIDDEN[how](picture) for picture in own]), patterns(own))
    assert np.diag(found).min() > ALIKE
    assert (found - np.diag(np.diag(found))).max() < ALIKE - 0.05


def test_a_crop_is_found_in_the_waves_of_the_whole() -> None:
    """And the same crop turned by a quarter is not."""
    whole = painted(3)
    found = float(alike(patterns([cropped(whole, 0.08)]), patterns([whole]))[0, 0])
    plain = float(alike(patterns([cropped(whole, 0.08).rotate(90)]), patterns([whole]))[0, 0])
    assert found > ALIKE > plain


def test_pictures_without_light_and_shade_are_like_nothing() -> None:
    flat = np.full((40, 40, 3), 255, np.uint8)
    assert not picture_pattern(flat).any()
    flat[8:32, 8:32] = 90
    rows = np.stack([picture_pattern(flat), np.zeros(PicturePattern.dimension, np.float32)])
    assert alike(rows, rows)[1].max() == 0
    full = np.full((40, 40, 3), 90, np.uint8)
    assert alike(picture_pattern(full)[None], rows).max() == 0


def test_the_shipped_photographs_hold_their_patterns_and_differ() -> None:
    stored = load_reference("photo_cutouts", PicturePattern(), WHITE).features
    found = alike(stored, stored)
    assert np.allclose(np.diag(found), 1.0, atol=1e-6)
    twins = np.argwhere(np.triu(found, 1) > ALIKE)
    assert len(twins) <= 1  # two guitars, by the same photographer


def test_the_shipped_patterns_are_of_the_shipped_photographs(shared_data: Path) -> None:
    stored = load_reference("photo_cutouts", PicturePattern(), WHITE)
    paths = sorted((shared_data / "photo_cutouts").glob("*.png"))[:6]
    pictures = [lambda path=path: reference_picture(path, WHITE) for path in paths]
    again = features_of(pictures, [PicturePattern()])[PATTERN]
    assert np.allclose(again, stored.features[:6], atol=1e-6)
