"""Which pixels of different views show the same point of the surface: what every consistency metric stands on.

Correspondence is per pixel, without an atlas. The surface point of pixel p of view i is projected into view j, and j
counts as seeing it when all of these hold:

1. the pixel of j that the point falls on is *interior*: well inside the silhouette and the frame (see `margin`), and no
   outline of one part of the object before another passes between it and its four neighbours;
2. j looks at the side of the surface that i shows, and not too grazingly: cos(theta_j) > `MIN_COSINE`;
3. the four pixels of j that bilinear sampling would mix show the surface next to the point, not something in front;
4. nothing stands between the point and the camera of j (a shadow ray through the mesh).

A shadow ray needs no bias, which makes it exact where a comparison of depths must trade lost grazing surfaces for
leaks. But it answers for the point alone, while pictures mix: a sample mixes four pixels, and a pixel of any picture,
generated or rendered, mixes what its area covers. Beside the outline of an occluder a point in plain sight is sampled
with half of the occluder's paint. Outlines and the four pixels are found by the distance of neighbouring surface points
from the *tangent plane*, which is zero on a flat surface however grazing the view. What that buys: supersampled renders
of a perfectly consistent mesh with many parts agree to 50 dB instead of 35, for a tenth of the coverage; convex objects
lose nothing. Where a detailed object loses most of its judged surface to these rules, it is to the fourth: one part
stands before another (a cow's legs and head, by 36 pixels and more). Other views see behind it; no softer rule does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from bench.geometry.cameras import Cameras
from bench.geometry.channels import dot
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Mesh
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

Kept = TypeVar("Kept")

MIN_COSINE = 0.2
EROSION = 2  # px, at least: what a picture's own pixels mix along an outline
EROSION_SHARE = 88  # and this fraction of the object's size, which is 2 px of 176: the same surface at any resolution
OUTLINE = 2.0  # footprints of a pixel off the tangent plane: curvature and most edges stay below, occluders above

VISIBILITY = (
    f"min_cos={MIN_COSINE} erosion=object/{EROSION_SHARE},{EROSION}px-or-more visibility=shadow-rays "
    f"outline={OUTLINE:g}footprints"
)
"""The constants of these rules, for signatures."""


@dataclass(frozen=True)
class Correspondence:
    """Where the surface point of each pixel lands in every view, for all ordered pairs (i, j) of V views.

    pixel       float32 (V, V, H, W, 2)  (x, y) in view j of the point of view i's pixel; pixel centres are at + 0.5
    visible     bool    (V, V, H, W)     j sees the point and may be sampled there
    cosine      float32 (V, V, H, W)     cos(theta_j): flat normal, on the side that i shows, against camera j
    foreground  bool    (V, H, W)        pixels that show the mesh at all

    `pixel` and `cosine` are 0 on the background. `visible[i, i]`: interior pixels with cos(theta_i) > `MIN_COSINE`.
    Nothing of it may be changed in place: what follows from it is kept.
    """

    pixel: Tensor
    visible: Tensor
    cosine: Tensor
    foreground: Tensor

    @property
    def weight(self) -> Tensor:
        """cos^2(theta_j), float32 (V, V, H, W), 0 where j does not see the point."""
        return torch.where(self.visible, self.cosine.square(), 0.0)

    @cached_property
    def scoring_mask(self) -> Tensor:
        """Omega, bool (V, H, W): interior pixels with cos(theta_i) > `MIN_COSINE` that another view sees too."""
        views = torch.arange(len(self.visible), device=self.visible.device)
        others = self.visible.clone()
        others[views, views] = False
        return self.visible[views, views] & others.any(dim=1)

    @cached_property
    def coverage(self) -> float:
        """|Omega| / |F|, pooled over the views: the share of the foreground that can be judged; 0 if there is none."""
        return float(self.scoring_mask.sum() / self.foreground.sum().clamp(min=1))

    @cached_property
    def object_size(self) -> int:
        """Longest side of the foreground's box over all views, in px: the unit of detail; 0 if there is none."""
        return object_size(self.foreground)

    @cached_property
    def _kept(self) -> dict[Hashable, Any]:
        return {}

    def keep(self, name: Hashable, make: Callable[[], Kept]) -> Kept:
        """What `make` gives, computed once under its `name` and as long-lived as this: for what follows from geometry.

        An object is seen by many generators, and most of what a metric prepares does not depend on their pictures.
        """
        if name not in self._kept:
            self._kept[name] = make()
        kept: Kept = self._kept[name]
        return kept


class Sight:
    """What the views of `gbuffer` (`mesh` rasterised) see of the mesh's surface, by the four rules above.

    Pixels that are less than `erosion` px inside the silhouette count as outline.
    """

    def __init__(self, mesh: Mesh, gbuffer: GBuffer, device: str = "cpu", erosion: int = EROSION) -> None:
        from bench.geometry.shadow_rays import ShadowRays

        self.gbuffer = gbuffer
        self.interior = _interior(gbuffer, erosion)
        self._centres = torch.as_tensor(gbuffer.cameras.centres, device=gbuffer.mask.device)
        self._shadow = ShadowRays(mesh, device)

    def of(self, view: int, point: Tensor, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How `view` sees surface points, float64 (n, 3), from the side of their flat unit normals, float64 (n, 3).

        Returns where they fall, (x, y) float64 (n, 2); cos(theta) against the camera, float64 (n,); and whether the
        view may be sampled there, bool (n,).
        """
        cameras = self.gbuffer.cameras
        towards = self.directions(view, point)
        cos = dot(normal, towards)
        xy, depth = cameras.project(point, view)
        keep = torch.nonzero((cos > MIN_COSINE) & (depth > 0) & at(self.interior[view], xy))[:, 0]
        footprint = _footprint(cameras, view, depth[keep])
        keep = keep[_taps_on_surface(self.gbuffer.position[view], xy[keep], point[keep], normal[keep], footprint)]
        far = cameras.projection == "orthographic"
        distance = None if far else (self._centres[view] - point[keep]).norm(dim=-1)
        keep = keep[~self._shadow.blocked(point[keep], normal[keep], towards[keep], distance)]
        visible = torch.zeros_like(cos, dtype=torch.bool)
        visible[keep] = True
        return xy, cos, visible

    def directions(self, view: int, point: Tensor) -> Tensor:
        """Unit vectors (n, 3) from the points towards the camera."""
        return _directions(self.gbuffer.cameras, self._centres, view, point)


def correspond(mesh: Mesh, gbuffer: GBuffer, device: str = "cpu") -> Correspondence:
    """Match every pixel of `gbuffer` (`mesh` rasterised) with all views. Computed in float64, stored in float32."""
    mask = gbuffer.mask
    n, height, width = mask.shape
    sight = Sight(mesh, gbuffer, device, margin(object_size(mask)))

    pixel = torch.zeros(n, n, height, width, 2, dtype=torch.float32, device=mask.device)
    cosine = torch.zeros(n, n, height, width, dtype=torch.float32, device=mask.device)
    visible = torch.zeros(n, n, height, width, dtype=torch.bool, device=mask.device)
    for i in range(n):
        row, column = torch.nonzero(mask[i], as_tuple=True)
        point, normal = gbuffer.position[i, row, column], gbuffer.face_normal[i, row, column]
        for j in range(n):
            if i == j:
                # exact pixel centres, so that a view sampled at its own pixels is the view itself
                pixel[i, i, row, column] = torch.stack((column, row), dim=-1).float() + 0.5
                cosine[i, i] = gbuffer.cosine[i].float()
                visible[i, i] = sight.interior[i] & (gbuffer.cosine[i] > MIN_COSINE)
                continue
            xy, cos, seen = sight.of(j, point, normal)
            pixel[i, j, row, column] = xy.float()
            cosine[i, j, row, column] = cos.float()
            visible[i, j, row, column] = seen
    return Correspondence(pixel, visible, cosine, mask)


def object_size(mask: Tensor) -> int:
    """Longest side in px of the boxes round what each view of `mask`, bool (V, H, W), shows; 0 if nothing."""
    rows, columns = mask.any(dim=2), mask.any(dim=1)
    return max((_span(line) for line in (*rows, *columns)), default=0)


def _span(line: Tensor) -> int:
    places = torch.nonzero(line)
    return int(places[-1] - places[0]) + 1 if len(places) else 0


def margin(size: int) -> int:
    """How many px inside its silhouette an object of `size` px is judged.

    A share of the object, so that more pixels show the same surface; but outlines mix 2 px whatever the object's size.

    >>> margin(90), margin(176), margin(352)
    (2, 2, 4)
    """
    return max(EROSION, round(size / EROSION_SHARE))


def erode(mask: Tensor, pixels: int) -> Tensor:
    """Pixels of `mask`, bool (V, H, W), whose (2 `pixels` + 1)^2 neighbourhood is mask, and in the frame."""
    outside = torch.nn.functional.pad((~mask).float(), (pixels,) * 4, value=1.0)
    return torch.nn.functional.max_pool2d(outside[:, None], 2 * pixels + 1, stride=1)[:, 0] == 0


def _interior(gbuffer: GBuffer, erosion: int) -> Tensor:
    """Pixels, bool (V, H, W), that are `erosion` px inside the silhouette and have no outline on their four sides."""
    interior = erode(gbuffer.mask, erosion)
    for view, surface in enumerate(gbuffer.position):
        row, column = torch.nonzero(interior[view], as_tuple=True)
        point, normal = surface[row, column], gbuffer.face_normal[view, row, column]
        limit = OUTLINE * _footprint(gbuffer.cameras, view, gbuffer.depth[view, row, column])
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            offset = dot(surface[row + down, column + right] - point, normal).abs()
            interior[view, row, column] &= offset < limit
    return interior


def _directions(cameras: Cameras, centres: Tensor, view: int, points: Tensor) -> Tensor:
    """Unit vectors (n, 3) from the points towards the camera."""
    if cameras.projection == "orthographic":
        return -torch.as_tensor(cameras.forward[view], dtype=points.dtype, device=points.device).expand_as(points)
    return torch.nn.functional.normalize(centres[view] - points, dim=-1)


def _footprint(cameras: Cameras, view: int, depth: Tensor) -> Tensor:
    """Width of a pixel of the view in world units, at each depth."""
    width = 1.0 / float(cameras.intrinsics[view, 0, 0])
    return depth * width if cameras.projection == "perspective" else torch.full_like(depth, width)


def at(mask: Tensor, xy: Tensor) -> Tensor:
    """`mask` (H, W) at the pixels that hold the positions (n, 2); False outside the frame."""
    height, width = mask.shape
    column, row = xy.floor().long().unbind(dim=-1)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return inside & mask[row.clamp(0, height - 1), column.clamp(0, width - 1)]


def _taps_on_surface(surface: Tensor, xy: Tensor, point: Tensor, normal: Tensor, footprint: Tensor) -> Tensor:
    """Whether the four pixels round each position show surface points (H, W, 3) close to the tangent plane of `point`.

    The positions lie in the interior, so that the four pixels exist and show the mesh.
    """
    column, row = (xy - 0.5).floor().long().unbind(dim=-1)
    near = torch.ones(len(xy), dtype=torch.bool, device=xy.device)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        offset = dot(surface[row + down, column + right] - point, normal).abs()
        near &= offset < OUTLINE * footprint
    return near
