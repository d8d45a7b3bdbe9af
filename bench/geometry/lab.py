"""CIELAB and its colour difference CIEDE2000, on any device.

CIELAB is kornia's, which agrees with scikit-image within 1e-12; of CIEDE2000 kornia has none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

_TURN = 2.0 * math.pi
_FAR = 25.0**7  # chroma beyond which hue no longer distorts


def cielab(colours: Tensor) -> Tensor:
    """CIELAB (D65, 2 degrees) of sRGB `colours` in [0, 1], float (n, 3)."""
    from kornia.color import rgb_to_lab

    found: Tensor = rgb_to_lab(colours.T[None, :, :, None])[0, :, :, 0].T
    return found


def ciede2000(lab: Tensor, other: Tensor) -> Tensor:
    """The difference of CIELAB colours, float (n, 3) each: (n,). Sharma, Wu & Dalal 2005, with weights 1."""
    (l1, a1, b1), (l2, a2, b2) = lab.unbind(dim=-1), other.unbind(dim=-1)
    grey = 0.5 * (1.0 - _saturation((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2))  # of a, where chroma is low
    a1, a2 = a1 * (1.0 + grey), a2 * (1.0 + grey)
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = torch.atan2(b1, a1) % _TURN, torch.atan2(b2, a2) % _TURN
    coloured = c1 * c2 != 0.0
    apart = h2 - h1
    apart = torch.where(apart > math.pi, apart - _TURN, torch.where(apart < -math.pi, apart + _TURN, apart))
    apart = torch.where(coloured, apart, 0.0)
    hue = h1 + h2
    around = (h1 - h2).abs() > math.pi
    hue = torch.where(coloured & around, torch.where(hue < _TURN, hue + _TURN, hue - _TURN), hue)
    hue = torch.where(coloured, hue / 2, hue)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1.0
        - 0.17 * torch.cos(hue - math.radians(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + math.radians(6))
        - 0.20 * torch.cos(4 * hue - math.radians(63))
    )
    middle = (lightness - 50.0).square()
    of_lightness = (l2 - l1) / (1.0 + 0.015 * middle / (20.0 + middle).sqrt())
    of_chroma = (c2 - c1) / (1.0 + 0.045 * chroma)
    of_hue = 2.0 * (c1 * c2).sqrt() * torch.sin(apart / 2) / (1.0 + 0.015 * chroma * t)
    turned = math.radians(60) * torch.exp(-((torch.rad2deg(hue) - 275.0) / 25.0).square())
    mixed = -torch.sin(turned) * 2.0 * _saturation(chroma) * of_chroma * of_hue
    return (of_lightness.square() + of_chroma.square() + of_hue.square() + mixed).clamp(min=0.0).sqrt()


def _saturation(chroma: Tensor) -> Tensor:
    power = chroma.pow(7)
    return (power / (power + _FAR)).sqrt()
