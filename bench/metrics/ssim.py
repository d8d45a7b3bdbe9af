"""Structural similarity (Wang et al. 2004) of pairs of views, batched on any device.

Gaussian window of 11 x 11 px and sigma 1.5, k1 = 0.01, k2 = 0.03, values in [0, 1]. Variances are small differences of
large numbers, and a flat surface has little else: in float32 a pixel is wrong by up to 2e-4 and a mean by 3e-6, whoever
computes it. So this is float64, which as products with band matrices takes a third of torchmetrics' time in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.geometry.bounding_box import bounding_box
from bench.geometry.gaussian import gaussian
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

SSIM_SIGMA = 1.5
SSIM_BORDER = 5  # px; half of the 11 x 11 window that the Gaussian is cut to
SSIM_K = (0.01, 0.03)
_INNER = slice(SSIM_BORDER, -SSIM_BORDER)
_LUMINANCE, _CONTRAST = (k * k for k in SSIM_K)


def ssim_map(views: Tensor, others: Tensor) -> Tensor:
    """Structural similarity of each pixel, float64 (V, H - 10, W - 10): the mean over channels, without the border.

    `views` and `others` float (V, H, W, C) in [0, 1].
    """
    return torch.stack([_map(*pair) for pair in zip(views, others, strict=True)])


def ssim_per_view(views: Tensor, others: Tensor, counted: Tensor) -> tuple[float, ...]:
    """Mean SSIM of each view over its pixels in `counted`, bool (V, H, W), less a border of 5 px; NaN if none."""
    counted = counted[:, _INNER, _INNER]
    sums = torch.where(counted, ssim_map(views, others), 0.0).sum(dim=(1, 2))
    return tuple((sums / counted.sum(dim=(1, 2))).tolist())


def _map(view: Tensor, other: Tensor) -> Tensor:
    similarity = torch.ones(view.shape[:2], dtype=torch.float64, device=view.device)
    # where a window holds equal pixels SSIM is 1 exactly, and most of a picture is background that agrees
    box = bounding_box((view != other).any(dim=-1), 2 * SSIM_BORDER)
    if box is not None:
        x, y = (picture[box].permute(2, 0, 1).to(torch.float64) for picture in (view, other))
        planes = torch.cat((x, y, x * x + y * y, x * y))
        moments = gaussian(planes, SSIM_SIGMA, SSIM_BORDER).unflatten(1, (4, len(x)))
        mean_x, mean_y, squares, product = moments.unbind(dim=1)
        means, mean_squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
        alike = (2 * means + _LUMINANCE) * (2 * (product - means) + _CONTRAST)
        found = alike / ((mean_squares + _LUMINANCE) * (squares - mean_squares + _CONTRAST))
        similarity[box][_INNER, _INNER] = found.mean(dim=1)[_INNER, _INNER]
    return similarity[_INNER, _INNER]
