"""Repeated views: copies of a view are found, as they are or disguised; a thing's own views, plain or not, are none."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import ImageError
from bench.generators.ground_truth import ground_truth
from bench.geometry.cameras import view_cameras
from bench.geometry.foreground import find_silhouettes
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.repeated_views import repeated_views, scale_of
from bench.suite.load import load_suite
from groundwork.pictures import enlarged

WHITE = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def views() -> Tensor:
    """Four views of an animal, (4, 256, 256, 3)."""
    truth = ground_truth(miniworld_cases("eval", 7)[6], view_cameras(resolution=256), WHITE, "cpu")
    return torch.from_numpy(truth.views).float() / 255.0


def share(views: Tensor) -> float:
    return repeated_views(views, find_silhouettes(views, WHITE))


def compressed(view: Tensor) -> Tensor:
    file = io.BytesIO()
    Image.fromarray((view.numpy() * 255).astype(np.uint8)).save(file, "JPEG", quality=75)
    return torch.from_numpy(np.array(Image.open(file))).float() / 255.0


def test_the_views_of_an_object_repeat_none(views):
    assert share(views) == 0.0


def test_a_front_copied_everywhere_and_a_janus_head_are_found(views):
    assert share(views[[0, 0, 0, 0]]) == 1.0
    janus = views.clone()
    janus[2] = views[0].flip(1)
    assert share(janus) == 0.5


def test_the_front_s_paint_behind_another_outline_is_the_front(views):
    worn = views[:2].clone()
    object_ = find_silhouettes(views, WHITE)
    covered = object_[0].clone()
    covered[:, : covered.shape[1] // 2 - 4] = False  # an outline that is only the right part of it
    worn[1] = torch.where(covered[..., None], views[0], torch.ones(3))
    assert share(worn) == 1.0


@pytest.mark.parametrize("disguise", ["grain", "compressed", "moved", "darker", "tinted", "shaded"])
def test_a_light_disguise_does_not_help(views, disguise):
    front = views[0]
    inside = find_silhouettes(views[:1], WHITE)[0, ..., None]
    changed = {
        "darker": lambda: torch.where(inside, front * 0.8, front),
        "tinted": lambda: torch.where(inside, front * torch.tensor([1.0, 0.85, 0.75]), front),
        "shaded": lambda: torch.where(inside, front * torch.linspace(0.9, 1.0, 256)[:, None], front),
        "grain": lambda: front + torch.randn(front.shape, generator=torch.Generator().manual_seed(0)) * 8 / 255,
        "compressed": lambda: compressed(front),
        "moved": lambda: front.roll((6, 10), dims=(0, 1)),
    }[disguise]()
    assert share(torch.stack([front, changed.clamp(0, 1)])) == 1.0


def test_plain_paint_and_empty_views_repeat_nothing(views):
    inside = find_silhouettes(views, WHITE)[..., None]
    grey = torch.where(inside, torch.tensor(0.5), torch.tensor(1.0)).expand_as(views)[[0, 0]].contiguous()
    assert share(grey) == 0.0
    grain = torch.randn(grey.shape, generator=torch.Generator().manual_seed(0)) * 12 / 255
    assert share(torch.where(inside[[0, 0]], grey + grain, grey)) == 0.0, "grain of its own is no texture that repeats"
    assert share(torch.ones_like(views)) == 0.0


def test_plain_parts_look_the_same_from_all_sides_and_are_not_blamed():
    """As a renderer shows them: what differs from its surroundings are edges between parts, which say nothing."""
    case, cameras = miniworld_cases("eval", 3, "synthetic")[2], view_cameras(resolution=256)
    cylinder = torch.from_numpy(ground_truth(case, cameras, WHITE, "cpu").views).float() / 255.0
    assert float((cylinder[0] - cylinder[2]).abs().mean()) < 0.01
    assert share(cylinder) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("look", ["rich", "synthetic"])
def test_no_object_of_the_mini_world_repeats_a_view(look):
    """So nobody is above the truth under it, and renders in plain colours, which agree perfectly, lose nothing."""
    cameras = view_cameras(resolution=256)
    truths = [ground_truth(case, cameras, WHITE, "cpu").views for case in miniworld_cases("eval", 40, look)]
    assert [share(torch.from_numpy(views).float() / 255.0) for views in truths] == [0.0] * 40


def test_small_pictures_are_compared_at_their_size():
    """Enlarged, edges between plain parts are as wide as texture: flat renders are blamed; at their own size, less."""
    cameras, scale = view_cameras(resolution=32), scale_of(32)

    def shown(look: str) -> list[tuple[Tensor, Tensor]]:
        truths = (ground_truth(case, cameras, WHITE, "cpu").views for case in miniworld_cases("eval", 8, look))
        views = [torch.from_numpy(enlarged(small, 256)).float() / 255.0 for small in truths]
        return [(one, find_silhouettes(one, WHITE)) for one in views]

    photographic, flat, front = shown("daylight"), shown("vivid"), [0, 0, 0, 0]
    assert [repeated_views(*one, scale) for one in photographic] == [0.0] * 8
    assert sum(repeated_views(*one, scale) for one in flat) < 2.0 < sum(repeated_views(*one) for one in flat)
    assert sum(repeated_views(views[front], inside[front], scale) for views, inside in photographic) >= 4.0
    assert scale_of(None) == scale_of(256)


def test_what_is_bent_or_painted_over_passes_it_as_documented(views):
    front = views[0]
    wider = torch.nn.functional.interpolate(front.movedim(-1, 0)[None], (256, 320), mode="bilinear")[0].movedim(0, -1)
    assert share(torch.stack([front, wider[:, 32:-32]])) == 0.0
    inside = find_silhouettes(views[:1], WHITE)[0, ..., None]
    cells = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    coarse = torch.nn.functional.interpolate(cells, (256, 256), mode="bicubic")[0].movedim(0, -1)
    assert share(torch.stack([front, torch.where(inside, 0.9 * front + 0.1 * coarse, front)])) == 0.0


@pytest.mark.parametrize("name", ["miniworld-calibration", "text-to-multiview-calibration", "text-to-multiview"])
def test_suites_decide_by_it_where_the_truth_repeats_nothing(name):
    assert "repeated_views" in load_suite(name).primary
    assert "repeated_views" not in load_suite("multiview-texturing").primary, "the sides of a mesh may share a texture"
    assert "repeated_views" in load_suite("miniworld-text").primary


def test_it_is_not_measured_on_another_ground_or_of_one_view(views):
    metric = METRICS.load("repeated_views")(METRICS.load("repeated_views").Options())
    assert metric.measure(Sample(views, None, WHITE))["repeated_views"].value == 0.0
    for shown in (Sample(views[:1], None, WHITE), Sample(views, None, (0.0, 0.0, 0.0))):
        found = metric.measure(shown)["repeated_views"]
        assert math.isnan(found.value) and found.status == "not_measurable"


def test_views_and_outlines_of_another_size_are_refused(views):
    with pytest.raises(ImageError, match="do not fit"):
        repeated_views(views, torch.zeros(4, 64, 64, dtype=torch.bool))
