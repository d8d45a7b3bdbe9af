"""Renders against textures pixel for pixel, scipy's interpolation, compositing by hand and areas in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from geometry_shapes import icosphere, joined, quad, soup
from scipy.ndimage import map_coordinates

from bench.errors import UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.mesh import Material, Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_albedo, render_views

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
FRAME = slice(2, 42)  # where a unit square lies in `front()`: 40 pixels of 44

Bytes = npt.NDArray[np.uint8]


def front(resolution: int = 44) -> Cameras:
    """One orthographic view in which a pixel is 1/40 of the world's unit."""
    return view_cameras((0.0,), projection="orthographic", resolution=resolution)


def noise(size: int = 40, seed: int = 0) -> Bytes:
    """An opaque texture without any symmetry."""
    texture = np.random.default_rng(seed).integers(0, 256, (size, size, 4), dtype=np.uint8)
    texture[..., 3] = 255
    return texture


def plain(red: float, green: float, blue: float, alpha: float = 1.0) -> Material:
    return Material(factor=(red, green, blue, alpha), alpha_mode="blend")


def over(*layers: tuple[float, ...]) -> Bytes:
    """Layers (r, g, b, a) from the front, the last one opaque, composited by hand."""
    colour = np.zeros(3)
    for *rgb, alpha in reversed(layers):
        colour = alpha * np.array(rgb) + (1 - alpha) * colour
    return np.floor(colour * 255 + 0.5).astype(np.uint8)


def alpha_of(mesh: Mesh) -> npt.NDArray[np.float32]:
    return render_views(mesh, front(), WHITE)[1]


class TestTextures:
    def test_one_texel_a_pixel_is_the_texture_itself(self) -> None:
        texture = noise()
        view = render_albedo(quad(material=Material(texture)), front(), WHITE, supersample=1)[0]
        np.testing.assert_array_equal(view[FRAME, FRAME], texture[..., :3])
        assert (np.delete(np.delete(view, np.r_[FRAME], 0), np.r_[FRAME], 1) == 255).all()

    def test_coarse_texels_keep_their_colour_inside(self) -> None:
        texture = noise(5)
        blocks = replace(quad(), materials=(Material(np.kron(texture, np.ones((16, 16, 1), dtype=np.uint8))),))
        view = render_albedo(blocks, front(), WHITE)[0, FRAME, FRAME]
        np.testing.assert_array_equal(view[4::8, 4::8], texture[..., :3])

    def test_an_object_seen_from_behind_shows_its_back(self) -> None:
        texture = noise()
        back = view_cameras((180.0,), projection="orthographic", resolution=44)
        view = render_albedo(quad(material=Material(texture)), back, WHITE, supersample=1)[0]
        np.testing.assert_array_equal(view[FRAME, FRAME], texture[:, ::-1, :3])

    def test_textures_repeat(self) -> None:
        texture = noise(20)
        for shift in (0.0, 3.0, -7.0):
            mesh = quad(material=Material(texture), repeat=2.0)
            view = render_albedo(replace(mesh, uv=mesh.uv + shift), front(), WHITE, supersample=1)[0]
            np.testing.assert_array_equal(view[FRAME, FRAME], np.tile(texture[..., :3], (2, 2, 1)))

    @pytest.mark.parametrize("projection", ["perspective", "orthographic"])
    def test_bilinear_look_ups_are_those_of_scipy(self, projection: str) -> None:
        mesh, texture = soup(), noise(31, seed=5)
        uv = np.random.default_rng(1).uniform(-2, 2, (len(mesh.vertices), 2))
        mesh = replace(mesh, uv=uv, materials=(Material(texture),))
        cameras = view_cameras((0.0, 120.0), 10.0, projection, resolution=64)
        buffer = rasterise(mesh, cameras)
        corners = uv[mesh.faces[buffer.face.numpy()]]
        u, v = np.einsum("vhwk,vhwkc->cvhw", buffer.barycentric.numpy(), corners)
        at = np.stack([(1 - v) * 31 - 0.5, u * 31 - 0.5])
        expected = [map_coordinates(texture[..., c].astype(float), at, order=1, mode="grid-wrap") for c in range(3)]
        view = render_albedo(mesh, cameras, WHITE, supersample=1)
        difference = np.abs(view - np.stack(expected, axis=-1))[buffer.mask.numpy()]
        assert difference.max() <= 0.5 + 1e-3  # rounding to bytes

    def test_broken_coordinates_cannot_read_outside_the_texture(self) -> None:
        mesh = quad(material=Material(noise()))
        for value in (np.nan, np.inf, -np.inf, 1e300):
            view = render_albedo(replace(mesh, uv=np.full((4, 2), value)), front(), WHITE)
            assert view.shape == (1, 44, 44, 3)

    def test_a_fine_texture_is_averaged_not_aliased(self) -> None:
        rng = np.random.default_rng(0)
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(352), np.fft.fftfreq(352)))
        frequency[0, 0] = 1.0
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(352, 352))) / frequency).real  # 1/f, as photographs have
        grey = np.clip(128 + 50 * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)
        texture = np.dstack([grey, grey, grey, np.full_like(grey, 255)])[:320, :320]
        view = render_albedo(quad(material=Material(texture)), front(), WHITE)[0, FRAME, FRAME]
        mean = texture[..., :3].reshape(40, 8, 40, 8, 3).astype(float).mean((1, 3))
        inner = (view - mean)[1:-1, 1:-1]
        assert 10 * np.log10(255**2 / (inner**2).mean()) > 38


class TestMaterials:
    def test_factors_multiply_the_texture(self) -> None:
        texture = noise()
        mesh = quad(material=Material(texture, (1.0, 0.5, 0.0, 1.0)))
        view = render_albedo(mesh, front(), WHITE, supersample=1)[0, FRAME, FRAME]
        np.testing.assert_allclose(view, texture[..., :3] * [1.0, 0.5, 0.0], atol=0.5 + 1e-3)

    def test_a_factor_alone_paints(self) -> None:
        view = render_albedo(quad(material=Material(factor=(1.0, 0.2, 0.0, 1.0))), front(), WHITE)[0]
        assert (view[FRAME, FRAME] == [255, 51, 0]).all()

    def test_a_texture_without_coordinates_is_ignored(self) -> None:
        mesh = replace(quad(material=Material(noise(), (0.2, 0.4, 0.6, 1.0))), uv=None)
        assert (render_albedo(mesh, front(), WHITE)[0, FRAME, FRAME] == [51, 102, 153]).all()

    def test_vertex_colours_are_interpolated(self) -> None:
        mesh = quad()
        left, right = np.array([0, 100, 200, 255]), np.array([200, 60, 40, 255])
        mesh = replace(mesh, colours=np.where(mesh.vertices[:, :1] < 0, left, right).astype(np.uint8))
        at = ((np.arange(40) + 0.5) / 40)[:, None]
        expected = (1 - at) * left[:3] + at * right[:3]
        for supersample in (1, 4):
            view = render_albedo(mesh, front(), WHITE, supersample=supersample)[0, FRAME, FRAME]
            np.testing.assert_allclose(view, np.broadcast_to(expected, (40, 40, 3)), atol=0.5 + 1e-3)

    def test_every_face_wears_its_own_material(self) -> None:
        textures = noise(40, 1), noise(20, 2)
        parts = [
            quad(-0.5, 0.0, material=Material(textures[0])),
            quad(0.0, 0.25, material=Material(factor=(0.0, 1.0, 0.0, 1.0))),
            quad(0.25, 0.5, material=Material(textures[1])),
        ]
        view = render_albedo(joined(*parts), front(), WHITE)[0]
        for part, columns in zip(parts, (slice(2, 22), slice(22, 32), slice(32, 42)), strict=True):
            alone = render_albedo(part, front(), WHITE)[0]
            np.testing.assert_array_equal(view[FRAME, columns], alone[FRAME, columns])
        assert (view[FRAME, 22:32] == [0, 255, 0]).all()


class TestTransparency:
    @pytest.mark.parametrize("background", [WHITE, BLACK, (0.2, 0.4, 0.6)])
    def test_half_a_red_over_the_background(self, background: tuple[float, float, float]) -> None:
        view = render_albedo(quad(material=plain(1, 0, 0, 0.5)), front(), background)[0]
        assert (view[FRAME, FRAME] == over((1, 0, 0, 0.5), (*background, 1))).all()

    def test_layers_are_composited_by_depth_not_by_file_order(self) -> None:
        layers = {0.3: (0.9, 0.1, 0.3, 0.5), 0.0: (0.2, 0.8, 0.1, 0.25), -0.3: (0.1, 0.2, 0.9, 0.75)}
        expected = over(*layers.values(), (*WHITE, 1))
        for order in ((0.3, 0.0, -0.3), (-0.3, 0.3, 0.0), (0.0, -0.3, 0.3)):
            mesh = joined(*(quad(z=z, material=plain(*layers[z])) for z in order))
            view = render_albedo(mesh, front(), WHITE)[0, FRAME, FRAME]
            assert (view == expected).all()
        assert (np.abs(alpha_of(mesh)[0, FRAME, FRAME] - (1 - 0.5 * 0.75 * 0.25)) < 1e-6).all()

    def test_an_opaque_surface_hides_what_is_behind(self) -> None:
        mesh = joined(
            quad(z=-0.2, material=plain(0, 0, 1)),
            quad(z=0.2, material=plain(1, 0, 0, 0.5)),
            quad(z=0.0, material=Material(factor=(0.0, 1.0, 0.0, 0.1))),  # opaque mode ignores alpha
        )
        assert (render_albedo(mesh, front(), WHITE)[0, FRAME, FRAME] == over((1, 0, 0, 0.5), (0, 1, 0, 1))).all()

    def test_cut_outs_show_what_is_behind(self) -> None:
        texture = noise()
        texture[..., 3] = np.random.default_rng(9).integers(0, 256, (40, 40))
        kept = texture[..., 3:] / 255 >= 0.5
        cut = quad(z=0.1, material=Material(texture, alpha_mode="mask", alpha_cutoff=0.5))
        view = render_albedo(cut, front(), (0.2, 0.4, 0.6), supersample=1)[0, FRAME, FRAME]
        np.testing.assert_array_equal(view, np.where(kept, texture[..., :3], [51, 102, 153]))
        wall = quad(z=-0.1, material=Material(factor=(0.0, 1.0, 0.0, 1.0)))
        view = render_albedo(joined(cut, wall), front(), WHITE, supersample=1)[0, FRAME, FRAME]
        np.testing.assert_array_equal(view, np.where(kept, texture[..., :3], [0, 255, 0]))

    def test_cut_outs_at_any_depth(self) -> None:
        """Many wholly cut-out sheets in front of one that is not."""
        sheets = [
            quad(z=z, material=Material(factor=(1, 0, 0, 0.4), alpha_mode="mask")) for z in np.linspace(0.1, 0.4, 20)
        ]
        wall = quad(material=Material(factor=(0.0, 1.0, 0.0, 1.0)))
        assert (render_albedo(joined(*sheets, wall), front(), WHITE)[0, FRAME, FRAME] == [0, 255, 0]).all()

    def test_opaque_texels_of_a_blended_material_are_opaque(self) -> None:
        mesh = icosphere(2)
        blend = replace(mesh, materials=(Material(factor=(0.3, 0.6, 0.9, 1.0), alpha_mode="blend"),))
        solid = replace(mesh, materials=(Material(factor=(0.3, 0.6, 0.9, 1.0)),))
        np.testing.assert_array_equal(render_albedo(blend, front(), WHITE), render_albedo(solid, front(), WHITE))

    def test_samples_are_composited_before_they_are_averaged(self) -> None:
        """Cut-out edges inside a pixel: half the samples are red, half the blue behind, none the background."""
        texture = np.zeros((40, 40, 4), dtype=np.uint8)
        texture[:] = [255, 0, 0, 255]
        texture[:, :20, 3] = 0
        edge = quad(-0.5 - 1 / 80, 0.5 - 1 / 80, z=0.1, material=Material(texture, alpha_mode="mask"))
        wall = quad(material=Material(factor=(0.0, 0.0, 1.0, 1.0)))
        view = render_albedo(joined(edge, wall), front(), (0.0, 1.0, 0.0))[0, FRAME, 3:40]
        assert (view[..., 1] == 0).all()
        assert ((view == [128, 0, 128]).all(-1).sum(-1) == 1).all()


class TestCoverage:
    def test_half_covered_pixels_are_half_covered(self) -> None:
        half = quad(-0.5, 0.5 - 1 / 80, material=Material(factor=(0.0, 0.0, 0.0, 1.0)))
        alpha = alpha_of(half)[0]
        np.testing.assert_array_equal(alpha[FRAME, 41], np.full(40, 0.5))
        np.testing.assert_array_equal(alpha[FRAME, 2:41], np.ones((40, 39)))
        assert (render_albedo(half, front(), WHITE)[0, FRAME, 41] == 128).all()

    def test_a_disc_has_its_area(self) -> None:
        area = alpha_of(icosphere(6))[0].sum()
        assert area == pytest.approx(np.pi * 20**2, rel=2e-3)

    def test_alpha_is_what_two_backgrounds_say(self) -> None:
        mesh = replace(icosphere(2), materials=(plain(0.2, 0.7, 0.4, 0.3),))
        white, black = (render_albedo(mesh, front(), colour).astype(float) for colour in (WHITE, BLACK))
        alpha = alpha_of(mesh)
        np.testing.assert_allclose(1 - (white - black) / 255, np.repeat(alpha[..., None], 3, -1), atol=1.01 / 255)


class TestPromises:
    def mesh(self) -> Mesh:
        mesh = soup(120, seed=2)
        uv = np.random.default_rng(3).uniform(0, 1, (len(mesh.vertices), 2))
        texture = noise(64)
        texture[..., 3] = np.random.default_rng(4).integers(0, 256, (64, 64))
        return replace(mesh, uv=uv, materials=(Material(texture, alpha_mode="blend"),))

    def test_the_same_bytes_every_time_alone_or_in_company(self) -> None:
        cameras = view_cameras(resolution=48)
        views = render_albedo(self.mesh(), cameras, WHITE)
        np.testing.assert_array_equal(views, render_albedo(self.mesh(), cameras, WHITE))
        np.testing.assert_array_equal(
            views[1:2], render_albedo(self.mesh(), view_cameras((90.0,), resolution=48), WHITE)
        )

    @pytest.mark.parametrize("supersample", [0, -1])
    def test_no_samples_no_picture(self, supersample: int) -> None:
        with pytest.raises(UsageError, match="supersample"):
            render_albedo(quad(), front(), WHITE, supersample=supersample)

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
    def test_cuda_agrees_with_cpu(self) -> None:
        cameras = view_cameras(resolution=96)
        cpu, cuda = (render_albedo(self.mesh(), cameras, WHITE, device) for device in ("cpu", "cuda"))
        assert np.abs(cpu.astype(int) - cuda).max() <= 1
