"""An object at one size, and nothing else: what networks see that must not know how it was framed.

A picture of an object is mostly not the object. Its size in the frame, its outline and the colour behind it decide what
a network answers as much as what is painted on it. Here the object is cut out, brought to one size, and what is beside
it is replaced by its own nearest paint, so that none of them can enter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.geometry.foreground import estimate_cut_out
from groundwork.pictures import RGB, Picture, PictureRGBA

SIDE = 192  # px of the frame
LENGTH = 144  # px: the longer side of the object's bounding box; objects in views of 256 px are larger, so none gains
RIM = 0.02  # of that length: the part of the object next to its outline that is not looked at
_REACH = 2.0  # source pixels that a bicubic filter mixes across the outline
_LEAST = 0.02  # of the object: where the rim leaves less of it, a thinner rim is taken

VERSION = "object-frame-v1"


def cut_out(picture: Picture, background: RGB) -> PictureRGBA:
    """The picture, uint8 (H, W, 3), with the object's estimated outline as its alpha (0 or 255).

    `background` is what the suite asked for, sRGB in [0, 1]. What has exactly its colour inside the object is left out:
    from a picture alone a hole and a white patch look the same, and neither has any texture to look at.
    """
    return np.dstack([picture, np.where(estimate_cut_out(picture, background), 255, 0).astype(np.uint8)])


def object_frame(cut: PictureRGBA) -> npt.NDArray[np.uint8]:
    """The object of a cut-out (H, W, 4), uint8 (SIDE, SIDE, 4): its paint, and as alpha what of it may be looked at.

    The bounding box of alpha above one half is centred, its longer side at `LENGTH`. Alpha is 255 inside the rim and 0
    elsewhere; there, the paint of the nearest pixel inside goes on. Without any object all is 0.
    """
    from scipy import ndimage

    pixels, core = framed(cut)
    if not core.any():
        return np.zeros((SIDE, SIDE, 4), dtype=np.uint8)
    row, column = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
    return np.dstack([pixels[row, column], np.where(core, 255, 0).astype(np.uint8)])


def framed(cut: PictureRGBA) -> tuple[Picture, npt.NDArray[np.bool_]]:
    """Where `object_frame` puts the object: pixels, uint8 (SIDE, SIDE, 3), and which may be looked at."""
    mask = cut[..., 3] > 127
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((SIDE, SIDE, 3), dtype=np.uint8), np.zeros((SIDE, SIDE), dtype=np.bool_)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    length = max(bottom - top, right - left)
    half = SIDE / LENGTH * length / 2
    margin = int(np.ceil(half - min(bottom - top, right - left) / 2)) + 1
    paint = np.pad(cut[top:bottom, left:right, :3], ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    inside = np.pad(mask[top:bottom, left:right], margin)
    y, x = margin + (bottom - top) / 2, margin + (right - left) / 2
    box = (x - half, y - half, x + half, y + half)
    pixels = np.asarray(Image.fromarray(paint).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))
    share = Image.fromarray(inside.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX, box=box)
    return pixels, _core(np.asarray(share) > 0.999, max(RIM * LENGTH, _REACH * LENGTH / length))


def _core(whole: npt.NDArray[np.bool_], rim: float) -> npt.NDArray[np.bool_]:
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(whole)
    core = depth > rim
    if core.sum() < _LEAST * whole.sum() or not core.any():
        core = depth >= max(min(depth.max(), 1.0), depth.max() / 2)
    return np.asarray(core, dtype=np.bool_)
