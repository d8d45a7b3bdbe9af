"""Edge recall on boxes whose edges are known, on drawn lines, and on textures that should not pay."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
import torch
import trimesh
from painted_scenes import WHITE, mesh_of
from scipy import ndimage
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.spatial.distance import cdist
from skimage import data
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import ImageError, UsageError
from bench.generators.ground_truth import ground_truth
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.edge_recall import (
    AROUND,
    LEAST_ROOM,
    STRONG,
    WEAK,
    edge_recall,
    geometry_edges,
    image_edges,
    tolerance,
)

SIZE = 160
CAMERAS = view_cameras(azimuths=(30.0, 120.0), elevation=25.0, resolution=SIZE)
NEAR = 1.5  # px; 0.005 of the diagonal would be 1.13
Lines = npt.NDArray[np.bool_]


def box() -> Mesh:
    return mesh_of(trimesh.creation.box())


def plate_before_wall() -> Mesh:
    """Both face the camera: no crease between them, only a gap."""
    wall, plate = trimesh.creation.box((1.0, 1.0, 0.1)), trimesh.creation.box((0.5, 0.5, 0.02))
    plate.apply_translation((0.0, 0.0, 0.2))
    return mesh_of(trimesh.util.concatenate([wall, plate]))


def front(size: int = SIZE) -> Cameras:
    return view_cameras(azimuths=(0.0,), projection="orthographic", resolution=size)


@cache
def seen(kind: str = "box") -> GBuffer:
    return rasterise(box(), CAMERAS) if kind == "box" else rasterise(plate_before_wall(), front())


def flat_faces(gbuffer: GBuffer) -> Tensor:
    """Each plane of the surface in a grey of its own, on white."""
    plane = (gbuffer.position * gbuffer.face_normal).sum(dim=-1).abs()
    shade = 0.1 + 0.25 * gbuffer.face_normal[..., 0].abs() + 0.5 * gbuffer.face_normal[..., 1].abs() + 0.5 * plane
    return torch.where(gbuffer.mask, shade.clamp(0, 0.9), 1.0)[..., None].expand(-1, -1, -1, 3).clone()


def painted(gbuffer: GBuffer, paint: Tensor) -> Tensor:
    return torch.where(gbuffer.mask[..., None], paint, 1.0)


def texture(seed: int, scale: float, gbuffer: GBuffer, contrast: float = 0.2) -> Tensor:
    """Stationary noise of correlation length `scale` px over the whole frame."""
    noise = np.random.default_rng(seed).standard_normal((*gbuffer.mask.shape, 1))
    smooth = gaussian_filter(noise, (0, scale, scale, 0), mode="wrap")
    return torch.from_numpy((0.5 + contrast * smooth / smooth.std()).clip(0, 1)).expand(-1, -1, -1, 3)


def value(views: Tensor, kind: str = "box") -> float:
    return edge_recall(views, seen(kind)).value


def test_a_box_has_the_edges_of_a_box() -> None:
    """The three edges that meet at the nearest corner, projected: lines lie on them and reach along them."""
    gbuffer = seen()
    lines, _ = geometry_edges(gbuffer)
    for view in range(2):
        corners = torch.tensor(trimesh.creation.box().vertices)
        xy, depth = CAMERAS.project(corners, view)
        nearest = int(depth.argmin())
        ends = [i for i in range(8) if int((corners[i] != corners[nearest]).sum()) == 1]
        along = torch.linspace(0, 1, 400)[:, None]
        drawn = torch.cat([xy[nearest] + along * (xy[end] - xy[nearest]) for end in ends]).numpy()
        found = np.argwhere(lines[view])[:, ::-1] + 0.5
        apart = cdist(found, drawn)
        assert apart.min(axis=1).max() < 2.0  # on the edges ...
        ends_cut = sum(float((xy[end] - xy[nearest]).norm()) for end in ends)
        assert len(found) > 0.6 * ends_cut  # ... and along them (steps along a diagonal count once)


def test_a_part_before_another_has_an_outline() -> None:
    lines, _ = geometry_edges(seen("plate"))
    row, column = np.nonzero(lines[0])
    side = 0.5 * front().intrinsics[0, 0, 0]
    low, high = SIZE / 2 - side / 2, SIZE / 2 + side / 2
    from_outline = np.abs(np.maximum(np.abs(row + 0.5 - SIZE / 2), np.abs(column + 0.5 - SIZE / 2)) - side / 2)
    assert from_outline.max() <= 1.5
    assert 4 * (high - low) * 0.9 < lines[0].sum() < 4 * (high - low) * 1.1


def test_smooth_and_grazing_surfaces_have_no_edges() -> None:
    ball = rasterise(mesh_of(trimesh.creation.icosphere(4, 0.5)), CAMERAS)
    tilt = trimesh.transformations.rotation_matrix(math.radians(84.0), (1, 0, 0))
    sheet = rasterise(mesh_of(trimesh.creation.box((1.0, 1.0, 1e-3), tilt)), front())
    for gbuffer in (ball, sheet):
        assert gbuffer.mask.any() and not geometry_edges(gbuffer)[0].any()
        found = edge_recall(painted(gbuffer, texture(0, 3.0, gbuffer)), gbuffer)
        assert found.status == "not_measurable" and math.isnan(found.value)


def test_the_silhouette_is_not_asked_for() -> None:
    gbuffer = seen()
    lines, inside = geometry_edges(gbuffer)
    for view in range(2):
        shown = gbuffer.mask[view].numpy()
        outside = np.argwhere(binary_dilation(shown) & ~shown)
        assert 2 * NEAR < cdist(np.argwhere(inside[view]), outside).min() < 2 * NEAR + 1
        assert not (lines[view] & ~inside[view]).any()


def test_the_tolerance_is_a_part_of_the_diagonal_and_no_less_than_a_pixel_and_a_half() -> None:
    assert tolerance(torch.zeros(1, 512, 512)) == pytest.approx(0.005 * 512 * math.sqrt(2))
    assert tolerance(torch.zeros(1, 128, 128)) == 1.5


def test_canny_answers_to_the_height_of_steps() -> None:
    def step(height: float) -> Lines:
        picture = np.full((40, 60, 3), 0.4)
        picture[:, 30:] += height
        return image_edges(picture)

    assert step(1.05 * STRONG)[5:-5, 28:32].any(axis=1).all() and not step(0.95 * STRONG).any()
    faint = np.full((40, 60, 3), 0.4)
    faint[:20, 30:] += 1.5 * STRONG
    faint[20:, 30:] += 1.3 * WEAK  # too faint alone, but it goes on where a strong edge ends
    assert image_edges(faint)[5:-5, 28:32].any(axis=1).all()


@pytest.mark.parametrize("kind", ["box", "plate"])
def test_visible_edges_are_all_found_and_smooth_paint_has_none(kind: str) -> None:
    gbuffer = seen(kind)
    assert value(flat_faces(gbuffer), kind) > 0.97
    assert value(painted(gbuffer, torch.full((3,), 0.5)), kind) == 0.0
    shades = 0.5 + 0.2 * torch.sin(3 * gbuffer.position)  # of no more than 0.6 a unit: soft, and no edge to Canny
    assert value(painted(gbuffer, shades), kind) == 0.0


def test_shifts_lower_it_and_near_misses_beside_the_edge_count_against() -> None:
    views = flat_faces(seen())
    perfect, *shifted = (value(views.roll((k, k), dims=(1, 2))) for k in (0, 3, 5, 12))
    assert perfect > 0.97 and max(shifted) < 0.4
    drawn = flat_faces(seen("plate"))
    assert value(drawn, "plate") > 0.97
    assert value(drawn.roll((4, 4), dims=(1, 2)), "plate") < 0.0  # every edge is beside its place


def test_edges_everywhere_are_worth_nothing() -> None:
    gbuffer = seen()
    everywhere = [value(painted(gbuffer, texture(seed, 0.7, gbuffer))) for seed in range(4)]
    # not because nothing is found: most of the object's edges have an image edge near them
    lines, _ = geometry_edges(gbuffer)
    edges = image_edges(painted(gbuffer, texture(0, 0.7, gbuffer))[0].numpy())
    near = cdist(np.argwhere(lines[0]), np.argwhere(edges)).min(axis=1) <= NEAR
    assert near.mean() > 0.4
    assert abs(np.mean(everywhere)) < 0.06 and max(map(abs, everywhere)) < 0.2


@pytest.mark.parametrize("scale", [1.5, 3.0])
def test_texture_alone_scores_zero_on_average(scale: float) -> None:
    gbuffer = seen()
    scores = [value(painted(gbuffer, texture(seed, scale, gbuffer))) for seed in range(8)]
    assert abs(np.mean(scores)) < 3 * np.std(scores) / math.sqrt(8) + 0.01
    assert np.std(scores) < 0.15


def test_texture_on_top_of_visible_edges_costs_little() -> None:
    gbuffer = seen()
    textured = painted(gbuffer, flat_faces(gbuffer) + texture(0, 3.0, gbuffer, contrast=0.03) - 0.5)
    assert value(textured) > 0.8


def test_against_all_pairs_of_pixels() -> None:
    gbuffer = seen()
    views = painted(gbuffer, (flat_faces(gbuffer) + texture(3, 2.0, gbuffer) - 0.5).clamp(0, 1))
    lines, inside = geometry_edges(gbuffer)
    hits, false_hits = [], []
    for view in range(2):
        edges = np.argwhere(image_edges(views[view].numpy()))
        line, room = np.argwhere(lines[view]), np.argwhere(inside[view])
        away = cdist(room, line).min(axis=1)
        beside = room[(away > 2 * NEAR) & (away <= AROUND * NEAR)]
        hits += list(cdist(line, edges).min(axis=1) <= NEAR)
        false_hits += list(cdist(beside, edges).min(axis=1) <= NEAR)
    recall, chance = np.mean(hits), np.mean(false_hits)
    assert 0.05 < chance < 0.75 and tolerance(gbuffer.mask) == pytest.approx(NEAR)
    assert value(views) == pytest.approx((recall - chance) / (1 - chance), rel=1e-12)


def test_one_blank_view_weighs_by_its_edges() -> None:
    views, (lines, _) = flat_faces(seen()), geometry_edges(seen())
    views[1] = 1.0
    assert value(views) == pytest.approx(lines[0].sum() / lines.sum(), abs=0.03)


def test_mirror_images_and_another_order_of_views_score_the_same() -> None:
    gbuffer = seen()
    views = painted(gbuffer, flat_faces(gbuffer) + 0.2 * texture(1, 2.0, gbuffer))
    swapped = rasterise(box(), view_cameras(azimuths=(120.0, 30.0), elevation=25.0, resolution=SIZE))
    assert edge_recall(views.flip(0), swapped) == edge_recall(views, gbuffer)
    assert value(views.flip(2)) < value(views) - 0.3  # the picture alone mirrored is another picture


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ImageError, match="do not fit"):
        edge_recall(torch.ones(3, SIZE, SIZE, 3), seen())


def test_the_declared_metric_measures_the_same() -> None:
    factory = METRICS.load("edge_recall")
    metric = factory(factory.Options())
    scene, views = SceneGeometry(box(), CAMERAS), flat_faces(seen()).float()
    found = metric.measure(Sample(views, scene, WHITE))
    assert list(found) == [result.name for result in metric.results()] == ["edge_recall"]
    assert found["edge_recall"] == edge_recall(views, scene.gbuffer)
    assert metric.needs_mesh and metric.results()[0].direction == "up" and metric.parameters().endswith(" v1")
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views, None, WHITE))


def recall_over_other_objects(views, scene, others) -> float:
    """The other definition: recall against the mean recall of other objects' inner edges within this one's outline."""
    lines, inside = geometry_edges(scene.gbuffer)
    near = tolerance(scene.gbuffer.mask)
    edges = [image_edges(view) for view in views]
    answered = [ndimage.distance_transform_edt(~edge) <= near if edge.any() else edge for edge in edges]

    def share(wanted) -> tuple[int, int]:
        hits = sum(int(found[line].sum()) for found, line in zip(answered, wanted, strict=True))
        return hits, int(wanted.sum())

    hits, places = share(lines)
    chances = [(h, n) for h, n in (share(other & inside) for other in others) if n >= 64]
    chance = float(np.mean([h / n for h, n in chances]))
    return (hits / places - chance) / max(1 - chance, LEAST_ROOM)


@pytest.mark.slow
def test_chance_beside_the_edges_tells_more_than_chance_under_other_objects_edges():
    """Ground truth against photographs pasted into the outlines, which know nothing of the geometry."""
    cameras = view_cameras((0.0, 90.0, 180.0, 270.0), resolution=256)
    cases = miniworld_cases("eval")[:20]
    scenes = [SceneGeometry(case.mesh.load(), cameras) for case in cases]
    lines = [geometry_edges(scene.gbuffer)[0] for scene in scenes]
    photos = [photo()[:256, :256] / 255 for photo in (data.astronaut, data.coffee, data.chelsea, data.rocket, data.cat)]
    ours, theirs = [], []
    for i, (case, scene) in enumerate(zip(cases, scenes, strict=True)):
        truth = ground_truth(case, cameras, WHITE, "cpu").views / 255
        masks = scene.gbuffer.mask.numpy()[..., None]
        pasted = np.stack([np.where(mask, photos[(i + v) % len(photos)], 1.0) for v, mask in enumerate(masks)])
        found = [edge_recall(torch.from_numpy(views), scene.gbuffer) for views in (truth, pasted)]
        if found[0].status == "ok":
            others = lines[:i] + lines[i + 1 :]
            ours.append(found[0].value - found[1].value)
            theirs.append(np.subtract(*(recall_over_other_objects(views, scene, others) for views in (truth, pasted))))
    effects = [np.mean(gains) / np.std(gains, ddof=1) for gains in (ours, theirs)]
    assert len(ours) > 10 and effects[0] > 0.9 and effects[0] > 1.2 * effects[1]
