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

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

BoolArray = npt.NDArray[np.bool_]

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
    from scipy import ndimage

    distance = np.abs(view - np.asarray(background)).max(axis=-1)
    edge = np.concatenate([distance[0], distance[-1], distance[1:-1, 0], distance[1:-1, -1]])
    threshold = np.clip(EDGE_MARGIN * np.quantile(edge, EDGE_QUANTILE), LEAST_DISTANCE, MOST_DISTANCE)
    apart = distance > threshold
    # an outline's pixel that the object covers by less than half is no part of a mask; its neighbour inside, which it
    # mixes with the background, tells how far it would be if covered
    rim = apart & ndimage.binary_dilation(~apart, np.ones((3, 3), dtype=bool))
    covered = distance > ndimage.maximum_filter(distance, size=3) / 2
    found = _without_specks(apart & (covered | ~rim))
    filled: BoolArray = ndimage.binary_fill_holes(found)
    if see_through is not None:
        regions, count = ndimage.label(filled & ~found)
        marked = ndimage.mean(see_through, regions, np.arange(1, count + 1)) if count else np.empty(0)
        filled &= ~np.concatenate([[False], np.asarray(marked) > 0.5])[regions]
    return filled


def find_silhouettes(views: Tensor, background: tuple[float, float, float]) -> Tensor:
    """The object in each picture, bool (V, H, W), enclosed regions included. `views` float (V, H, W, 3) in [0, 1]."""
    found = np.stack([estimate_foreground(picture, background) for picture in views.cpu().numpy()])
    return torch.from_numpy(found).to(views.device)


def _without_specks(mask: BoolArray) -> BoolArray:
    from scipy import ndimage

    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    large = np.bincount(parts.ravel(), minlength=count + 1) >= SPECK * mask.size
    large[0] = False
    kept: BoolArray = large[parts]
    return kept
