"""Views to texture: every texel is a point of the surface, coloured by the views that see it.

A texel gets sum_j w_j x_j / sum_j w_j with w_j = cos(theta_j)^power and x_j a bilinear sample of view j, over the views
that see its point by the rules of `bench.geometry.correspondence`: the same that consistency is measured by. Those
rules keep an occluder's paint off what is behind it; what they leave out is filled and counted, never guessed silently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import ImageError, MeshError, UsageError
from bench.geometry.cameras import Cameras
from bench.geometry.correspondence import Sight, at, erode
from bench.geometry.mesh import FloatArray, Material, Mesh
from bench.geometry.prediction import bilinear, check_views
from bench.geometry.rasteriser import rasterise, rasterise_uv
from bench.texture_bake.atlas import charts
from bench.texture_bake.fill import fill_along_surface, fill_gutters

# A pixel beside an outline holds paint of both sides, and a sample beside that pixel takes its share of it: such
# samples count only where there are no others.
MARGIN = 1  # px
SPARE = 1e-3


@dataclass(frozen=True)
class BakedTexture:
    """`texture` uint8 (S, S, 3) sRGB, row 0 at v = 1.

    `covered` bool (S, S) are the texels that faces use, `painted` those among them that a view sees.
    """

    texture: npt.NDArray[np.uint8]
    covered: npt.NDArray[np.bool_]
    painted: npt.NDArray[np.bool_]

    @property
    def unseen(self) -> float:
        """Share of the faces' texels that no view sees; their colours are filled in."""
        return 1.0 - float(self.painted.sum()) / max(int(self.covered.sum()), 1)


def bake_texture(
    mesh: Mesh, views: Tensor, cameras: Cameras, size: int = 1024, *, power: float = 2.0, device: str = "cpu"
) -> BakedTexture:
    """The texture that `views`, uint8 or float in [0, 1] (V, H, W, 3), paint on `mesh`, on an atlas of `size` texels.

    `mesh` is placed as the cameras expect it (normalised) and has texture coordinates that give each point a texel of
    its own (`atlas.atlas_fault`). Raises `UsageError` for a mesh without coordinates or a size below 8, `ImageError`
    when views and cameras do not fit each other or no view sees the surface.
    """
    if size < 8:
        raise UsageError(f"an atlas of {size} x {size} texels holds no texture", expected="8 texels a side or more")
    gbuffer = rasterise(mesh, cameras, device)
    check_views(views, gbuffer.mask)
    pictures = (views.double() / 255.0 if views.dtype == torch.uint8 else views.double()).to(gbuffer.mask.device)
    face, barycentric = rasterise_uv(mesh, size)
    covered = face >= 0
    if not covered.any():
        raise MeshError("no texel of the atlas lies on a face", hint="make new texture coordinates")
    point, normal = _surface(mesh, face[covered], barycentric[covered])
    sight = Sight(mesh, gbuffer, device)
    points, normals = (torch.from_numpy(array).to(pictures.device) for array in (point, normal))
    colour, total = _blend(sight, pictures, points, normals, power)

    painted = np.zeros_like(covered)
    painted[covered] = total > 0
    if not painted.any():
        raise ImageError(
            "no view sees any texel of the mesh", hint="check that mesh, views and cameras belong together"
        )
    texture, place = np.zeros((size, size, 3)), np.zeros((size, size, 3))
    texture[covered], place[covered] = colour, point
    chart = np.where(covered, charts(mesh)[face], -1).astype(np.int32)
    texture = fill_gutters(fill_along_surface(texture, painted, chart, place), covered)
    return BakedTexture(np.rint(texture.clip(0.0, 1.0) * 255).astype(np.uint8), covered, painted)


def wearing_texture(mesh: Mesh, texture: npt.NDArray[np.uint8]) -> Mesh:
    """The mesh in this texture, uint8 (S, S, 3), and nothing else."""
    opaque = np.dstack([texture, np.full(texture.shape[:2], 255, np.uint8)])
    everywhere = np.zeros(len(mesh.faces), np.int32)
    return replace(mesh, colours=None, unpainted="", face_material=everywhere, materials=(Material(opaque),))


def _surface(mesh: Mesh, face: npt.NDArray[np.int32], barycentric: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points and flat unit normals, float64 (n, 3), of texels."""
    a, b, c = (mesh.vertices[mesh.faces[face, corner]] for corner in range(3))
    point = a * barycentric[:, :1] + b * barycentric[:, 1:2] + c * barycentric[:, 2:]
    normal = np.cross(b - a, c - a)
    return point, normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)


def _blend(
    sight: Sight, pictures: Tensor, point: Tensor, normal: Tensor, power: float
) -> tuple[FloatArray, FloatArray]:
    """Colours, float64 (n, 3), and sums of weights, float64 (n,), of surface points."""
    colour, total = torch.zeros_like(point), torch.zeros_like(point[:, 0])
    clean = erode(sight.interior, MARGIN)
    for view, picture in enumerate(pictures):
        # surfaces are two-sided, as they are rendered
        facing = (normal * sight.directions(view, point)).sum(dim=-1, keepdim=True)
        xy, cosine, seen = sight.of(view, point, torch.where(facing < 0, -normal, normal))
        weight = cosine[seen] ** power * torch.where(at(clean[view], xy[seen]), 1.0, SPARE)
        colour[seen] += weight[:, None] * bilinear(picture, xy[seen])
        total[seen] += weight
    mean = colour / total.clamp(min=1e-300)[:, None]
    return mean.cpu().numpy(), total.cpu().numpy()
