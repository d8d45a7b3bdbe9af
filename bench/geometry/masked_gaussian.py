"""Gaussian low-pass of the scored part of a picture, which nothing outside of it may enter.

What lies beyond a mask is background, a hole or another object's paint. Convolving it in would put an edge into every
band along the mask's outline, the same edge in all the pictures compared, and so a false agreement. Normalised
convolution (Knutsson & Westin 1993) leaves it out: G(m x) / G(m), a mean over the scored neighbours alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.geometry.bounding_box import bounding_box
from bench.geometry.gaussian import gaussian, radius_of
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")


@dataclass(frozen=True)
class _Part:
    """The masked pixels of one view: the size of their box, where they lie in it, and G(m) there, (S, n)."""

    size: tuple[int, int]
    row: Tensor
    column: Tensor
    weight: Tensor


class LowPasses:
    """Low-passes of what lies under a `mask`, bool (V, H, W), with standard deviations `sigmas` in px, above 0.

    What depends on the mask alone is computed here, once for all pictures.
    """

    def __init__(self, mask: Tensor, sigmas: Sequence[float]) -> None:
        self.sigmas = tuple(sigmas)
        self._parts = []
        for shown in mask:
            box = bounding_box(shown)
            if box is not None:
                inside = shown[box]
                row, column = torch.nonzero(inside, as_tuple=True)
                weight = self._smooth(inside[None].double(), row, column)[..., 0]
                self._parts.append(_Part((inside.shape[0], inside.shape[1]), row, column, weight.clamp(min=1e-300)))

    def of(self, values: Tensor) -> Tensor:
        """Weighted means of each masked pixel's masked neighbours, float64 (S, n, C).

        `values` float (n, C) of the masked pixels, in the order of `mask`. A constant stays that constant.
        """
        found = [values.new_empty(len(self.sigmas), 0, values.shape[1], dtype=torch.float64)]
        for part, own in zip(self._parts, torch.split(values, [len(part.row) for part in self._parts]), strict=True):
            planes = own.new_zeros(own.shape[1], *part.size, dtype=torch.float64)
            planes[:, part.row, part.column] = own.T.double()
            found.append(self._smooth(planes, part.row, part.column) / part.weight[..., None])
        return torch.cat(found, dim=1)

    def _smooth(self, planes: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return torch.stack([gaussian(planes, sigma, radius_of(sigma))[row, :, column] for sigma in self.sigmas])


def masked_gaussian(pictures: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """Weighted mean of each masked pixel's masked neighbours, float64 (V, H, W, C); 0 outside the mask.

    `pictures` float (V, H, W, C), `mask` bool (V, H, W), `sigma` in px, above 0. A constant stays that constant.
    """
    smooth = torch.zeros(pictures.shape, dtype=torch.float64, device=pictures.device)
    smooth[mask] = LowPasses(mask, (sigma,)).of(pictures[mask])[0]
    return smooth
