"""Lossless maps of geometry as 16-bit PNG, and pictures and maps as the tensors that models read.

Pillow decodes one 16-bit channel at full depth but cuts 16-bit colour to 8 bits, so the three channels of a map lie one
below the other in a grey picture: (3 H, W), x on top.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from groundwork.pictures import Picture, opened
from realiz3d.errors import DataError

MAP_STEPS = 65535


def encode_map(values: Tensor) -> bytes:
    """A map of geometry, float (H, W, 3) in [0, 1], as the bytes of a 16-bit PNG (steps of 1.5e-5)."""
    steps = (values.double().clamp(0.0, 1.0) * MAP_STEPS).round().cpu().numpy().astype(np.uint16)
    planes = np.ascontiguousarray(steps.transpose(2, 0, 1)).reshape(-1, steps.shape[1])
    encoded = io.BytesIO()
    Image.fromarray(planes).save(encoded, format="PNG", compress_level=6)
    return encoded.getvalue()


def decode_map(content: bytes, where: str) -> Tensor:
    """What `encode_map` wrote, float32 (3, H, W) in [0, 1].

    Raises `ImageError` for what is no sound PNG, `DataError` for a PNG that is no map, 8-bit ones too.
    """
    with opened(content, where, formats=("PNG",)) as image:
        width, height = image.size
        if image.mode not in ("I;16", "I"):
            raise DataError(
                f"the map is not a 16-bit grey picture but of mode {image.mode}",
                where=where,
                expected="16-bit grey PNG of size W x 3 H: the channels x, y, z one below the other",
                hint="write maps with realiz3d.data.maps.encode_map; eight bits would show as steps in the control",
            )
        if height % 3:
            raise DataError(f"the map is {width} x {height} pixels", where=where, expected="three times as high")
        planes = np.asarray(image, dtype=np.float32).reshape(3, height // 3, width)
    return torch.from_numpy(planes / np.float32(MAP_STEPS))


def to_tensor(picture: Picture) -> Tensor:
    """uint8 (H, W, 3) to float32 (3, H, W) in [-1, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 127.5 - 1.0
