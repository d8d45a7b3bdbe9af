"""Pictures at the size they were painted at: what the background adds to coarse pixels is taken out again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.errors import UsageError
from bench.geometry.picture_size import LEAST_PAINT, unmixed

COLOUR = torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64)


def disc() -> Tensor:
    """bool (1, 64, 64)"""
    place = torch.arange(64) - 31.5
    return ((place[:, None] ** 2 + (place[None] - 3) ** 2).sqrt() < 20)[None]


def enlarged(views: Tensor, size: int) -> Tensor:
    """What a model that paints `size` pixels a side shows of views (V, H, W, 3)."""
    small = torch.nn.functional.adaptive_avg_pool2d(views.permute(0, 3, 1, 2), size)
    return torch.nn.functional.interpolate(small, size=views.shape[1:3], mode="bicubic").permute(0, 2, 3, 1)


@pytest.mark.parametrize("background", [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.1, 0.9, 0.2)])
@pytest.mark.parametrize("size", [10, 16, 64])
def test_one_colour_stays_one_colour(background: tuple[float, float, float], size: int) -> None:
    shown = disc()
    views = torch.where(shown[..., None], COLOUR, torch.tensor(background, dtype=torch.float64))
    assert float((unmixed(views, shown, background, size)[shown] - COLOUR).abs().max()) < 1e-9
    # as a model paints it the picture is reduced twice; the rim, a tenth of it or more before, is nearly the colour
    small = enlarged(views, size)
    before, after = (
        float((found[shown] - COLOUR).abs().mean()) for found in (small, unmixed(small, shown, background, size))
    )
    assert size == 64 or after < 0.6 * before


def test_paint_is_kept() -> None:
    shown = torch.ones(1, 64, 64, dtype=torch.bool)
    views = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(unmixed(views, shown, (1.0, 1.0, 1.0), 64), views)
    once = enlarged(views, 16).clamp(0, 1)
    assert torch.allclose(unmixed(views, shown, (1.0, 1.0, 1.0), 16), once, atol=1e-9)


def test_what_is_hardly_the_object_is_not_guessed() -> None:
    """A speck of the object in a coarse pixel: dividing by its share would make any colour of it."""
    shown = torch.zeros(1, 64, 64, dtype=torch.bool)
    shown[0, 30, 30] = True
    views = torch.where(shown[..., None], 0.0, 1.0).expand(1, 64, 64, 3).double()
    assert float(unmixed(views, shown, (1.0, 1.0, 1.0), 8).min()) > 1.0 - 1.5 / 64 / LEAST_PAINT


def test_a_size_beyond_the_pictures_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be judged at 65 px"):
        unmixed(torch.zeros(1, 64, 64, 3), disc(), (1.0, 1.0, 1.0), 65)
