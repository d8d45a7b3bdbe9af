"""What it means to lift views: to make one object of them that can be seen from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bench.geometry.cameras import Cameras

if TYPE_CHECKING:
    from torch import Tensor


class Lift(Protocol):
    """An object that was made from views."""

    def render(self, cameras: Cameras) -> tuple[Tensor, Tensor]:
        """Colour (V, H, W, 3), sRGB in [0, 1] times alpha, and alpha (V, H, W) in [0, 1], without a background."""
        ...


class Lifter(Protocol):
    """A way to make an object of views."""

    def lift(self, views: Tensor, cameras: Cameras, background: tuple[float, float, float]) -> Lift | None:
        """The object that `views`, float (V, H, W, 3) in [0, 1] on a plain `background`, show; None if it fails.

        Raises `UsageError` for cameras or a background that this way of lifting cannot deal with at all.
        """
        ...
