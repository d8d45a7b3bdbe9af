"""Meshes whose paint is a function of the place in space: views of them agree exactly, by construction."""

from __future__ import annotations

import numpy as np
import torch
import trimesh
from torch import Tensor

from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.declaration import Sample
from bench.selftest.scenes import mesh_of as mesh_of

WHITE = (1.0, 1.0, 1.0)


def assembly() -> Mesh:
    """A sphere, a bar before it and a ring beside it: curved, flat, open and occluded surfaces."""
    ball, bar, ring = (
        trimesh.creation.icosphere(4, 0.42),
        trimesh.creation.box((0.1, 0.7, 0.1)),
        trimesh.creation.torus(0.3, 0.07, 48, 24),
    )
    bar.apply_translation((0.2, 0.0, 0.52))
    ring.apply_translation((-0.35, 0.3, 0.1))
    return mesh_of(trimesh.util.concatenate([ball, bar, ring])).normalised()


def paint(points: Tensor, seed: int = 0) -> Tensor:
    """Colours (..., 3) in [0, 1] at places (..., 3) of the unit box, with the 1/f spectrum of photographs."""
    rng = np.random.default_rng(seed)
    colour = torch.full_like(points, 0.5)
    for frequency in np.geomspace(1.0, 16.0, 24):  # cycles per unit
        direction = rng.standard_normal(3)
        wave = torch.as_tensor(2 * np.pi * frequency * direction / np.linalg.norm(direction), dtype=points.dtype)
        phase = torch.as_tensor(rng.uniform(0, 2 * np.pi, 3), dtype=points.dtype)
        colour = colour + 0.22 * frequency**-0.5 * torch.sin((points @ wave)[..., None] + phase) / 2
    return colour.clamp(0.0, 1.0)


def render(
    mesh: Mesh, cameras: Cameras, seed: int = 0, background: tuple[float, float, float] = WHITE, supersample: int = 3
) -> Tensor:
    """Views float64 (V, H, W, 3) of the painted mesh, each pixel the mean of supersample^2 exact samples."""
    k = cameras.intrinsics.copy()
    k[:, :2] *= supersample
    fine = Cameras(cameras.world_to_camera, k, cameras.projection, cameras.resolution * supersample)
    views = colours(rasterise(mesh, fine), seed, background)
    return torch.nn.functional.avg_pool2d(views.permute(0, 3, 1, 2), supersample).permute(0, 2, 3, 1)


def colours(gbuffer: GBuffer, seed: int = 0, background: tuple[float, float, float] = WHITE) -> Tensor:
    """One exact sample of the paint for each pixel, float64 (V, H, W, 3)."""
    views = torch.tensor(background, dtype=torch.float64).repeat(*gbuffer.mask.shape, 1)
    views[gbuffer.mask] = paint(gbuffer.position[gbuffer.mask], seed)
    return views


def sample(mesh: Mesh, resolution: int = 192, seed: int = 0) -> Sample:
    """Perfect views of the painted mesh from the four usual cameras."""
    cameras = view_cameras(resolution=resolution)
    return Sample(render(mesh, cameras, seed).float(), SceneGeometry(mesh, cameras), WHITE)
