"""Colours of mesh files on their way to sRGB bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.geometry.mesh import FloatArray

Bytes = npt.NDArray[np.uint8]


def encode(linear: npt.ArrayLike) -> FloatArray:
    """IEC 61966-2-1: linear light in [0, 1] to sRGB."""
    light = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def decode(stored: npt.ArrayLike) -> FloatArray:
    """sRGB in [0, 1] to linear light."""
    value = np.clip(np.asarray(stored, np.float64), 0.0, 1.0)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_bytes(colours: FloatArray) -> Bytes:
    """RGB or RGBA (N, 3 or 4) in [0, 1] as uint8 (N, 4), to the nearest byte."""
    opaque = np.full((len(colours), 1), 1.0) if colours.shape[1] == 3 else colours[:, 3:4]
    found: Bytes = np.rint(np.clip(np.hstack([colours[:, :3], opaque]), 0, 1) * 255).astype(np.uint8)
    return found


def in_linear_light(texture: Bytes, factor: tuple[float, ...]) -> Bytes:
    """A texture uint8 (H, W, 4) under a linear RGB factor: decoded, multiplied, encoded, to the nearest byte."""
    if tuple(factor[:3]) == (1.0, 1.0, 1.0):
        return texture
    levels = decode(np.arange(256) / 255.0)
    tinted = texture.copy()
    for channel in range(3):
        table = np.rint(encode(levels * factor[channel]) * 255).astype(np.uint8)
        tinted[..., channel] = table[texture[..., channel]]
    return tinted
