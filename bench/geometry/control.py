"""Control maps: the geometry a generator is shown and its adherence is judged by. Lossless floats, never 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.errors import UsageError, nearest
from bench.geometry.gbuffer import GBuffer

if TYPE_CHECKING:
    from torch import Tensor


def _normal(gbuffer: GBuffer) -> Tensor:
    return (gbuffer.normal + 1.0) / 2.0 * gbuffer.mask[..., None]


def _position(gbuffer: GBuffer) -> Tensor:
    return (gbuffer.position + 0.5).clamp(0.0, 1.0) * gbuffer.mask[..., None]


def _depth(gbuffer: GBuffer) -> Tensor:
    return gbuffer.depth


def _mask(gbuffer: GBuffer) -> Tensor:
    return gbuffer.mask.double()


CONTROL_MAPS: dict[str, Callable[[GBuffer], Tensor]] = {
    "normal": _normal,
    "position": _position,
    "depth": _depth,
    "mask": _mask,
}


def control_map(gbuffer: GBuffer, kind: str) -> Tensor:
    """One control map of all views, float64, 0 on the background.

    normal    (V, H, W, 3) in [0, 1]: (n + 1) / 2 of the smooth world normal n; red +x, green +y (up), blue +z (front).
              A world frame, so that a point keeps its colour in all views. Background (0, 0, 0) is no unit normal.
    position  (V, H, W, 3) in [0, 1]: world position + 0.5; the normalised object fills the unit cube around 0.5.
    depth     (V, H, W)    world units along the viewing axis.
    mask      (V, H, W)    1 on the object.

    Raises `UsageError` for any other kind, naming the nearest.
    """
    if kind not in CONTROL_MAPS:
        raise UsageError(f"unknown control map '{kind}'", hint=nearest(kind, CONTROL_MAPS))
    return CONTROL_MAPS[kind](gbuffer)
