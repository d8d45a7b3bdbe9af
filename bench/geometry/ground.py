"""The colour that a picture stands on, seen at the edge of its frame, where the object should not be.

Everything that asks where the object is assumes the suite's background. Views on plain grey scored against a white
suite are one object that fills the frame: whatever is then measured of outlines says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.geometry.foreground import MOST_DISTANCE, estimate_foreground

if TYPE_CHECKING:
    from torch import Tensor

Colour = tuple[float, float, float]

_PLAIN = 20.0 / 255.0  # distance from the edge's usual colour that is still the same ground
_SHARE = 0.75  # of the edge that has to be of one colour


def other_ground(view: npt.NDArray[np.floating], background: Colour) -> Colour | None:
    """The plain colour along the frame's edge of a picture (H, W, 3) in [0, 1], where it is not `background`.

    None where it is, where the edge has no one colour (the object may reach it), and for a picture of one colour, which
    shows no object on any ground.
    """
    edge = _edge(view)
    usual = np.median(edge, axis=0)
    if np.abs(usual - np.asarray(background)).max() <= MOST_DISTANCE:
        return None
    if np.mean(np.abs(edge - usual).max(axis=-1) <= _PLAIN) < _SHARE:
        return None
    if np.abs(view - usual).max() <= _PLAIN:
        return None
    red, green, blue = usual.tolist()
    return red, green, blue


def stands_on(view: npt.NDArray[np.floating], background: Colour) -> bool:
    """Whether most of the frame's edge of a picture (H, W, 3) in [0, 1] is `background`, as it is round an object."""
    return bool(np.mean(np.abs(_edge(view) - np.asarray(background)).max(axis=-1) <= MOST_DISTANCE) > 0.5)


def _edge(view: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.concatenate([view[0], view[-1], view[1:-1, 0], view[1:-1, -1]])


def stands_elsewhere(views: Tensor, background: Colour) -> bool:
    """Whether any of the pictures (V, H, W, 3) in [0, 1] has a plain ground that is not `background`."""
    return any(other_ground(view, background) is not None for view in views.cpu().numpy())


def laid_on(view: npt.NDArray[np.uint8], ground: Colour | None, background: Colour) -> npt.NDArray[np.uint8]:
    """The object of a picture, uint8 (H, W, 3), that stands on `ground` (None: on `background`), on `background`."""
    if ground is None:
        return view
    outside = ~estimate_foreground(view / 255.0, ground)
    laid = view.copy()
    laid[outside] = np.rint(255.0 * np.asarray(background)).astype(np.uint8)
    return laid
