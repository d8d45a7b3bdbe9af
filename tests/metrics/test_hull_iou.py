"""Hull IoU: views of one object agree, and what the specification says of views that do not."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, assembly, mesh_of, render, sample
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import ImageError, UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_albedo
from bench.lifting.visual_hull import half_side, hull_masks
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.hull_iou import hull_iou

CAMERAS = view_cameras(resolution=96)
SHAPES = {
    "assembly": assembly,
    "sphere": lambda: mesh_of(trimesh.creation.icosphere(4, 0.5)),
    "box": lambda: mesh_of(trimesh.creation.box((0.7, 1.0, 0.4))),
}


@lru_cache
def silhouettes(name: str = "assembly") -> Tensor:
    return rasterise(SHAPES[name](), CAMERAS).mask


def carved_by_voxels(masks: Tensor, cameras: Cameras, cells: int) -> Tensor:
    """The plain way: keep a voxel whose centre is object in all views, and mark the pixels that voxels fall on."""
    side = half_side(cameras)
    axis = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 2 * side - side
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    pixels = []
    for view in range(len(masks)):
        xy, _ = cameras.project(points, view)
        column, row = xy.floor().long().clamp(0, masks.shape[-1] - 1).unbind(dim=-1)
        pixels.append((row, column))
    keep = torch.stack([masks[view, *at] for view, at in enumerate(pixels)]).all(dim=0)
    found = torch.zeros_like(masks)
    for view, (row, column) in enumerate(pixels):
        found[view, row[keep], column[keep]] = True
    return found


def grown(masks: Tensor) -> Tensor:
    return torch.nn.functional.max_pool2d(masks[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0


@pytest.mark.parametrize(("projection", "elevation"), [("perspective", 25.0), ("orthographic", 0.0)])
def test_against_carved_voxels(projection, elevation) -> None:
    """Contradicting outlines, so that the hull is no copy of them; voxels of a third of a pixel.

    Pixels are judged at their centres, and voxels fall anywhere in them: the rim may differ by a pixel, outwards,
    and a sliver between two pixels is lost.
    """
    cameras = view_cameras((0.0, 70.0, 200.0), elevation, projection, resolution=48)
    masks = rasterise(assembly(), cameras).mask.clone()
    masks[1] = masks[1].roll(5, dims=0)
    masks[2] = masks[2].flip(1)
    found, voxels = hull_masks(masks, cameras), carved_by_voxels(masks, cameras, 144)
    assert (masks & ~found).sum() > 0.1 * masks.sum()
    assert not bool((found & ~masks).any()) and not bool((found & ~voxels).any())
    assert (voxels & ~grown(found)).sum() <= 0.002 * voxels.sum()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("azimuths", [(0.0, 90.0, 180.0, 270.0), (0.0, 45.0, 200.0), (10.0, 190.0)])
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_views_of_one_object_agree(name, azimuths, projection) -> None:
    cameras = view_cameras(azimuths, 15.0, projection, resolution=96)
    assert hull_iou(rasterise(SHAPES[name](), cameras).mask, cameras).value > 0.995


def test_slips_strictly_lower_it() -> None:
    scores = []
    for pixels in (0, 1, 2, 4, 8):
        masks = silhouettes().clone()
        masks[1] = masks[1].roll(pixels, dims=0)
        scores.append(hull_iou(masks, CAMERAS).value)
    assert all(a > b for a, b in itertools.pairwise(scores))
    assert scores[0] > 0.995 and scores[-1] < 0.92


def test_a_mirrored_view_and_swapped_views_are_seen() -> None:
    masks = silhouettes()
    mirrored = masks.clone()
    mirrored[2] = masks[2].flip(1)
    assert hull_iou(mirrored, CAMERAS).value < 0.9
    assert hull_iou(masks[[1, 0, 2, 3]], CAMERAS).value < 0.9
    upside_down = masks.clone()
    upside_down[2] = masks[2].flip(0)
    assert hull_iou(upside_down, CAMERAS).value < 0.9


def test_what_it_is_blind_to() -> None:
    """A turn of all views together, and outlines that are alike: no view of a sphere can be in the wrong place."""
    masks = silhouettes()
    for turn in (1, 2, 3):
        assert hull_iou(masks.roll(turn, dims=0), CAMERAS).value == pytest.approx(
            hull_iou(masks, CAMERAS).value, abs=1e-3
        )
    ball = silhouettes("sphere")
    for order in itertools.permutations(range(4)):
        assert hull_iou(ball[list(order)], CAMERAS).value > 0.995


def test_one_odd_view_costs_more_than_its_own_share() -> None:
    """The hull shrinks in every view; the least covered one counts."""
    masks = silhouettes().clone()
    masks[3] = torch.zeros_like(masks[3])
    masks[3, 40:50, 40:50] = True
    covered = hull_masks(masks, CAMERAS).sum(dim=(1, 2)) / masks.sum(dim=(1, 2))
    assert covered[3] == 1.0 and bool((covered[:3] < 0.3).all())
    assert hull_iou(masks, CAMERAS).value == pytest.approx(float(covered.min()))


def test_an_object_that_the_frame_cuts_off() -> None:
    large = mesh_of(trimesh.creation.icosphere(4, 0.8))
    masks = rasterise(large, CAMERAS).mask
    assert bool(masks[:, 0].any()) and bool(masks[:, :, 0].any()) and not bool(masks.all())
    assert hull_iou(masks, CAMERAS).value > 0.99
    assert hull_iou(torch.ones_like(masks), CAMERAS).value == 1.0


def test_thin_parts_are_not_lost() -> None:
    pole = trimesh.creation.cylinder(0.008, 0.9)  # a pixel wide
    pole.apply_transform(trimesh.transformations.rotation_matrix(math.pi / 2, [1, 0, 0]))
    plate = trimesh.creation.box((0.8, 0.02, 0.8))
    mesh = mesh_of(trimesh.util.concatenate([pole, plate]))
    assert hull_iou(rasterise(mesh, CAMERAS).mask, CAMERAS).value > 0.97


def test_empty_views() -> None:
    masks = silhouettes().clone()
    nothing = torch.zeros_like(masks)
    found = hull_iou(nothing, CAMERAS)
    assert found.status == "not_measurable" and math.isnan(found.value)
    masks[2] = False
    assert hull_iou(masks, CAMERAS).value == 0.0 and hull_iou(masks, CAMERAS).status == "ok"
    alone = view_cameras((0.0,), resolution=96)
    assert hull_iou(masks[:1], alone).status == "not_measurable"


def test_the_order_of_views_does_not_matter() -> None:
    masks, order = silhouettes().clone(), [2, 0, 3, 1]
    masks[1] = masks[1].flip(1)
    other = replace(CAMERAS, world_to_camera=CAMERAS.world_to_camera[order], intrinsics=CAMERAS.intrinsics[order])
    assert hull_iou(masks[order], other).value == hull_iou(masks, CAMERAS).value


def test_silhouettes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ImageError, match="do not fit"):
        hull_iou(silhouettes()[:3], CAMERAS)
    with pytest.raises(ImageError, match="do not fit"):
        hull_iou(silhouettes()[:, :50], CAMERAS)


@pytest.mark.parametrize("background", [WHITE, (0.0, 0.0, 0.0)])
def test_the_declared_metric_finds_the_object_itself(background) -> None:
    factory = METRICS.load("hull_iou")
    metric = factory(factory.Options())
    assert not metric.needs_mesh and metric.parameters().endswith(" v1")
    views = render(assembly(), CAMERAS, background=background).float()
    found = metric.measure(Sample(views, None, background, CAMERAS))
    assert list(found) == [result.name for result in metric.results()] == ["hull_iou"]
    assert found["hull_iou"].value > 0.995
    assert metric.measure(Sample(torch.ones_like(views), None, WHITE, CAMERAS))["hull_iou"].status == "not_measurable"
    with pytest.raises(UsageError, match="cameras"):
        metric.measure(sample(assembly(), 32))


def test_ceilings_of_the_mini_world() -> None:
    cameras = view_cameras(resolution=128)
    for case in miniworld_cases("eval", 5):
        assert case.mesh is not None
        mesh = case.mesh.load()
        views = torch.from_numpy(np.float32(render_albedo(mesh, cameras, WHITE)) / 255)
        metric = METRICS.load("hull_iou")
        found = metric(metric.Options()).measure(Sample(views, None, WHITE, cameras))
        assert found["hull_iou"].value > 0.995, case.id
