"""Which face each pixel sees, exactly and alike on every device. `bench.geometry.kernels` says how and why it is watertight.

Two levels: `rasterise` gives the full geometry buffer of all views; `Rasteriser` holds a mesh on a device and hands
out bare z-buffers of any resolution, layer by layer, for renderers that cannot afford full buffers at that resolution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import warp as wp
from torch import Tensor

from bench.errors import UsageError
from bench.geometry import kernels
from bench.geometry.cameras import Cameras
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import FloatArray, Mesh

NEAR_PLANE = 1e-6  # perspective views see nothing closer than this; orthographic views have no near plane
ROW_LANES = 32  # threads that share one face's rows on a GPU


def rasterise(mesh: Mesh, cameras: Cameras, device: str = "cpu") -> GBuffer:
    """The geometry buffer of `mesh` in every view of `cameras`, on `device` ('cpu', 'cuda', 'cuda:1').

    Two-sided, watertight, deterministic: among faces at the same depth (to 2^-31 of the depth range of the mesh) the lowest
    index wins. Faces that reach behind a perspective camera are cut at its near plane (1e-6 in front of it).
    Raises `UsageError` for a device that is not there.
    """
    surface = Rasteriser(mesh, cameras, device)
    keys = surface.nearest_keys()
    face, barycentric = surface.resolve(keys)
    shape = tuple(face.shape)
    vectors = [torch.zeros((*shape, 3), dtype=torch.float64, device=surface.device) for _ in range(3)]
    scalars = [torch.zeros(shape, dtype=torch.float64, device=surface.device) for _ in range(2)]
    position, normal, face_normal = vectors
    depth, cosine = scalars
    if cameras.projection == "perspective":
        eyes = np.concatenate([cameras.centres, np.ones((len(cameras), 1))], axis=1)
    else:
        eyes = np.concatenate([-cameras.forward, np.zeros((len(cameras), 1))], axis=1)
    surface.launch(
        kernels.describe,
        shape,
        _ints(face),
        _vectors(barycentric),
        _vectors(surface.clip),
        _triangles(surface.faces),
        _vectors(surface.place(mesh.vertices)),
        _vectors(surface.place(mesh.normals)),
        _vectors(surface.place(eyes)),
        _scalars(depth),
        _vectors(position),
        _vectors(normal),
        _vectors(face_normal),
        _scalars(cosine),
    )
    return GBuffer(cameras, depth, face, barycentric, position, normal, face_normal, cosine)


def rasterise_uv(mesh: Mesh, size: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Which face each texel of a square atlas belongs to: face int32 (size, size), -1 where none, and barycentrics
    float64 (size, size, 3). Row 0 is v = 1, as in stored textures; coordinates outside [0, 1] are cut off; where
    charts overlap the lowest face wins. Raises `UsageError` for a mesh without texture coordinates.
    """
    if mesh.uv is None:
        raise UsageError("the mesh has no texture coordinates to rasterise", expected="a mesh with uv (N, 2)")
    u, v = mesh.uv.T
    clip = np.stack([u * size, (1.0 - v) * size, np.ones_like(u), np.zeros_like(u)], axis=-1)[None]
    atlas = Rasteriser._of_clip(clip, mesh.faces, size, -np.inf, _torch_device("cpu"))
    face, barycentric = atlas.resolve(atlas.nearest_keys())
    return face[0].numpy(), barycentric[0].numpy()


class Rasteriser:
    """A mesh placed before V cameras on a device: `clip` float64 (V, N, 4) (see `kernels`), `faces` int32 (F, 3)."""

    clip: Tensor
    faces: Tensor
    device: torch.device

    def __init__(self, mesh: Mesh, cameras: Cameras, device: str = "cpu", supersample: int = 1) -> None:
        """`supersample` multiplies the resolution of what `nearest_keys` returns."""
        self.device = _torch_device(device)
        matrices = _clip_matrices(cameras)
        matrices[:, :2] *= supersample
        clip = torch.empty((len(cameras), len(mesh.vertices), 4), dtype=torch.float64, device=self.device)
        near_plane = NEAR_PLANE if cameras.projection == "perspective" else -np.inf
        self._set(clip, mesh.faces, cameras.resolution * supersample, near_plane)
        self.launch(
            kernels.to_clip,
            clip.shape[:2],
            _vectors(self.place(mesh.vertices)),
            wp.from_torch(self.place(matrices), dtype=wp.mat44d),
            _vectors(clip),
        )

    @classmethod
    def _of_clip(
        cls, clip: FloatArray, faces: npt.NDArray[np.int32], resolution: int, near_plane: float, device: torch.device
    ) -> Rasteriser:
        made = cls.__new__(cls)
        made.device = device
        made._set(made.place(clip), faces, resolution, near_plane)
        return made

    def _set(self, clip: Tensor, faces: npt.NDArray[np.int32], resolution: int, near_plane: float) -> None:
        self.clip, self.resolution, self.near_plane = clip, resolution, near_plane
        self.faces = torch.from_numpy(np.ascontiguousarray(faces, dtype=np.int32)).to(self.device)

    def nearest_keys(self, view: int | None = None, behind: Tensor | None = None) -> Tensor:
        """The z-buffer, int64 (V, H, W), or (1, H, W) of one `view`: depth31 << 32 | face, the int64 maximum where empty.

        With `behind`, an earlier result of the same views, the next layer: the nearest faces behind that one.
        """
        clip = self.clip if view is None else self.clip[view : view + 1]
        shape = (len(clip), self.resolution, self.resolution)
        keys = torch.full(shape, torch.iinfo(torch.int64).max, dtype=torch.int64, device=self.device)
        if not len(self.faces):
            return keys
        depth = clip[..., 3]
        near = depth.amin(dim=1).clamp(min=self.near_plane)
        far = torch.maximum(depth.amax(dim=1), near + 1e-12)
        lanes = ROW_LANES if self.device.type == "cuda" else 1
        self.launch(
            kernels.keep_nearest,
            (len(clip), len(self.faces), lanes),
            _vectors(clip),
            _triangles(self.faces),
            _vectors(torch.stack((near, far), dim=-1)),
            wp.float64(self.near_plane),
            lanes,
            behind is not None,
            _keys(keys if behind is None else behind),
            _keys(keys),
        )
        return keys

    def resolve(self, keys: Tensor, view: int | None = None) -> tuple[Tensor, Tensor]:
        """Faces int32 (V, H, W), -1 on the background, and barycentrics float64 (V, H, W, 3) of a z-buffer."""
        clip = self.clip if view is None else self.clip[view : view + 1]
        face = torch.full(keys.shape, -1, dtype=torch.int32, device=self.device)
        barycentric = torch.zeros((*keys.shape, 3), dtype=torch.float64, device=self.device)
        self.launch(
            kernels.resolve,
            keys.shape,
            _keys(keys),
            _vectors(clip),
            _triangles(self.faces),
            _ints(face),
            _vectors(barycentric),
        )
        return face, barycentric

    def place(self, array: FloatArray) -> Tensor:
        """A float64 array on this device."""
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)).to(self.device)

    def launch(self, kernel: Any, shape: tuple[int, ...] | torch.Size, *arguments: Any) -> None:
        """Run a kernel in step with torch's work on the same device."""
        stream = wp.stream_from_torch(self.device) if self.device.type == "cuda" else None
        wp.launch(
            kernel, dim=tuple(shape), inputs=list(arguments), device=wp.device_from_torch(self.device), stream=stream
        )


def _clip_matrices(cameras: Cameras) -> FloatArray:
    """(V, 4, 4): homogeneous world points to (x w, y w, w, depth)."""
    local, k = cameras.world_to_camera, cameras.intrinsics
    depth = local[:, 2]
    w = depth if cameras.projection == "perspective" else np.broadcast_to([0.0, 0.0, 0.0, 1.0], depth.shape)
    x = k[:, 0, 0, None] * local[:, 0] + k[:, 0, 2, None] * w
    y = k[:, 1, 1, None] * local[:, 1] + k[:, 1, 2, None] * w
    return np.stack([x, y, w, depth], axis=1)


def _torch_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device '{name}'", expected="cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"device '{name}' cannot rasterise", expected="cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device '{name}' is not there: this process sees {torch.cuda.device_count()} CUDA devices",
            hint="use --device cpu, or look at CUDA_VISIBLE_DEVICES and `realiz3d-bench doctor`",
        )
    wp.init()  # idempotent; here rather than at import, so that importing costs nothing and touches no GPU
    return device


def _vectors(tensor: Tensor) -> Any:
    kinds = {2: wp.vec2d, 3: wp.vec3d, 4: wp.vec4d}
    return wp.from_torch(tensor.contiguous(), dtype=kinds[tensor.shape[-1]])


def _scalars(tensor: Tensor) -> Any:
    return wp.from_torch(tensor, dtype=wp.float64)


def _ints(tensor: Tensor) -> Any:
    return wp.from_torch(tensor, dtype=wp.int32)


def _keys(tensor: Tensor) -> Any:
    return wp.from_torch(tensor, dtype=wp.int64)


def _triangles(tensor: Tensor) -> Any:
    return wp.from_torch(tensor, dtype=wp.vec3i)
