"""Gaussian low-pass of the scored part of a picture, which nothing outside of it may enter.

What lies beyond a mask is background, a hole or another object's paint. Convolving it in would put an edge into every
band along the mask's outline, the same edge in all the pictures compared, and so a false agreement. Normalised
convolution (Knutsson & Westin 1993) leaves it out: G(m x) / G(m), a mean over the scored neighbours alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.geometry.bounding_box import bounding_box
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

BLOCK = 64  # rows filtered at once
TRUNCATE = 4.0  # sigmas; the tails beyond hold 6e-5 of the weight


def masked_gaussian(pictures: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """Weighted mean of each masked pixel's masked neighbours, float64 (V, H, W, C); 0 outside the mask.

    `pictures` float (V, H, W, C), `mask` bool (V, H, W), `sigma` in px, above 0. A constant stays that constant.
    """
    smooth = torch.zeros(pictures.shape, dtype=torch.float64, device=pictures.device)
    box = bounding_box(mask.any(dim=0))
    if box is None:
        return smooth
    inside = mask[:, *box, None]
    # where(), not a product: what is masked out may be anything, NaN included
    known = torch.where(inside, pictures[:, *box].double(), 0.0)
    total = _gaussian(torch.cat((known, inside.double()), dim=-1), sigma)
    smooth[:, *box] = torch.where(inside, total[..., :-1] / total[..., -1:].clamp(min=1e-300), 0.0)
    return smooth


def _gaussian(pictures: Tensor, sigma: float) -> Tensor:
    """Separable convolution of float64 (V, H, W, C) with zeros beyond the frame.

    As products with band matrices: a convolution in float64 unfolds its input first, which costs 20 times more.
    """
    across = _filtered(pictures.permute(0, 3, 2, 1), sigma)
    return _filtered(across.transpose(-1, -2), sigma).permute(0, 2, 3, 1)


def _filtered(planes: Tensor, sigma: float) -> Tensor:
    """Convolution down the second last axis of (..., n, m).

    Block by block: rows beyond the Gaussian's radius have no weight, and of a large picture they are most.
    """
    size, radius = planes.shape[-2], int(TRUNCATE * sigma + 0.5)
    found = torch.empty_like(planes, memory_format=torch.contiguous_format)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        first, last = max(start - radius, 0), min(stop + radius, size)
        weights = _weights(stop - start, last - first, start - first, sigma, radius).to(planes.device)
        found[..., start:stop, :] = weights @ planes[..., first:last, :]
    return found


def _weights(rows: int, columns: int, offset: int, sigma: float, radius: int) -> Tensor:
    """(rows, columns): what row r, at place r + `offset`, takes from place c; the Gaussian is cut as scipy does."""
    reach = torch.arange(-radius, radius + 1, dtype=torch.float64)
    total = torch.exp(-0.5 * (reach / sigma).square()).sum()
    row, column = (torch.arange(count, dtype=torch.float64) for count in (rows, columns))
    distance = (row[:, None] + offset - column[None, :]).abs()
    return torch.where(distance <= radius, torch.exp(-0.5 * (distance / sigma).square()), 0.0) / total
