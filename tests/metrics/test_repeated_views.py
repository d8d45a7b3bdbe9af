"""Repeated views: copies of a view are found, plain or disguised a little; an object's own views are none."""

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
from bench.metrics.repeated_views import repeated_views

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


@pytest.mark.parametrize("disguise", ["grain", "compressed", "moved"])
def test_a_light_disguise_does_not_help(views, disguise):
    front = views[0]
    changed = {
        "grain": lambda: front + torch.randn(front.shape, generator=torch.Generator().manual_seed(0)) * 4 / 255,
        "compressed": lambda: compressed(front),
        "moved": lambda: front.roll((6, 10), dims=(0, 1)),
    }[disguise]()
    assert share(torch.stack([front, changed.clamp(0, 1)])) == 1.0


def test_plain_paint_and_empty_views_repeat_nothing(views):
    grey = torch.where(find_silhouettes(views, WHITE)[..., None], torch.tensor(0.5), torch.tensor(1.0)).expand_as(views)
    assert share(grey[[0, 0]].contiguous()) == 0.0
    assert share(torch.ones_like(views)) == 0.0


def test_what_agrees_perfectly_may_repeat_itself_so_that_it_decides_nothing():
    """Plain parts, as a renderer shows them: the truth repeats its views, and views that disagree repeat none."""
    case, cameras = miniworld_cases("eval", 3, "synthetic")[2], view_cameras(resolution=256)
    cylinder = torch.from_numpy(ground_truth(case, cameras, WHITE, "cpu").views).float() / 255.0
    assert share(cylinder) == 1.0
    spoilt = cylinder.clone()
    for view, colour in enumerate(([1.0, 0.4, 0.4], [0.4, 1.0, 0.4], [0.4, 0.4, 1.0], [0.4, 0.4, 0.4])):
        inside = find_silhouettes(cylinder, WHITE)[view]
        spoilt[view][inside] *= torch.tensor(colour)
    assert share(spoilt) == 0.0
    assert "repeated_views" in METRICS.load("repeated_views").never_primary


def test_darker_copies_pass_it_as_documented(views):
    front = views[0]
    assert share(torch.stack([front, 1 - (1 - front) * 0.85])) == 0.0


def test_it_is_not_measured_on_another_ground_or_of_one_view(views):
    metric = METRICS.load("repeated_views")(METRICS.load("repeated_views").Options())
    assert metric.measure(Sample(views, None, WHITE))["repeated_views"].value == 0.0
    for shown in (Sample(views[:1], None, WHITE), Sample(views, None, (0.0, 0.0, 0.0))):
        found = metric.measure(shown)["repeated_views"]
        assert math.isnan(found.value) and found.status == "not_measurable"


def test_views_and_outlines_of_another_size_are_refused(views):
    with pytest.raises(ImageError, match="do not fit"):
        repeated_views(views, torch.zeros(4, 64, 64, dtype=torch.bool))
