"""A closed surface that fills the silhouettes of several views and is round where they leave it open.

The visual hull itself is of no use for comparing colours: seen from four sides its slices are rectangles, and no face
of a box is seen by two of the views. Real objects are rounder. Here a slice is an *ellipse* that touches the hull where
each view sees its outline: in view j a point lies at a share u_j of the way from the middle of its silhouette's row to
that row's end, and the surface is where

    sqrt(sum_j w_j u_j^2) = 1    or    max_j u_j = 1    (the hull), whichever is further inside.

The weights make a circle seen by any even ring of cameras a circle: w_j = 1 / sum_k cos^2(angle between the rows of j
and k). For two views 90 degrees apart they are 1, and a view that comes twice, from front and back, counts half. Exact
for ellipsoids and other round things on a level ring; a guess for boxes; wrong where a slice is far from convex (a mug
with its handle in sight). It depends on outlines alone, never on the colours that it will be used to compare.

Measured on ground-truth renders at 256 px: superellipses of exponent 3 (4) leave 14 % (5 %) of the object to compare
instead of 29 %, and choosing the exponent for each object by how well its views agree gains half a decibel on
ceilings and a little on floors. So the exponent is 2. Finer cells than 96 gain 0.15 dB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.geometry.cameras import Cameras
from bench.geometry.mesh import FloatArray, Material, Mesh
from bench.lifting.visual_hull import half_side
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

CELLS = 96  # along the longest side of the object's box
SMOOTHING = 0.7  # cells: rows end at whole pixels, and the surface's normals must not show it
_SCOUTS = 32
_FAR = 2.0  # u of what is nowhere near the object


def rounded_hull(silhouettes: Tensor, cameras: Cameras, cells: int = CELLS) -> Mesh | None:
    """The surface, or None when no point is object in all `silhouettes`, bool (V, H, W). On the CPU.

    `cells` are those along the longest side of the object's box.
    """
    from scipy import ndimage
    from skimage.measure import marching_cubes

    shares = [torch.from_numpy(row_shares(silhouette)) for silhouette in silhouettes.cpu().numpy()]
    weights = _view_weights(cameras)
    box = _find_box(shares, weights, cameras)
    if box is None:
        return None
    low, high = box
    cell = float((high - low).max()) / cells
    counts = np.ceil((high - low) / cell).astype(int) + 4  # two cells of nothing all round, so that it is closed
    axes = [torch.from_numpy(low[k] + (np.arange(counts[k]) - 1.5) * cell) for k in range(3)]
    inside = ndimage.gaussian_filter(1.0 - _reach(axes, shares, weights, cameras), SMOOTHING, mode="nearest")
    if float(inside.max()) <= 0.0:
        return None
    inside[[0, -1]] = inside[:, [0, -1]] = inside[:, :, [0, -1]] = 1.0 - _FAR
    surface: Any = marching_cubes
    corners, faces, _, _ = surface(inside, 0.0, spacing=(cell, cell, cell))
    vertices = np.asarray(corners, np.float64) + [float(axis[0]) for axis in axes]
    return _plain(vertices, np.ascontiguousarray(faces[:, ::-1], np.int32))


def row_shares(silhouette: npt.NDArray[np.bool_]) -> FloatArray:
    """How far from the middle of its run a pixel lies: 0 there, 1 at the run's ends, more outside, at most 2.

    A run is an unbroken row of pixels of the `silhouette` (H, W); a pixel belongs to the run that gives it the least.
    """
    shares = np.full(silhouette.shape, _FAR)
    centres = np.arange(silhouette.shape[1]) + 0.5
    for row in np.flatnonzero(silhouette.any(axis=1)):
        edges = np.flatnonzero(np.diff(silhouette[row].astype(np.int8), prepend=0, append=0))
        first, last = edges[::2], edges[1::2]
        distance = np.abs(centres[:, None] - (first + last) / 2) / ((last - first) / 2)
        shares[row] = distance.min(axis=1).clip(max=_FAR)
    return shares


def _view_weights(cameras: Cameras) -> Tensor:
    right = cameras.world_to_camera[:, 0, :3]
    return torch.from_numpy(1.0 / np.square(right @ right.T).sum(axis=1))


def _find_box(shares: list[Tensor], weights: Tensor, cameras: Cameras) -> tuple[FloatArray, FloatArray] | None:
    """Corners of a box round everything that may be object, from a coarse look at the whole world of the hull."""
    from scipy import ndimage

    side = half_side(cameras)
    cell = 2.0 * side / _SCOUTS
    axis = (torch.arange(_SCOUTS, dtype=torch.float64) + 0.5) * cell - side
    # the least in a coarse cell's surroundings, so that what is thinner than a cell is not missed
    coarse = [torch.from_numpy(ndimage.minimum_filter(share.numpy(), _pixels(cell, cameras))) for share in shares]
    near = np.argwhere(_reach([axis] * 3, coarse, weights, cameras) < 1.0)
    if not len(near):
        return None
    return (near.min(axis=0) - 0.5) * cell - side, (near.max(axis=0) + 1.5) * cell - side


def _pixels(length: float, cameras: Cameras) -> int:
    """Twice a length at the origin in pixels, as an odd number: what a cell's corners reach even when it is nearer."""
    return 2 * int(np.ceil(length * cameras.resolution / (2.0 * half_side(cameras)))) + 1


def _reach(axes: list[Tensor], shares: list[Tensor], weights: Tensor, cameras: Cameras) -> FloatArray:
    """max(|u| weighted over the views, largest u_j) at the points of a grid, float64 (X, Y, Z): below 1 inside."""
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    ellipse, hull = torch.zeros(points.shape[:3], dtype=torch.float64), torch.zeros(points.shape[:3]).double()
    for view, share in enumerate(shares):
        xy, _ = cameras.project(points, view)
        xy = (2.0 * xy / cameras.resolution - 1.0).reshape(1, 1, -1, 2)
        # beyond the frame an outline goes on as it is at the border
        at = torch.nn.functional.grid_sample(share[None, None], xy, padding_mode="border", align_corners=False)
        u = at.reshape(points.shape[:3])
        ellipse += weights[view] * u.square()
        hull = torch.maximum(hull, u)
    reach: FloatArray = torch.maximum(ellipse.sqrt(), hull).numpy()
    return reach


def _plain(vertices: FloatArray, faces: npt.NDArray[np.int32]) -> Mesh:
    """An unpainted mesh. Its smooth normals are never looked at: visibility and weights go by the faces' own."""
    up = np.tile([0.0, 1.0, 0.0], (len(vertices), 1))
    return Mesh(vertices, faces, up, None, None, np.zeros(len(faces), np.int32), (Material(),))
