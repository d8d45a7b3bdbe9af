"""Which face each pixel sees, exactly, and alike on every device. `kernels` says how, and why there are no cracks.

Two levels: `rasterise` gives the full geometry buffer of all views; `project` places a mesh before the cameras and
hands out bare z-buffers of any resolution, layer by layer, for renderers that cannot afford full buffers at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import UsageError
from bench.geometry import kernels
from bench.geometry.cameras import Cameras
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import FloatArray, Mesh
from bench.geometry.warp_runtime import launch, matrices, ready_device, scalars, vectors

NEAR_PLANE = 1e-6  # perspective views see nothing closer than this; orthographic views have no near plane
ROW_LANES = 32  # threads that share one face's rows on a GPU


def rasterise(mesh: Mesh, cameras: Cameras, device: str = "cpu") -> GBuffer:
    """The geometry buffer of `mesh` in every view of `cameras`, on `device` ('cpu', 'cuda', 'cuda:1').

    Two-sided, watertight, deterministic: among faces at the same depth (to 2^-31 of the mesh's depth range) the lowest
    index wins. Faces that reach behind a perspective camera are cut at its near plane, 1e-6 in front of it.
    Raises `UsageError` for a device that is not there.
    """
    placed = project(mesh, cameras, device)
    face, barycentric = placed.resolve(placed.nearest_keys())
    depth, cosine = (torch.zeros(face.shape, dtype=torch.float64, device=face.device) for _ in range(2))
    position, normal, face_normal = (torch.zeros_like(barycentric) for _ in range(3))
    inputs = (scalars(face), vectors(barycentric), vectors(placed.clip), vectors(placed.faces))
    surface = (vectors(_float64(array, face.device)) for array in (mesh.vertices, mesh.normals, _eyes(cameras)))
    outputs = (scalars(depth), vectors(position), vectors(normal), vectors(face_normal), scalars(cosine))
    launch(kernels.describe, face.shape, (*inputs, *surface, *outputs), face.device)
    return GBuffer(cameras, depth, face, barycentric, position, normal, face_normal, cosine)


def rasterise_uv(mesh: Mesh, size: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """The face under each texel of a square atlas, int32 (size, size), and its barycentrics, float64 (size, size, 3).

    Row 0 is v = 1, as in stored textures; -1 and zeros where no face is; coordinates outside [0, 1] are cut off; where
    charts overlap the lowest face wins. Raises `UsageError` for a mesh without texture coordinates.
    """
    if mesh.uv is None:
        raise UsageError("the mesh has no texture coordinates to rasterise", expected="a mesh with uv (N, 2)")
    u, v = mesh.uv[:, 0], mesh.uv[:, 1]
    clip = np.stack([u * size, (1.0 - v) * size, np.ones_like(u), np.zeros_like(u)], axis=-1)
    device = ready_device("cpu")
    atlas = PlacedMesh(_float64(clip[None], device), _faces(mesh, device), size, -np.inf)
    face, barycentric = atlas.resolve(atlas.nearest_keys())
    return face[0].numpy(), barycentric[0].numpy()


def project(mesh: Mesh, cameras: Cameras, device: str = "cpu", supersample: int = 1) -> PlacedMesh:
    """`mesh` before `cameras` on `device`, for z-buffers of `supersample` times the cameras' resolution."""
    where = ready_device(device)
    transforms = _clip_matrices(cameras)
    transforms[:, :2] *= supersample
    clip = torch.empty((len(cameras), len(mesh.vertices), 4), dtype=torch.float64, device=where)
    arguments = (vectors(_float64(mesh.vertices, where)), matrices(_float64(transforms, where)), vectors(clip))
    launch(kernels.to_clip, clip.shape[:2], arguments, where)
    near_plane = NEAR_PLANE if cameras.projection == "perspective" else -np.inf
    return PlacedMesh(clip, _faces(mesh, where), cameras.resolution * supersample, near_plane)


@dataclass(frozen=True)
class PlacedMesh:
    """A mesh before V cameras: `clip` float64 (V, N, 4) (see `kernels`), `faces` int32 (F, 3), on one device."""

    clip: Tensor
    faces: Tensor
    resolution: int
    near_plane: float

    def view(self, index: int) -> PlacedMesh:
        """The same before camera number `index` only."""
        return replace(self, clip=self.clip[index : index + 1])

    def nearest_keys(self, behind: Tensor | None = None) -> Tensor:
        """The z-buffer, int64 (V, H, W): depth31 << 32 | face, the largest int64 where nothing is.

        With `behind`, an earlier z-buffer, only what lies behind it counts: called in a loop this peels layer by layer.
        """
        shape = (len(self.clip), self.resolution, self.resolution)
        keys = torch.full(shape, kernels.EMPTY_KEY, dtype=torch.int64, device=self.clip.device)
        if not len(self.faces):
            return keys
        depth = self.clip[..., 3]
        near = depth.amin(dim=1).clamp(min=self.near_plane)
        far = torch.maximum(depth.amax(dim=1), near + 1e-12)
        lanes = ROW_LANES if self.clip.device.type == "cuda" else 1
        surface = (vectors(self.clip), vectors(self.faces), vectors(torch.stack((near, far), dim=-1)))
        layer = (behind is not None, scalars(keys if behind is None else behind))
        arguments = (*surface, self.near_plane, lanes, *layer, scalars(keys))
        launch(kernels.keep_nearest, (len(self.clip), len(self.faces), lanes), arguments, self.clip.device)
        return keys

    def resolve(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Faces int32 (V, H, W), -1 on the background, and barycentrics float64 (V, H, W, 3) of a z-buffer."""
        face = torch.full(keys.shape, -1, dtype=torch.int32, device=keys.device)
        barycentric = torch.zeros((*keys.shape, 3), dtype=torch.float64, device=keys.device)
        arguments = (scalars(keys), vectors(self.clip), vectors(self.faces), scalars(face), vectors(barycentric))
        launch(kernels.resolve, keys.shape, arguments, keys.device)
        return face, barycentric


def _clip_matrices(cameras: Cameras) -> FloatArray:
    """(V, 4, 4): homogeneous points of the world to (x w, y w, w, depth)."""
    local, k = cameras.world_to_camera, cameras.intrinsics
    depth = local[:, 2]
    w = depth if cameras.projection == "perspective" else np.broadcast_to([0.0, 0.0, 0.0, 1.0], depth.shape)
    x = k[:, 0, 0, None] * local[:, 0] + k[:, 0, 2, None] * w
    y = k[:, 1, 1, None] * local[:, 1] + k[:, 1, 2, None] * w
    return np.stack([x, y, w, depth], axis=1)


def _eyes(cameras: Cameras) -> FloatArray:
    """Where the cameras look from, homogeneous (V, 4): points, or directions for orthographic views."""
    if cameras.projection == "perspective":
        return np.concatenate([cameras.centres, np.ones((len(cameras), 1))], axis=1)
    return np.concatenate([-cameras.forward, np.zeros((len(cameras), 1))], axis=1)


def _float64(array: FloatArray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)).to(device)


def _faces(mesh: Mesh, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(mesh.faces, dtype=np.int32)).to(device)
