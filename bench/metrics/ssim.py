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


def ssim_map(views: Tensor, others: Tensor, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Structural similarity of each pixel, float64 (V, H - 10, W - 10): the mean over channels, without the border.

    `views` and `others` float (V, H, W, C) in [0, 1]. `known`: pictures and their map with the same views; what
    `others` have in common with them is not computed again.
    """
    # where a window holds equal pixels SSIM is 1 exactly, and most of a picture is background that agrees
    alike, found = known or (views, torch.ones_like(views[:, _INNER, _INNER, 0], dtype=torch.float64))
    planes = (pictures.permute(0, 3, 1, 2).double().contiguous() for pictures in (views, others, alike))
    return torch.stack([_map(*each) for each in zip(*planes, found, strict=True)])


def ssim_per_view(views: Tensor, others: Tensor, counted: Tensor) -> tuple[float, ...]:
    """Mean SSIM of each view over its pixels in `counted`, bool (V, H, W), less a border of 5 px; NaN if none."""
    return mean_per_view(ssim_map(views, others), counted)


def mean_per_view(similarity: Tensor, counted: Tensor) -> tuple[float, ...]:
    """Means of a map (V, H - 10, W - 10) as `ssim_per_view` takes them."""
    counted = counted[:, _INNER, _INNER]
    sums = torch.where(counted, similarity, 0.0).sum(dim=(1, 2))
    return tuple((sums / counted.sum(dim=(1, 2))).tolist())


def _map(x: Tensor, y: Tensor, alike: Tensor, known: Tensor) -> Tensor:
    """Of float64 (C, H, W); `known` (H - 10, W - 10) is right where y equals `alike` all over the window."""
    box = bounding_box((y != alike).any(dim=0), 2 * SSIM_BORDER)
    if box is None:
        return known
    similarity = torch.nn.functional.pad(known, (SSIM_BORDER,) * 4)
    if min(part.stop - part.start for part in box) > 2 * SSIM_BORDER:
        x, y = x[:, *box], y[:, *box]
        moments = gaussian(torch.cat((x, y, (x * x).addcmul_(y, y), x * y)), SSIM_SIGMA, SSIM_BORDER)
        mean_x, mean_y, squares, product = moments.reshape(len(moments), 4, len(x), *moments.shape[2:]).unbind(dim=1)
        means, mean_squares = mean_x * mean_y, (mean_x * mean_x).addcmul_(mean_y, mean_y)
        covariance, variances = product.sub_(means), squares.sub_(mean_squares)
        above = means.mul_(2).add_(_LUMINANCE).mul_(covariance.mul_(2).add_(_CONTRAST))
        found = above.div_(mean_squares.add_(_LUMINANCE).mul_(variances.add_(_CONTRAST)))
        similarity[box][_INNER, _INNER] = found.mean(dim=1)[_INNER, _INNER]
    return similarity[_INNER, _INNER]
