"""Normal error with an estimator that reads normals painted in the picture: what it must answer is known exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, mesh_of
from scipy.spatial.transform import Rotation
from torch import Tensor

from bench.errors import ImageError, UsageError, WeightsMissing
from bench.estimators.catalogue import find_estimator
from bench.extractors.weights import FOLDER_VARIABLE
from bench.geometry.cameras import view_cameras
from bench.geometry.clay import ALBEDO, AMBIENT, LAMP, LAMP_DIRECTION, render_clay
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.declaration import Sample
from bench.metrics.normal_error import (
    LIMITS,
    NormalError,
    angles_between,
    camera_normals,
    ground_truth_views,
    normal_accuracy,
)

NAMES = ("normal_error", "normal_within_11.25", "normal_within_22.5", "normal_within_30")
FRONT = view_cameras(azimuths=(0.0,), projection="orthographic", resolution=128)


class ReadsPaint:
    """A picture of normals, (n + 1) / 2, back into normals."""

    name = "reads_paint"

    def __init__(self, device="cpu", offline=False):
        self.calls = 0

    def fingerprint(self):
        return "0" * 64

    def estimate(self, picture):
        self.calls += 1
        vectors = picture.astype(np.float64) / 127.5 - 1.0
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Broken(ReadsPaint):
    """Gives `answer(normals)` instead of the normals."""

    answer = staticmethod(lambda normals: normals)

    def estimate(self, picture):
        return type(self).answer(super().estimate(picture))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    find_estimator.cache_clear()
    yield
    find_estimator.cache_clear()


def painted(mesh: Mesh) -> Mesh:
    """The mesh in the colours of its own normals: seen from the front, its unlit look is a normal map."""
    colours = np.full((len(mesh.vertices), 4), 255, dtype=np.uint8)
    colours[:, :3] = np.rint((mesh.normals + 1.0) * 127.5)
    return replace(mesh, colours=colours)


@cache
def shape(kind: str) -> Mesh:
    if kind == "ball":
        return painted(mesh_of(trimesh.creation.icosphere(5, 0.5)))
    if kind == "assembly":
        return painted(assembly())
    return turned_box(0.0)


def turned_box(degrees: float) -> Mesh:
    """A box turned about the upright axis, with flat normals (no vertex is shared), a corner towards the viewer."""
    box = trimesh.creation.box((0.5, 0.7, 0.5))
    box.unmerge_vertices()
    box.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(45.0 + degrees), (0, 1, 0)))
    return painted(mesh_of(box))


def tilted(normals: Tensor, degrees: float) -> Tensor:
    """Every normal moved by the whole angle, towards a direction that stands upright on it."""
    aside = torch.tensor([0.1, 0.2, -0.9], dtype=torch.float64).expand_as(normals)
    upright = torch.nn.functional.normalize(torch.linalg.cross(normals, aside), dim=-1)
    angle = math.radians(degrees)
    return math.cos(angle) * normals + math.sin(angle) * upright


def metric(kind: type = ReadsPaint, **options: str) -> NormalError:
    made = NormalError(NormalError.Options(estimator=f"{__name__}:{kind.__name__}", **options))
    made.prepare("cpu", True)
    return made


def pictures(mesh: Mesh, background=WHITE) -> Tensor:
    return ground_truth_views(SceneGeometry(mesh, FRONT), background, "own")


def judged(views: Tensor, mesh: Mesh, background=WHITE) -> tuple[float, ...]:
    found = metric().measure(Sample(views, SceneGeometry(mesh, FRONT), background))
    assert tuple(found) == NAMES
    assert {measurement.status for measurement in found.values()} == {"ok"}
    return tuple(measurement.value for measurement in found.values())


@pytest.mark.parametrize("elevation", [0.0, 35.0])
def test_camera_normals_of_a_ball_are_its_places_in_the_picture(elevation):
    cameras = view_cameras(elevation=elevation, projection="orthographic", resolution=96)
    gbuffer = rasterise(shape("ball"), cameras)
    row, column = np.mgrid[:96, :96] + 0.5
    k = cameras.intrinsics[0]
    x, y = (column - k[0, 2]) / k[0, 0] / 0.5, -(row - k[1, 2]) / k[1, 1] / 0.5
    inside = x**2 + y**2 < 0.9
    wanted = torch.from_numpy(np.stack([x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))], axis=-1)[inside])
    for view in camera_normals(gbuffer):
        assert angles_between(view[torch.from_numpy(inside)], wanted).max() < 0.6  # the ball is a polyhedron


def test_angles_keep_their_digits_where_arccos_loses_them():
    start = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64), dim=0)
    axis = np.cross(start, [0.0, 1.0, 0.0])
    axis /= np.linalg.norm(axis)
    for wanted in (1e-9, 1e-5, 0.01, 11.25, 90.0, 179.99999):
        turned = torch.from_numpy(Rotation.from_rotvec(np.deg2rad(wanted) * axis).apply(start.numpy()))
        assert angles_between(start, turned).item() == pytest.approx(wanted, rel=1e-6)
        assert angles_between(3.0 * start, 0.5 * turned).item() == pytest.approx(wanted, rel=1e-6)
    assert angles_between(start, start).item() < 1e-12


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_true_normals_have_no_error_in_any_view_and_known_rotations_their_angle(projection):
    gbuffer = rasterise(shape("assembly"), view_cameras(elevation=20.0, projection=projection, resolution=64))
    true = camera_normals(gbuffer)
    assert normal_accuracy(true, gbuffer).median == pytest.approx(0.0, abs=1e-9)
    for degrees in (5.0, 20.0):
        found = normal_accuracy(tilted(true, degrees), gbuffer)
        assert found.median == pytest.approx(degrees)
        assert found.within == tuple(100.0 * (degrees < limit) for limit in LIMITS)


@pytest.mark.parametrize("kind", ["ball", "assembly", "box"])
def test_ground_truth_has_no_excess(kind):
    assert judged(pictures(shape(kind)), shape(kind)) == (0.0, 0.0, 0.0, 0.0)


def test_turned_geometry_costs_its_angle():
    for degrees, within in ((4.0, (0, 0, 0)), (8.0, (0, 0, 0)), (16.0, (100, 0, 0)), (26.0, (100, 100, 0))):
        error, *fewer = judged(pictures(turned_box(degrees)), shape("box"))
        assert error == pytest.approx(degrees, abs=0.6)  # eight bits of paint
        # the corner has moved by sin of the angle, the outlines by 1 - cos: there another side is seen, or none
        turn = math.radians(degrees)
        moved = 100.0 * (math.sin(turn) / 2 + 1.0 - math.cos(turn))
        assert all(wanted - 2 <= value <= wanted + moved + 2 for value, wanted in zip(fewer, within, strict=True))
        assert fewer[0] >= fewer[1] >= fewer[2]


@pytest.mark.parametrize("axis", [1, 2])
def test_the_further_a_picture_slips_the_worse(axis):
    views = pictures(shape("assembly"))
    errors = [judged(views.roll(pixels, dims=axis), shape("assembly"))[0] for pixels in (0, 2, 4, 8, 16)]
    assert errors == sorted(errors) and errors[1] > 0.5 and errors[-1] > 4 * errors[1]


def test_a_mirrored_object_falls():
    views = pictures(shape("assembly")).flip(2)
    views[..., 0] = 1.0 - views[..., 0]  # a mirrored thing's normals are mirrored too
    error, _, _, within_30 = judged(views, shape("assembly"))
    assert error > 10.0 and within_30 > 15.0


def test_background_does_not_matter():
    mesh, black = shape("assembly"), (0.0, 0.0, 0.0)
    moved = pictures(mesh).roll(3, dims=2)
    mask = SceneGeometry(mesh, FRONT).gbuffer.mask
    outside = torch.nn.functional.max_pool2d(mask[:, None].float(), 3, 1, 1)[:, 0] == 0
    noisy = torch.where(outside[..., None], torch.rand(moved.shape, generator=torch.Generator().manual_seed(0)), moved)
    assert judged(noisy, mesh) == judged(moved, mesh)
    assert judged(pictures(mesh, black), mesh, WHITE) == (0.0, 0.0, 0.0, 0.0)
    assert judged(pictures(mesh), mesh, black) == (0.0, 0.0, 0.0, 0.0)


def test_the_estimators_own_error_is_taken_off():
    """An estimator that is off by the same rotation everywhere says the same of a perfect generator: nothing."""
    mesh = shape("assembly")
    gbuffer = rasterise(mesh, FRONT)
    tilt = torch.from_numpy(Rotation.from_euler("x", 15, degrees=True).as_matrix())
    assert normal_accuracy(camera_normals(gbuffer) @ tilt.T, gbuffer).median > 5.0
    Broken.answer = staticmethod(lambda normals: normals @ tilt.numpy().T)
    biased = metric(Broken).measure(Sample(pictures(mesh), SceneGeometry(mesh, FRONT), WHITE))
    assert [measurement.value for measurement in biased.values()] == [0.0] * 4


def test_renders_are_looked_at_once_for_all_generators():
    counted = metric()
    scene = SceneGeometry(shape("assembly"), replace(FRONT))
    views = pictures(shape("assembly"))
    before = counted._estimator.calls
    for shift in (0, 1, 2):
        counted.measure(Sample(views.roll(shift, dims=2), scene, WHITE))
    assert counted._estimator.calls - before == 1 + 3
    counted.measure(Sample(views, SceneGeometry(shape("ball"), FRONT), WHITE))
    assert counted._estimator.calls - before == 1 + 3 + 2


def test_meshes_without_looks_are_shown_as_clay():
    bare = replace(shape("box"), colours=None)
    clay = torch.from_numpy(render_clay(bare, FRONT, WHITE)).float() / 255.0
    assert torch.equal(ground_truth_views(SceneGeometry(bare, FRONT), WHITE, "own"), clay)
    assert torch.equal(ground_truth_views(SceneGeometry(shape("box"), FRONT), WHITE, "clay"), clay)
    assert not torch.equal(pictures(shape("box")), clay)
    assert "minus=renders:own-look-unlit,else-clay " in metric().parameters()
    assert "minus=renders:clay " in metric(truth="clay").parameters()


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_clay_answers_to_light_by_lamberts_law(projection):
    cameras = view_cameras(elevation=30.0, projection=projection, resolution=64)
    bare = replace(turned_box(10.0), colours=None)
    views = render_clay(bare, cameras, (0.2, 0.4, 0.6))
    gbuffer = rasterise(bare, cameras)
    towards = np.array(LAMP_DIRECTION) / np.linalg.norm(LAMP_DIRECTION)
    whole = torch.nn.functional.max_pool2d((~gbuffer.mask)[:, None].float(), 3, 1, 1)[:, 0] == 0
    for view, matrix in enumerate(cameras.world_to_camera):
        normal = gbuffer.normal[view].numpy() @ matrix[:3, :3].T
        linear = ALBEDO * (AMBIENT + LAMP * np.clip(normal @ towards, 0, None))
        wanted = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        error = np.abs(views[view][..., 0] - wanted)[whole[view]]
        assert np.median(error) <= 0.51
        assert (error <= 0.51).mean() > 0.9  # not where two faces meet
        assert (views[view][0, 0] == (51, 102, 153)).all()
        assert len(np.unique(wanted[whole[view]].round())) == 3  # two sides and the top


def test_what_cannot_be_measured_says_so():
    away = shape("ball").transformed(np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float))
    found = metric().measure(Sample(torch.ones(1, 128, 128, 3), SceneGeometry(away, FRONT), WHITE))
    assert {name: measurement.status for name, measurement in found.items()} == dict.fromkeys(NAMES, "not_measurable")
    assert all(math.isnan(measurement.value) for measurement in found.values())


@pytest.mark.parametrize(
    "answer",
    [
        lambda normals: normals[:-1],
        lambda normals: normals[..., :2],
        lambda normals: 0.5 * normals,
        lambda normals: 0.0 * normals,
        lambda normals: np.nan * normals,
    ],
)
def test_an_estimator_that_breaks_its_protocol_is_told_apart(answer):
    Broken.answer = staticmethod(answer)
    with pytest.raises(UsageError, match="the normal estimator gave"):
        metric(Broken).measure(Sample(pictures(shape("ball")), SceneGeometry(shape("ball"), FRONT), WHITE))


def test_views_must_fit_and_a_mesh_be_there():
    with pytest.raises(ImageError, match="do not fit the cameras"):
        metric().measure(Sample(torch.ones(2, 128, 128, 3), SceneGeometry(shape("ball"), FRONT), WHITE))
    with pytest.raises(UsageError, match="has none"):
        metric().measure(Sample(torch.ones(1, 128, 128, 3), None, WHITE))


def test_names_and_signature():
    made = metric()
    assert tuple(result.name for result in made.results()) == NAMES
    assert {result.direction for result in made.results()} == {"down"}
    assert made.missing() == {}
    assert f"estimator={__name__}:ReadsPaint@sha256:000000000000 " in made.parameters()
    assert all("=" in part or part == "v1" for part in made.parameters().split())
    with pytest.raises(UsageError, match="did you mean 'marigold_normals'"):
        NormalError(NormalError.Options(estimator="marigold"))


def test_without_weights_all_numbers_are_missing(monkeypatch, tmp_path):
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    made = NormalError(NormalError.Options())
    made.prepare("cpu", True)
    assert tuple(made.missing()) == NAMES
    for part in ("prs-eth/marigold-normals-v1-1", "offline", str(tmp_path / "hub"), FOLDER_VARIABLE, "silhouette_iou"):
        assert part in made.missing()["normal_error"]
    assert "estimator=marigold_normals@missing" in made.parameters()
    with pytest.raises(WeightsMissing):
        made.measure(Sample(pictures(shape("ball")), SceneGeometry(shape("ball"), FRONT), WHITE))


def test_pixels_of_all_views_are_pooled():
    """Two views, one true and one turned by 20 degrees: the share within a limit is the true view's share of pixels."""
    gbuffer = rasterise(shape("assembly"), view_cameras(azimuths=(0.0, 180.0), resolution=64))
    normals = camera_normals(gbuffer).clone()
    normals[1] = tilted(normals[1], 20.0)
    eroded = torch.nn.functional.max_pool2d(1.0 - gbuffer.mask[:, None].float(), 3, 1, 1)[:, 0] == 0
    share = 100.0 * float(eroded[0].sum() / eroded.sum())
    assert normal_accuracy(normals, gbuffer).within == pytest.approx((share, 100.0, 100.0), abs=1e-4)
