"""Shadow rays: is there anything of the mesh between a point on it and a camera? On CPU and GPU through `wp.Mesh`.

Warp traces in single precision. The mesh is therefore traced in its own frame (centred, longest side 1), where rounding
moves a point by less than 1e-7, and rays start `OFFSET` above the surface: a hundred times that rounding, so that a
face never shadows itself, and thinner than any gap between surfaces that a picture could show.
"""
# Warp reads array types from annotations that are calls, which mypy cannot take as types.
# mypy: disable-error-code="valid-type, no-untyped-call, untyped-decorator, misc"

import numpy as np
import torch
import warp as wp
from torch import Tensor

from bench.geometry.mesh import Mesh
from bench.geometry.warp_runtime import launch, ready_device, scalars

OFFSET = 1e-5  # of the longest side of the mesh's box

wp.set_module_options({"enable_backward": False})


@wp.kernel
def trace(
    mesh: wp.uint64,
    origin: wp.array(dtype=wp.vec3),
    direction: wp.array(dtype=wp.vec3),
    reach: wp.array(dtype=wp.float32),
    hit: wp.array(dtype=wp.uint8),
) -> None:
    """1 for each ray that meets the mesh within its reach."""
    ray = wp.tid()
    if wp.mesh_query_ray_anyhit(mesh, origin[ray], direction[ray], reach[ray]):
        hit[ray] = wp.uint8(1)


class ShadowRays:
    """The mesh as an accelerated occluder, both sides of each face opaque, on `device` ('cpu', 'cuda', 'cuda:1')."""

    def __init__(self, mesh: Mesh, device: str = "cpu") -> None:
        self._device = ready_device(device)
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        self._size = max(float((high - low).max()), 1e-12)
        self._centre = torch.as_tensor((low + high) / 2, device=self._device)
        points = ((mesh.vertices - (low + high) / 2) / self._size).astype(np.float32)
        faces = np.ascontiguousarray(mesh.faces, dtype=np.int32).ravel()
        place = wp.device_from_torch(self._device)
        with wp.ScopedStream(wp.stream_from_torch(self._device) if self._device.type == "cuda" else None):
            self._mesh = wp.Mesh(
                points=wp.array(points, dtype=wp.vec3, device=place),
                indices=wp.array(faces, dtype=wp.int32, device=place),
            )

    def blocked(self, points: Tensor, normals: Tensor, towards: Tensor, distance: Tensor | None) -> Tensor:
        """Whether each ray meets the mesh, bool (n,).

        Rays leave the surface `points` (n, 3) on the side of the unit `normals` along the unit directions `towards`,
        for `distance` (n,) world units or, when None, for ever (orthographic cameras).
        """
        hit = torch.zeros(len(points), dtype=torch.uint8, device=self._device)
        if len(points):
            origin = ((points - self._centre) / self._size + OFFSET * normals).float().contiguous()
            direction = towards.float().contiguous()
            # twice the box's diagonal is out of it from anywhere inside
            reach = torch.full_like(points[:, 0], 4.0) if distance is None else distance / self._size
            launch(
                trace,
                (len(points),),
                (
                    self._mesh.id,
                    wp.from_torch(origin, dtype=wp.vec3),
                    wp.from_torch(direction, dtype=wp.vec3),
                    scalars(reach.float()),
                    scalars(hit),
                ),
                self._device,
            )
        return hit.bool()
