"""The interior level sees what an object is painted with, and nothing of how it is framed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from bench.errors import ExtractorError
from bench.extractors.catalogue import load_extractor
from bench.extractors.efficientnet_lite0_interior import DIMENSION, INTERIOR, scale
from bench.extractors.feature_cache import features_of
from bench.extractors.object_frame import LENGTH, SIDE, cut_out, object_frame

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def painted(side: int = 256, length: float = 0.68, background=WHITE, blur: float = 2.0, seed: int = 0) -> np.ndarray:
    """A textured ellipse of `length` frames on a background, its paint fixed to the object; drawn at four times."""
    big = 1024
    texture = ndimage.gaussian_filter(
        np.random.default_rng(seed).standard_normal((big, big, 3)), (blur * 3, blur * 3, 0)
    )
    texture = np.clip(0.45 + 0.12 * texture / texture.std(), 0.05, 0.9)
    y, x = (np.mgrid[:big, :big] + 0.5) / big * 2 - 1
    inside = (x / 0.75) ** 2 + y**2 < 1
    rgba = np.dstack([texture, inside[..., None]])
    extent = round(length * side)
    small = np.stack([np.asarray(Image.fromarray((rgba[..., c] * (rgba[..., 3] if c < 3 else 1)).astype(np.float32))
                                 .resize((extent, extent), Image.Resampling.BOX)) for c in range(4)], -1)  # fmt: skip
    canvas = np.zeros((side, side, 4))
    at = (side - extent) // 2
    canvas[at : at + extent, at : at + extent] = small
    return np.round(255 * (canvas[..., :3] + (1 - canvas[..., 3:]) * np.asarray(background))).astype(np.uint8)


def features(*pictures: np.ndarray, background=WHITE) -> np.ndarray:
    extractor = load_extractor(INTERIOR)
    return features_of([lambda p=p: p for p in pictures], [extractor], background=background)[INTERIOR]


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """In standard deviations of photographs."""
    return float(np.sqrt(((a - b) ** 2).mean()))


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return features(painted())[0]


@pytest.fixture(scope="module")
def other_paint() -> float:
    first, second = features(painted(), painted(blur=6.0, seed=1))
    return apart(first, second)


@pytest.mark.parametrize(
    "change",
    [
        {"length": 0.61},
        {"length": 0.54},
        {"side": 512},
    ],
    ids=["scale .9", "scale .8", "512 px"],
)
def test_neither_size_nor_resolution_counts(change, truth, other_paint):
    assert apart(features(painted(**change))[0], truth) < 0.15 * other_paint


def test_the_background_does_not_count(truth, other_paint):
    on_black = features(painted(background=BLACK), background=BLACK)[0]
    assert apart(on_black, truth) < 0.05 * other_paint


def test_a_pixel_of_outline_does_not_count(truth, other_paint):
    picture = painted()
    inside = ndimage.binary_erosion((picture != 255).any(-1), np.ones((3, 3)))
    assert apart(features(np.where(inside[..., None], picture, 255).astype(np.uint8))[0], truth) < 0.1 * other_paint


def test_blur_counts(truth, other_paint):
    soft = ndimage.gaussian_filter(painted(), (3, 3, 0))
    assert apart(features(soft)[0], truth) > 0.3 * other_paint


def test_the_frame_holds_the_object_alone():
    green_screen = (0.0, 1.0, 0.0)
    frame = object_frame(cut_out(painted(background=green_screen), green_screen))
    assert frame.shape == (SIDE, SIDE, 4)
    rows = np.flatnonzero((frame[..., 3] > 0).any(1))
    assert LENGTH - 10 <= rows[-1] - rows[0] + 1 <= LENGTH
    assert frame[..., 1].max() < 240


def test_an_empty_picture_has_features_far_from_any_photograph():
    blank = features(np.full((64, 64, 3), 255, np.uint8))[0]
    assert np.isfinite(blank).all()
    assert np.sqrt((blank**2).mean()) > 2


def test_whole_pictures_are_refused():
    extractor = load_extractor(INTERIOR)
    with pytest.raises(ExtractorError, match="cut-out"):
        extractor.extract([painted(64)])


def test_the_scale_is_that_of_the_shipped_photographs():
    from bench.references.library import load_reference

    shipped = load_reference("photo_cutouts", load_extractor(INTERIOR), WHITE).features
    assert scale().shape == (2, DIMENSION)
    np.testing.assert_allclose(shipped.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(shipped.std(axis=0), 1.0, atol=1e-3)
