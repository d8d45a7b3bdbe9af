"""Views as the pictures that they came from, for networks that prepare pictures in their own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from groundwork.pictures import Picture

if TYPE_CHECKING:
    from torch import Tensor


def as_pictures(views: Tensor) -> list[Picture]:
    """uint8 (H, W, 3) of each view of float (V, H, W, 3) in [0, 1]; exact for views that were read from 8 bits."""
    values = (views.detach().cpu().double().numpy() * 255.0).round().clip(0.0, 255.0)
    return list(values.astype(np.uint8))
