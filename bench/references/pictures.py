"""Real pictures as a suite's views show objects: square, the object in the middle, on the suite's background."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.errors import ImageError, ReferenceSetError
from groundwork.notes import tell
from groundwork.pictures import ALPHA_SEEN, RGB, SUFFIXES, Picture, PictureRGBA, composite, read_rgba
from groundwork.walk import walk

PREPARATION = "centred-v2"  # the name of what `centred` does, raised when it changes

# Side of the frame in units of the object: what the suite's default cameras (perspective, 40 degrees) see at the depth
# of an object's centre. Texture is texture at a scale: with objects a third larger in the reference than in the views,
# the distance between the two measured little else.
FRAME = 1.464


def reference_picture(path: Path, background: RGB) -> Picture:
    """Read a picture and frame it like a view: uint8 (S, S, 3). Raises `ImageError`."""
    return centred(read_rgba(path), background, where=str(path))


def reference_cut_out(path: Path, background: RGB) -> PictureRGBA | Picture:
    """`reference_picture` with the outline that the file has, uint8 (S, S, 4); (S, S, 3) where it has none."""
    return cut_out_of(read_rgba(path), background, str(path))


def cut_out_of(rgba: PictureRGBA, background: RGB, where: str) -> PictureRGBA | Picture:
    """`reference_cut_out` of pixels (H, W, 4) that were read. Raises `ImageError`."""
    return framed(rgba, where) if rgba[..., 3].min() < ALPHA_SEEN else centred(rgba, background, where)


def centred(rgba: PictureRGBA, background: RGB, where: str = "") -> Picture:
    """Frame (H, W, 4) pixels as a square (S, S, 3) on `background` (sRGB in [0, 1]); nothing is resized: see `framed`.

    Raises `ImageError` for a picture that is transparent everywhere.
    """
    return composite(framed(rgba, where), background)


def framed(rgba: PictureRGBA, where: str = "") -> PictureRGBA:
    """Frame (H, W, 4) pixels as a square (S, S, 4); nothing is resized.

    A cut-out is cropped to the bounding box of what is to be seen of it (alpha of `ALPHA_SEEN` or more) and put in the
    middle of a square whose side is the box's longest side times `FRAME`, so that it is as large as objects are in the
    suite's views. An opaque picture has no outline to go by and is cropped to its central square. Odd pixels go to the
    bottom right.
    Raises `ImageError` for a picture that is transparent everywhere.
    """
    seen = rgba[..., 3] >= ALPHA_SEEN
    if seen.all():
        side = min(seen.shape)
        top, left = (seen.shape[0] - side) // 2, (seen.shape[1] - side) // 2
        return rgba[top : top + side, left : left + side]
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        raise ImageError("the picture is transparent everywhere", where=where, expected="an object to look at")
    box = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = box.shape[:2]
    side = round(max(height, width) * FRAME)
    canvas = np.zeros((side, side, 4), dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = box
    return canvas


def unreadable(paths: Sequence[Path], background: RGB) -> list[ImageError]:
    """Why some of these reference pictures cannot be used, in their order."""

    def problem(path: Path) -> ImageError | None:
        try:
            reference_picture(path, background)
        except ImageError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return [error for error in pool.map(problem, paths) if error is not None]


def picture_paths(folder: Path) -> tuple[Path, ...]:
    """Every picture below `folder` by suffix, linked folders followed, hidden ones left out, sorted by relative path.

    Whatever else lies there is noted. Raises `ReferenceSetError` when there is no such folder or when it holds
    fewer than two pictures.
    """
    if not folder.is_dir():
        raise ReferenceSetError("the folder of reference pictures does not exist", where=str(folder))
    there = walk(folder, SUFFIXES)
    found = there.files
    if len(found) < 2:
        raise ReferenceSetError(
            f"a reference set needs at least two pictures; there {'is one' if found else 'are none'}",
            where=str(folder),
            expected=f"files that end in {', '.join(SUFFIXES)}, in any sub-folder",
            hint=there.left_out(),
        )
    if there.left_out():
        tell(there.left_out())
    return found
