"""The rasteriser against brute force, Embree, closed forms and its promises: watertight, two-sided, deterministic."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import trimesh
import warp as wp
from brute_force import brute_force, primary_rays
from geometry_shapes import box, camera_at_origin, icosphere, joined, mesh_of, quad, soup, split, thin_quads
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.geometry import kernels, shading
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import FloatArray, Mesh
from bench.geometry.rasteriser import project, rasterise, rasterise_uv
from bench.geometry.warp_runtime import ready_device

SHAPES = {
    "icosphere": icosphere(2),
    "box": box(),
    "soup": soup(),
    "thin quads": thin_quads(),
    "split": split(icosphere(2)),
}
PROJECTIONS = ("perspective", "orthographic")


def tensors(gbuffer: GBuffer) -> dict[str, torch.Tensor]:
    return {f.name: getattr(gbuffer, f.name) for f in fields(gbuffer) if f.name != "cameras"}


def coverage_of_each(uv: FloatArray, faces: FloatArray, size: int) -> FloatArray:
    """How many of the faces, each rasterised on its own, claim each texel."""
    count = np.zeros((size, size), dtype=int)
    for face in faces:
        mesh = mesh_of(np.zeros((len(uv), 3)), np.array([face]), uv)
        count += rasterise_uv(mesh, size)[0] >= 0
    return count


class TestAgainstBruteForce:
    @pytest.mark.parametrize("projection", PROJECTIONS)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_same_face_depth_and_weights(self, shape: str, projection: str) -> None:
        cameras = view_cameras((0.0, 73.0), 20.0, projection, resolution=48)
        buffer, expected = rasterise(SHAPES[shape], cameras), brute_force(SHAPES[shape], cameras)
        clear = expected.clear
        assert clear.float().mean() > 0.95
        assert torch.equal(buffer.face[clear].long(), expected.face[clear])
        torch.testing.assert_close(buffer.depth[clear], expected.depth[clear], rtol=0, atol=1e-9)
        torch.testing.assert_close(buffer.barycentric[clear], expected.barycentric[clear], rtol=0, atol=1e-6)

    @pytest.mark.parametrize("shape", [box(), soup(), quad(z=-0.3)])
    def test_faces_behind_and_around_the_camera(self, shape: Mesh) -> None:
        """A camera in the middle of things sees what is in front of it, also of faces that reach behind it."""
        inside = camera_at_origin()
        buffer, expected = rasterise(shape, inside), brute_force(shape, inside)
        crossing = (shape.vertices[shape.faces][..., 2] > 0).any(1) & (shape.vertices[shape.faces][..., 2] < 0).any(1)
        assert crossing.any() or len(shape.faces) == 2
        assert torch.equal(buffer.face[expected.clear].long(), expected.face[expected.clear])

    def test_inside_a_box_there_is_no_background(self) -> None:
        assert rasterise(box(), camera_at_origin()).mask.all()


class TestAgainstEmbree:
    def agreement(self, mesh: Mesh, cameras: Cameras) -> tuple[float, torch.Tensor]:
        """Share of pixels with Embree's face, and the least barycentric weight where both hit but disagree."""
        pytest.importorskip("embreex")
        from trimesh.ray.ray_pyembree import RayMeshIntersector

        embree = RayMeshIntersector(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))
        buffer = rasterise(mesh, cameras)
        theirs = []
        for view in range(len(cameras)):
            origin, direction = (ray.reshape(-1, 3).numpy() for ray in primary_rays(cameras, view))
            theirs.append(embree.intersects_first(origin, direction).reshape(buffer.face.shape[1:]))
        differs = buffer.face.numpy() != np.stack(theirs)
        both = differs & buffer.mask.numpy() & (np.stack(theirs) >= 0)
        return 1 - float(differs.mean()), buffer.barycentric.amin(-1)[torch.from_numpy(both)]

    @pytest.mark.parametrize("projection", PROJECTIONS)
    @pytest.mark.parametrize("shape", [icosphere(4), soup(40, seed=3)], ids=["icosphere", "soup"])
    def test_agree_but_for_edges(self, shape: Mesh, projection: str) -> None:
        share, weights = self.agreement(shape, view_cameras((10.0, 130.0), 15.0, projection, resolution=160))
        assert share >= 0.999
        assert (weights < 1e-2).all()

    @pytest.mark.slow
    def test_agree_on_a_published_mesh(self, shared_data: Path) -> None:
        scene = trimesh.load(shared_data / "published_meshes" / "realiz3d" / "cow.glb", process=False)
        shape = scene.to_geometry()
        mesh = mesh_of(shape.vertices, shape.faces).normalised()
        assert self.agreement(mesh, view_cameras())[0] >= 0.999


class TestWatertight:
    @pytest.mark.parametrize("projection", PROJECTIONS)
    def test_no_holes_where_seams_split_the_vertices(self, projection: str) -> None:
        cameras = view_cameras((0.0, 45.0, 123.0), 30.0, projection, resolution=200)
        whole, seams = rasterise(icosphere(5), cameras), rasterise(split(icosphere(5)), cameras)
        assert torch.equal(whole.face, seams.face)
        # a sphere shows a convex disc: every row is one run without gaps
        starts = (whole.mask[..., 1:] & ~whole.mask[..., :-1]).sum(-1)
        assert starts.max() == 1

    def test_edges_on_pixel_centres_have_one_owner(self) -> None:
        """A rectangle with corners on pixel centres covers width x height pixels, however it is cut up."""
        size, low, high = 16, np.array([2.5, 4.5]), np.array([10.5, 9.5])
        corners = (
            np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]], [6.5, 7.5]]) / size
        )
        for faces in ([[0, 1, 2], [0, 2, 3]], [[1, 2, 3], [1, 3, 0]], [[4, 0, 1], [4, 1, 2], [4, 2, 3], [4, 3, 0]]):
            count = coverage_of_each(corners, np.array(faces), size)
            assert count.max() == 1
            assert count.sum() == 8 * 5

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_a_triangulated_square_is_covered_exactly_once(self, seed: int) -> None:
        """Random Delaunay triangulations of the unit square, half of the points snapped onto pixel centres."""
        from scipy.spatial import Delaunay

        size, rng = 32, np.random.default_rng(seed)
        points = rng.uniform(0, 1, (12, 2))
        points[::2] = (np.floor(points[::2] * size) + 0.5) / size
        points = np.concatenate([points, [[0, 0], [1, 0], [0, 1], [1, 1]]])
        faces = Delaunay(points).simplices
        assert (coverage_of_each(points, faces, size) == 1).all()

    def test_winding_does_not_matter(self) -> None:
        cameras = view_cameras(resolution=64)
        there, back = (
            rasterise(icosphere(), cameras),
            rasterise(replace(icosphere(), faces=icosphere().faces[:, ::-1]), cameras),
        )
        assert torch.equal(there.face, back.face)
        torch.testing.assert_close(there.normal, back.normal, rtol=0, atol=1e-12)
        torch.testing.assert_close(there.face_normal, back.face_normal, rtol=0, atol=1e-12)


class TestBuffers:
    @pytest.mark.parametrize("projection", PROJECTIONS)
    def test_points_lie_on_their_rays_and_faces(self, projection: str) -> None:
        mesh, cameras = soup(), view_cameras((0.0, 200.0), 10.0, projection, resolution=64)
        buffer = rasterise(mesh, cameras)
        for view in range(2):
            mask = buffer.mask[view]
            row, column = mask.nonzero().T
            pixel, depth = cameras.project(buffer.position[view][mask], view)
            torch.testing.assert_close(pixel, torch.stack((column, row), -1).double() + 0.5, rtol=0, atol=1e-8)
            torch.testing.assert_close(depth, buffer.depth[view][mask], rtol=0, atol=1e-12)
            corners = torch.from_numpy(mesh.vertices[mesh.faces])[buffer.face[view][mask].long()]
            on_face = (buffer.barycentric[view][mask][..., None] * corners).sum(1)
            torch.testing.assert_close(on_face, buffer.position[view][mask], rtol=0, atol=1e-12)

    @pytest.mark.parametrize("projection", PROJECTIONS)
    def test_normals_are_unit_and_face_the_camera(self, projection: str) -> None:
        cameras = view_cameras((0.0, 60.0), 25.0, projection, resolution=64)
        buffer = rasterise(thin_quads(), cameras)
        mask = buffer.mask
        for normal in (buffer.normal, buffer.face_normal):
            torch.testing.assert_close(normal[mask].norm(dim=-1), torch.ones(int(mask.sum()), dtype=torch.float64))
        origin = torch.stack([torch.from_numpy(c) for c in cameras.centres])[:, None, None] - buffer.position
        if projection == "orthographic":
            origin = -torch.from_numpy(cameras.forward)[:, None, None].expand_as(buffer.position)
        cosine = (buffer.face_normal * origin).sum(-1) / origin.norm(dim=-1)
        assert (cosine[mask] >= 0).all()
        torch.testing.assert_close(cosine[mask], buffer.cosine[mask], rtol=0, atol=1e-12)
        assert ((buffer.normal * buffer.face_normal).sum(-1)[mask] >= 0).all()

    @pytest.mark.parametrize("projection", PROJECTIONS)
    def test_a_sphere_is_round(self, projection: str) -> None:
        cameras = view_cameras((0.0, 90.0), 0.0, projection, resolution=128)
        buffer = rasterise(icosphere(6), cameras)
        for view in range(2):
            origin, direction = primary_rays(cameras, view)
            a, b = (direction**2).sum(-1), (origin * direction).sum(-1)
            root = b**2 - a * ((origin**2).sum(-1) - 0.25)
            inner = root > 0.05 * root.max()  # off the rim, where a polyhedron's depth is steep
            assert buffer.mask[view][inner].all()
            assert not buffer.mask[view][root < 0].any()
            depth = (-b - root.clamp(min=0).sqrt()) / a
            torch.testing.assert_close(buffer.depth[view][inner], depth[inner], rtol=0, atol=1e-3)
            point = origin + depth[..., None] * direction
            torch.testing.assert_close(buffer.position[view][inner], point[inner], rtol=0, atol=1e-3)
            torch.testing.assert_close(buffer.normal[view][inner], 2 * point[inner], rtol=0, atol=3e-3)

    def test_background_holds_zeros(self) -> None:
        buffer = rasterise(icosphere(2, radius=0.1), view_cameras(resolution=32))
        away = ~buffer.mask
        assert away.any() and (buffer.face[away] == -1).all()
        for name, values in tensors(buffer).items():
            assert name == "face" or (values[away] == 0).all()

    def test_coincident_faces_show_the_first(self) -> None:
        first = rasterise(quad(), view_cameras(resolution=32))
        twice = rasterise(joined(quad(), quad(), quad()), view_cameras(resolution=32))
        assert torch.equal(first.face, twice.face)

    def test_the_same_bits_every_time_alone_or_in_company(self) -> None:
        cameras = view_cameras(resolution=96)
        buffer = rasterise(soup(200), cameras)
        for _ in range(2):
            again = rasterise(soup(200), cameras)
            assert all(
                torch.equal(a, b) for a, b in zip(tensors(buffer).values(), tensors(again).values(), strict=True)
            )
        alone = rasterise(soup(200), view_cameras((180.0,), resolution=96))
        assert all(torch.equal(tensors(buffer)[name][2:3], tensors(alone)[name]) for name in tensors(alone))

    def test_bad_geometry_is_background(self) -> None:
        flat = mesh_of(np.array([[0.0, 0, 0], [0, 0, 0], [0.3, 0.3, 0]]), np.array([[0, 1, 2], [1, 1, 1]]))
        assert not rasterise(flat, view_cameras(resolution=16)).mask.any()
        broken = replace(quad(), vertices=np.full((4, 3), np.nan))
        assert not rasterise(broken, view_cameras(resolution=16)).mask.any()
        far = replace(quad(), vertices=quad().vertices + np.array([1e9, 0.0, 0.0]))
        assert not rasterise(far, view_cameras(resolution=16)).mask.any()


class TestLayers:
    def test_peeling_visits_every_surface_in_order(self) -> None:
        depths = (0.4, -0.2, 0.1)
        placed = project(joined(*(quad(z=z) for z in depths)), view_cameras((0.0,), resolution=32))
        keys, seen = None, []
        for _ in depths:
            keys = placed.nearest_keys(behind=keys)
            seen.append(int(placed.resolve(keys)[0][0, 16, 16]) // 2)
        assert seen == [0, 2, 1]
        assert (placed.resolve(placed.nearest_keys(behind=keys))[0] == -1).all()

    def test_supersampled_buffers_contain_the_plain_one(self) -> None:
        cameras = view_cameras(resolution=32)
        fine = project(soup(), cameras, supersample=3)
        face, _ = fine.resolve(fine.nearest_keys())
        assert face.shape == (4, 96, 96)
        differs = face[:, 1::3, 1::3] != rasterise(soup(), cameras).face
        assert differs.float().mean() < 1e-3  # the same rays, up to rounding


class TestTextureSpace:
    def test_texel_centres_have_their_own_coordinates(self) -> None:
        mesh = quad()
        face, weights = rasterise_uv(mesh, 8)
        assert face.shape == (8, 8) and face.dtype == np.int32 and (face >= 0).all()
        at = np.einsum("hwk,hwkc->hwc", weights, mesh.uv[mesh.faces[face]])
        centre = (np.arange(8) + 0.5) / 8
        np.testing.assert_allclose(at[..., 0], np.broadcast_to(centre, (8, 8)), atol=1e-12)
        np.testing.assert_allclose(at[..., 1], np.broadcast_to(centre[::-1, None], (8, 8)), atol=1e-12)

    def test_row_0_is_the_top_of_the_texture(self) -> None:
        upper = replace(quad(), uv=quad().uv * [1.0, 0.5] + [0.0, 0.5])
        face, _ = rasterise_uv(upper, 8)
        assert (face[:4] >= 0).all() and (face[4:] == -1).all()

    def test_without_coordinates_it_says_so(self) -> None:
        with pytest.raises(UsageError, match="no texture coordinates"):
            rasterise_uv(icosphere(1), 8)


class TestDevices:
    @pytest.mark.parametrize("name", ["cudaa", "meta", "cuda:77"])
    def test_unknown_devices_are_usage_errors(self, name: str) -> None:
        with pytest.raises(UsageError, match="device"):
            rasterise(box(), view_cameras(resolution=8), name)

    def test_starts_without_chatter(self) -> None:
        """Standard output belongs to results and standard error to progress."""
        code = (
            "from bench.geometry.cameras import view_cameras\n"
            "from bench.geometry.mesh import Material, Mesh\n"
            "from bench.geometry.rasteriser import rasterise\n"
            "import numpy as np\n"
            "mesh = Mesh(np.eye(3), np.array([[0, 1, 2]]), np.eye(3), None, None, np.zeros(1, int), (Material(),))\n"
            "assert rasterise(mesh, view_cameras(resolution=16)).mask.any()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "darwin", reason="Warp has no CUDA compiler on macOS")
    @pytest.mark.parametrize("module", [kernels, shading], ids=["kernels", "shading"])
    def test_compiles_for_cuda_without_fused_arithmetic(self, module: ModuleType, tmp_path: Path) -> None:
        """No GPU needed: the generated code is there, and has no multiply-add that would break exact signs."""
        ready_device("cpu")
        wp.compile_aot_module(module.__name__, arch=80, module_dir=tmp_path, use_ptx=True)
        code = next(tmp_path.glob("*.ptx")).read_text(errors="replace")
        assert "mul.rn.f64" in code or "mul.f64" in code
        # single-precision powers, which only colours take, are a library function with fused steps of its own
        assert "fma.rn.f64" not in code if module is shading else "fma." not in code

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
    @pytest.mark.parametrize("projection", PROJECTIONS)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_cuda_agrees_with_cpu(self, shape: str, projection: str) -> None:
        cameras = view_cameras((0.0, 73.0), 20.0, projection, resolution=128)
        cpu, cuda = rasterise(SHAPES[shape], cameras), rasterise(SHAPES[shape], cameras, "cuda")
        assert torch.equal(cpu.face, cuda.face.cpu())
        for name, values in tensors(cpu).items():
            torch.testing.assert_close(tensors(cuda)[name].cpu(), values, rtol=0, atol=1e-12)
