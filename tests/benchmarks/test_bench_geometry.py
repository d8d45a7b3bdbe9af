"""The rasteriser against Embree's ray casting, and a whole render, on the same mesh in the same run."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from bench.cases.mesh_file import load_mesh
from bench.geometry.cameras import view_cameras
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_albedo

CAMERAS = view_cameras(projection="orthographic", resolution=256)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    path = tmp_path_factory.mktemp("mesh") / "sphere.ply"
    trimesh.creation.icosphere(subdivisions=5, radius=0.5).export(path)
    return load_mesh(path).normalised()


@pytest.mark.benchmark(group="first hits, 4 views of 256 px, 20 k faces")
def test_rasteriser(benchmark, mesh):
    found = benchmark(rasterise, mesh, CAMERAS)
    assert 0.3 < float(found.mask.double().mean()) < 0.9


@pytest.mark.benchmark(group="first hits, 4 views of 256 px, 20 k faces")
def test_embree(benchmark, mesh):
    pytest.importorskip("embreex")
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    caster = RayMeshIntersector(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))
    pixels = (np.arange(256) + 0.5 - 128) / CAMERAS.intrinsics[0, 0, 0]
    x, y = np.meshgrid(pixels, pixels)
    origins = np.stack([x, -y, np.full_like(x, 2.0)], axis=-1).reshape(-1, 3)
    directions = np.tile([0.0, 0.0, -1.0], (len(origins), 1))

    def four_views() -> np.ndarray:
        return np.stack([caster.intersects_first(origins, directions) for _ in range(4)])

    hits = benchmark(four_views) >= 0
    ours = rasterise(mesh, CAMERAS).mask[0].numpy().ravel()
    assert (hits[0] == ours).mean() > 0.999


@pytest.mark.benchmark(group="render, 4 views of 256 px")
def test_supersampled_render(benchmark, mesh):
    views = benchmark(render_albedo, mesh, CAMERAS, (1.0, 1.0, 1.0))
    assert views.shape == (4, 256, 256, 3)
