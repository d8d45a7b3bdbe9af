"""The seam against a plain loop, and what it must and must not see."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, mesh_of, render
from scipy.stats import wilcoxon
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import ImageError, UsageError
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.cde import cde
from bench.metrics.declaration import Sample
from bench.metrics.loo_psnr import MIN_COVERAGE
from bench.metrics.unjudged_seam import SHOWN, pair_difference, surface_pairs, unjudged_seam
from bench.run.generate import SceneControls
from bench.suite.check import read_options


@lru_cache
def scene() -> tuple[Mesh, Cameras, Correspondence, Tensor]:
    mesh, cameras = mesh_of(trimesh.creation.icosphere(4, 0.5)), view_cameras(resolution=128)
    return mesh, cameras, correspond(mesh, buffer()), render(mesh, cameras)


@lru_cache
def buffer() -> GBuffer:
    return rasterise(mesh_of(trimesh.creation.icosphere(4, 0.5)), view_cameras(resolution=128))


def seam(views: Tensor) -> float:
    """Of the sphere's views."""
    return unjudged_seam(views, scene()[2], buffer()).value


def surface(heights: Tensor, normals: Tensor) -> GBuffer:
    """A view from above of a height field (V, H, W), a pixel wide and deep, with normals (V, H, W, 3)."""
    row, column = torch.meshgrid(torch.arange(heights.shape[1]), torch.arange(heights.shape[2]), indexing="ij")
    place = torch.stack((column.expand_as(heights), row.expand_as(heights), heights), dim=-1).double()
    nothing = torch.zeros_like(heights)
    return GBuffer(
        view_cameras(resolution=8), nothing, nothing.int(), place, place, normals.double(), normals.double(), nothing
    )


def up(shape: tuple[int, ...]) -> Tensor:
    return torch.tensor([0.0, 0.0, 1.0]).expand(*shape, 3)


def differing(views: Tensor, one: Tensor, other: Tensor, surface: GBuffer, step: float) -> tuple[float, int]:
    """What pairs a step apart differ by, and how many there are."""
    pairs = surface_pairs(one, other, surface, step)
    return pair_difference(views, pairs), len(pairs[0])


def right_where_judged(elsewhere: Tensor, wider: int = 2) -> Tensor:
    """The truth on the judged surface and `wider` px round it, other paint everywhere else."""
    _, _, matches, views = scene()
    kept = torch.nn.functional.max_pool2d(matches.scoring_mask.float()[:, None], 2 * wider + 1, 1, wider)[:, 0] > 0
    return torch.where(kept[..., None], views, elsewhere)


def test_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    views, one, other = rng.random((2, 9, 11, 3)), rng.random((2, 9, 11)) < 0.5, rng.random((2, 9, 11)) < 0.4
    found = []
    for view in range(2):
        for row in range(9):
            for column in range(11):
                for down, right in ((0, 3), (3, 0), (2, 2), (2, -2)):
                    r, c = row + down, column + right
                    if not (r < 9 and 0 <= c < 11):
                        continue
                    a, b = (view, row, column), (view, r, c)
                    if (one[a] and other[b]) or (other[a] and one[b]):
                        found.append(((views[a] - views[b]) ** 2).sum())
    flat = surface(torch.zeros(2, 9, 11), up((2, 9, 11)))
    mean, count = differing(*map(torch.from_numpy, (views, one, other)), flat, 3.0)
    assert count == len(found) > 100
    assert mean == pytest.approx(np.mean(found), rel=1e-12)


def test_no_pairs_in_a_picture_smaller_than_the_step() -> None:
    everywhere = torch.ones(1, 4, 4, dtype=torch.bool)
    flat = surface(torch.zeros(1, 4, 4), up((1, 4, 4)))
    assert differing(torch.rand(1, 4, 4, 3), everywhere, everywhere, flat, 40.0) == (0.0, 0)


def test_points_of_two_parts_are_not_compared() -> None:
    """A step in height, and a fold: the colours beyond them belong to something else."""
    views, everywhere = torch.zeros(1, 8, 8, 3), torch.ones(1, 8, 8, dtype=torch.bool)
    views[:, :, 4:] = 1.0
    level, beyond = torch.zeros(1, 8, 8), torch.arange(8) >= 4
    whole = differing(views, everywhere, everywhere, surface(level, up((1, 8, 8))), 2.0)
    step = surface(torch.where(beyond, 5.0, 0.0).expand(1, 8, 8), up((1, 8, 8)))
    fold = surface(level, torch.where(beyond[:, None], torch.tensor([1.0, 0.0, 0.0]), up((8,))).expand(1, 8, 8, 3))
    assert whole[0] > 0.3
    for parted in (step, fold):
        mean, count = differing(views, everywhere, everywhere, parted, 2.0)
        assert mean == 0.0 and 0 < count < whole[1]


def test_paint_that_belongs_together_has_no_seam() -> None:
    mesh, cameras, _, views = scene()
    assert seam(views) == 1.0
    strangers = torch.stack([render(mesh, cameras, seed)[seed] for seed in range(4)])
    assert seam(strangers) == 1.0  # views that contradict each other are `cde`'s to see
    assert seam(torch.full_like(views, 0.5)) == 1.0


@pytest.mark.parametrize("wider", [2, 4])
def test_paint_that_is_right_only_where_it_is_judged_has_one_that_cde_cannot_see(wider: int) -> None:
    _, _, matches, views = scene()
    other = right_where_judged(torch.flip(views, (2,)) * 0.4, wider)
    assert cde(other, matches).value > cde(views, matches).value - 0.02
    assert seam(other) > seam(views) + 0.1


def test_it_grows_with_the_difference() -> None:
    views = scene()[3]
    seams = [seam(right_where_judged(views * gain)) for gain in (1.0, 0.8, 0.6, 0.4)]
    assert seams == sorted(seams) and seams[-1] > seams[0] + 0.15


def test_geometry_decides_what_is_measurable() -> None:
    mesh, _, _, _ = scene()
    cameras = view_cameras(azimuths=(0.0, 180.0), resolution=64)
    shown = rasterise(mesh, cameras)
    found = unjudged_seam(render(mesh, cameras, supersample=1), correspond(mesh, shown), shown)
    assert found.status == "not_measurable" and math.isnan(found.value) and found.coverage == 0.0


def test_the_declared_metric_measures_the_same() -> None:
    mesh, cameras, matches, views = scene()
    factory = METRICS.load("unjudged_seam")
    metric = factory(factory.Options())
    assert metric.needs_mesh and metric.parameters().endswith(" v2")
    other = right_where_judged(views * 0.4)
    found = metric.measure(Sample(other.float(), SceneGeometry(mesh, cameras), WHITE))
    assert list(found) == [result.name for result in metric.results()] == ["unjudged_seam"]
    assert found["unjudged_seam"].value == pytest.approx(seam(other), abs=1e-6) and found["unjudged_seam"].value > 1.1
    with pytest.raises(UsageError, match="mesh"):
        metric.measure(Sample(views.float(), None, WHITE))
    with pytest.raises(ImageError, match="do not fit"):
        unjudged_seam(views[:, :50], matches, buffer())


@pytest.mark.slow
def test_the_cheats_of_the_mini_world_lose_by_it_and_the_ceiling_does_not() -> None:
    cases, cameras = miniworld_cases("eval", 16), view_cameras(resolution=256)
    context = GeneratorContext(cases, cameras, WHITE, "cpu", Path())
    scenes = [SceneGeometry(case.mesh.load(), cameras) for case in cases if case.mesh is not None]
    values = {}
    for name in ("ceiling", "right_where_judged", "overlap_only"):
        factory = GENERATORS.load(name)
        generator = factory(name, read_options(factory, {}), context)
        values[name] = [
            unjudged_seam(
                torch.from_numpy(
                    generator.views(
                        GenerationRequest(case, cameras, 0, WHITE, (1, 2, 3, 4), SceneControls("cpu"))
                    ).astype(np.float64)
                    / 255
                ),
                scene.correspondence,
                scene.gbuffer,
            ).value
            for case, scene in zip(cases, scenes, strict=True)
            if scene.correspondence.coverage >= MIN_COVERAGE
        ]
    assert np.mean(values["ceiling"]) < 1.02
    for name in ("right_where_judged", "overlap_only"):
        assert np.mean(values[name]) > np.mean(values["ceiling"]) + 0.2
        assert wilcoxon(values[name], values["ceiling"], alternative="greater").pvalue < 0.001


@pytest.mark.slow
def test_nearly_all_whole_objects_have_no_seam() -> None:
    """What `SHOWN` is: of the training objects that can be judged, one in ten at most reaches it."""
    cases, cameras = miniworld_cases("train", 40), view_cameras(resolution=256)
    context, found = GeneratorContext(cases, cameras, WHITE, "cpu", Path()), []
    ceiling = GENERATORS.load("ceiling")("ceiling", None, context)
    for case in cases:
        assert case.mesh is not None
        shown = SceneGeometry(case.mesh.load(), cameras)
        if shown.correspondence.coverage >= MIN_COVERAGE:
            views = ceiling.views(GenerationRequest(case, cameras, 0, WHITE, (1, 2, 3, 4), SceneControls("cpu")))
            found.append(unjudged_seam(torch.from_numpy(views / 255.0), shown.correspondence, shown.gbuffer).value)
    assert len(found) == 30 and np.mean(np.array(found) > 1.0) <= 0.1 and np.mean(found) < 1.02, (SHOWN, found)
