"""Silhouette overlays: the outline of what a generator painted against the outline that it was asked for.

The asked outline is kept in the error maps, which are opaque exactly where the mesh is. Colours are safe for the
colour-blind (Okabe and Ito), and the two kinds of error differ in brightness too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.errors import ImageError
from bench.geometry.foreground import estimate_foreground
from bench.results.layout import map_file
from bench.results.read import RunResults
from groundwork.files import leads_out
from groundwork.pictures import RGB, Picture, decode_rgba

MISSING, EXTRA, OUTLINE = (213, 94, 0), (86, 180, 233), (20, 20, 20)
SHAPE = 96  # grey of an outline that stands alone
_MAX_BYTES = 1_000_000
Mask = npt.NDArray[np.bool_]


def asked_masks(run: RunResults, case: str, seed: int, views: int) -> tuple[Mask, ...]:
    """The mesh's mask in each view, bool (h, h), as coarse as the error maps are; none where no map is left."""
    for info in run.summary.error_maps:
        for generator in run.generators:
            path = map_file(run.layout.maps, generator.name, case, seed, info.metric)
            if not leads_out(run.path, path) and (masks := _split(path, views)):
                return masks
    return ()


def overlay(picture: Picture, asked: Mask, background: RGB, side: int) -> Picture:
    """The picture in pale grey, what it lacks of the `asked` shape in orange, what it adds in blue, uint8 (s, s, 3).

    The estimate of what is painted is the one that the control metrics make.
    """
    height, width = picture.shape[:2]
    full = _resized(asked, (width, height))
    painted = estimate_foreground(picture.astype(np.float64) / 255.0, background, ~full)
    small = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))
    painted, wanted = (_resized(mask, (side, side)) for mask in (painted, asked))
    grey = small.astype(np.float64).mean(axis=-1, keepdims=True)
    drawn = np.repeat(150 + 105 * grey / 255.0, 3, axis=-1)
    for mask, colour in ((wanted & ~painted, MISSING), (painted & ~wanted, EXTRA)):
        drawn[mask] = colour
    drawn[_edge(wanted)] = OUTLINE
    shown: Picture = np.round(drawn).astype(np.uint8)
    return shown


def filled(asked: Mask, side: int) -> Picture:
    """The shape alone, dark on white, with smooth edges, uint8 (s, s, 3)."""
    large = np.where(_resized(asked, (4 * side, 4 * side)), SHAPE, 255).astype(np.uint8)
    shown: Picture = np.asarray(Image.fromarray(large).convert("RGB").resize((side, side), Image.Resampling.BOX))
    return shown


def _split(path: Path, views: int) -> tuple[Mask, ...]:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return ()
        opaque = decode_rgba(path.read_bytes(), str(path))[..., 3] > 0
    except (OSError, ImageError):
        return ()
    if not views or opaque.shape[1] != views * opaque.shape[0]:
        return ()
    return tuple(np.split(opaque, views, axis=1))


def _resized(mask: Mask, size: tuple[int, int]) -> Mask:
    smooth = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BICUBIC)
    found: Mask = np.asarray(smooth) >= 128
    return found


def _edge(mask: Mask) -> Mask:
    """The mask's own outermost pixels."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: Mask = mask & ~inside
    return edge
