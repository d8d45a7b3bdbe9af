"""Where the object is in a picture on a plain background: an estimate from colour alone, without a network.

Generators were asked for a known background colour, which makes most of the question easy. What is left:

- *near-background*: a decoder's white is not quite white, and some pictures are noisy. The threshold follows the noise
  along the frame's edge (where the object should not be), between two limits.
- *background colour inside the object*: a white belly is not a hole. Regions of background colour that the object
  encloses count as the object, unless the geometry says that one can see through there (a mug's handle): from the
  picture alone a white patch and a hole look the same, so the reading that agrees with the mesh is taken.
- *specks* of noise are not an object.

Limits, by design: an object's white part that touches the outline is lost; a soft shadow or a tinted background counts
as object; a hole that should not be there counts as a white patch.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from groundwork.late import late
from groundwork.pictures import RGB, Picture

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Values = TypeVar("Values", BoolArray, FloatArray)

LEAST_DISTANCE = 10.0 / 255.0  # of a colour from the background, largest of three channels: above a decoder's white
MOST_DISTANCE = 40.0 / 255.0
EDGE_QUANTILE = 0.95  # of the distances along the edge of the frame, ...
EDGE_MARGIN = 1.25  # ... times this, is the threshold between the limits
SPECK = 1e-4  # of the frame

_PARAMETERS = (
    f"foreground=colour-distance threshold={EDGE_MARGIN:g}*edge-q{EDGE_QUANTILE:g}"
    f"[{LEAST_DISTANCE * 255:g},{MOST_DISTANCE * 255:g}]/255 specks={SPECK:g}"
)
FOREGROUND_PARAMETERS = f"{_PARAMETERS} other-ground=unmeasurable enclosed=object-unless-mesh-open"
"""For the signatures of metrics that judge the estimate against a mesh."""
MESHLESS_PARAMETERS = f"{_PARAMETERS} other-ground=unmeasurable enclosed=object"
"""For the signatures of metrics that have nothing but the pictures."""


def estimate_foreground(
    view: npt.NDArray[np.floating], background: tuple[float, float, float], see_through: BoolArray | None = None
) -> BoolArray:
    """The object's pixels, bool (H, W), in a picture (H, W, 3) in [0, 1] on a plain `background`.

    `see_through`, bool (H, W), marks pixels at which the scene's geometry shows background. An enclosed region of
    background colour is left out when most of it is marked; without marks every enclosed region belongs to the object.
    """
    return _foreground(ground_distance(view, background), see_through)


def estimate_cut_out(picture: Picture, background: RGB) -> BoolArray:
    """The object's pixels, bool (H, W), in a picture, uint8 (H, W, 3), without those of exactly the `background`."""
    distance = ground_distance(picture, background)
    found: BoolArray = _foreground(distance) & (distance > 0.5 / 255)
    return found


def ground_distance(view: npt.NDArray[np.floating | np.uint8], background: RGB) -> FloatArray:
    """Of colours (H, W, 3), in [0, 1] or uint8, from the background: the largest of three channels, float64 (H, W)."""
    if view.dtype == np.uint8:  # of 256 levels each
        levels = np.arange(256) / 255.0
        channels = (np.abs(levels - level)[view[..., k]] for k, level in enumerate(background))
    else:
        channels = (np.abs(view[..., k] - np.float64(level)) for k, level in enumerate(background))
    # over an axis of three numpy's own maximum takes ten times as long
    return reduce(np.maximum, channels)


def _foreground(distance: FloatArray, see_through: BoolArray | None = None) -> BoolArray:
    from scipy import ndimage

    edge = np.concatenate([distance[0], distance[-1], distance[1:-1, 0], distance[1:-1, -1]])
    threshold = np.clip(EDGE_MARGIN * np.quantile(edge, EDGE_QUANTILE), LEAST_DISTANCE, MOST_DISTANCE)
    whole = np.zeros(distance.shape, dtype=np.bool_)
    box = _box(distance > threshold)
    if box is None:
        return whole
    distance = distance[box]
    apart = distance > threshold
    # an outline's pixel that the object covers by less than half is no part of a mask; its neighbour inside, which it
    # mixes with the background, tells how far it would be if covered
    rim = apart & _largest_around(~apart)
    covered = distance > _largest_around(distance) / 2
    found = _without_specks(apart & (covered | ~rim), SPECK * whole.size)
    # what is not found: the outside, and regions that the object encloses
    regions, count = ndimage.label(np.pad(~found, 1, constant_values=True))
    regions = regions[1:-1, 1:-1]
    enclosed = np.arange(count + 1) > 1  # the first one holds the corner
    if see_through is not None:
        marked = np.bincount(regions[see_through[box]], minlength=count + 1)
        enclosed &= 2 * marked <= np.bincount(regions.ravel(), minlength=count + 1)
    whole[box] = found | enclosed[regions]
    return whole


def _box(mask: BoolArray) -> tuple[slice, slice] | None:
    """Rows and columns of the mask, and one more on each side within the frame; None of an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)


def _largest_around(values: Values) -> Values:
    """The largest of each pixel's 3 x 3 neighbours within the picture (H, W)."""
    found = values
    for _ in range(2):
        padded = np.pad(found, ((1, 1), (0, 0)), mode="edge")
        found = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:]).T
    return found


def find_silhouettes(views: Tensor, background: tuple[float, float, float]) -> Tensor:
    """The object in each picture, bool (V, H, W), enclosed regions included. `views` float (V, H, W, 3) in [0, 1]."""
    found = np.stack([estimate_foreground(picture, background) for picture in views.cpu().numpy()])
    return torch.from_numpy(found).to(views.device)


def _without_specks(mask: BoolArray, least: float) -> BoolArray:
    from scipy import ndimage

    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    large = np.bincount(parts.ravel(), minlength=count + 1) >= least
    large[0] = False
    kept: BoolArray = large[parts]
    return kept
