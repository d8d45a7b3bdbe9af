"""Hull lift: what the specification asks of a score without a mesh, on painted shapes and on the mini-world."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from painted_scenes import WHITE, mesh_of, render
from scipy.ndimage import gaussian_filter
from torch import Tensor

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import UsageError
from bench.generators.catalogue import GENERATORS
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Measurement, Sample
from bench.metrics.hull_lift import FLOOR_CDE, FLOOR_PSNR

CAMERAS = view_cameras(resolution=128)
ORTHOGONAL = (0.0, 90.0, 180.0, 270.0)


def metric() -> Any:
    factory = METRICS.load("hull_lift")
    return factory(factory.Options())


def measured(views: Tensor, cameras=CAMERAS) -> dict[str, Measurement]:
    found: dict[str, Measurement] = metric().measure(Sample(views.float(), None, WHITE, cameras))
    return found


def scores(views: Tensor) -> tuple[float, float]:
    found = measured(views)
    return found["hull_lift_psnr"].value, found["hull_lift_cde"].value


@lru_cache
def ball(seed: int = 0) -> Tensor:
    return render(mesh_of(trimesh.creation.icosphere(4, 0.45).apply_scale((1.0, 1.1, 0.9))), CAMERAS, seed)


def shifted(pixels: int) -> Tensor:
    """Odd views move; their outlines too, as a generator's would."""
    views = ball().clone()
    views[1::2] = views[1::2].roll(pixels, dims=1)
    return views


def test_a_perfect_render_and_slips() -> None:
    found = [scores(shifted(pixels)) for pixels in (0, 1, 2, 4)]
    assert found[0][0] > 25 and found[0][1] > 0.75
    for result in range(2):
        assert all(a[result] > b[result] for a, b in itertools.pairwise(found))


def test_swapped_and_unrelated_views_are_much_worse_and_the_floor_is_lowest() -> None:
    clean = scores(ball())
    swapped = scores(ball()[[1, 0, 3, 2]])
    strangers = scores(torch.stack([ball(seed)[seed] for seed in range(4)]))
    assert swapped[0] < clean[0] - 8 and swapped[1] < clean[1] - 0.3
    assert strangers[0] < clean[0] - 8 and strangers[1] < 0.2


def test_blur_does_not_pay_and_flat_colour_is_no_detail() -> None:
    soft = torch.from_numpy(gaussian_filter(ball().numpy(), (0, 2, 2, 0), mode="nearest"))
    assert scores(soft)[1] < scores(ball())[1]
    masks = (ball() < 0.99).any(dim=-1, keepdim=True)
    flat = torch.where(masks, 0.5, 1.0).expand_as(ball())
    assert scores(flat)[0] > 40 and scores(flat)[1] < 1e-9


def test_a_failed_lift_counts_as_the_floor_and_is_not_dropped() -> None:
    apart = render(mesh_of(trimesh.creation.icosphere(3, 0.15)), CAMERAS)
    apart[1] = apart[1].roll(50, dims=0)
    for views in (apart, torch.ones_like(apart)):
        found = measured(views)
        assert found["hull_lift_psnr"] == Measurement(FLOOR_PSNR, coverage=0.0)
        assert found["hull_lift_cde"] == Measurement(FLOOR_CDE, coverage=0.0)
    plate = render(mesh_of(trimesh.creation.box((1.0, 1.0, 0.02))), CAMERAS)  # hardly any surface that two views see
    assert measured(plate)["hull_lift_psnr"] == Measurement(FLOOR_PSNR, coverage=0.0)
    assert f"failed_lift=floor({FLOOR_PSNR:g}dB,{FLOOR_CDE:g})" in metric().parameters()


def test_coverage_is_a_share_of_what_the_views_show() -> None:
    found = measured(ball())
    assert 0.2 < found["hull_lift_psnr"].coverage < 0.5
    assert found["hull_lift_psnr"].coverage == found["hull_lift_cde"].coverage
    # an outline that the others contradict is cut away, and what is cut away is not covered
    wide = ball().clone()
    wide[0, 60:64, 2:126] = 0.3
    assert measured(wide)["hull_lift_psnr"].coverage < found["hull_lift_psnr"].coverage


def test_a_turn_of_all_views_changes_nothing() -> None:
    for turn in (1, 2):
        assert scores(ball().roll(turn, dims=0)) == pytest.approx(scores(ball()), rel=0.02)


def test_one_view_and_no_cameras() -> None:
    found = measured(ball()[:1], view_cameras((0.0,), resolution=128))
    assert all(m.status == "not_measurable" and math.isnan(m.value) for m in found.values())
    with pytest.raises(UsageError, match="cameras"):
        metric().measure(Sample(ball().float(), None, WHITE))


def test_its_label_says_that_it_is_no_lgm() -> None:
    assert not metric().needs_mesh and metric().parameters().endswith(" v3")
    results = metric().results()
    assert [result.name for result in results] == ["hull_lift_psnr", "hull_lift_cde"]
    assert all("hull lift, not LGM" in result.title for result in results)


def generated(name: str, split: str, count: int, resolution: int) -> list[dict[str, Measurement]]:
    """A calibration generator's objects, measured."""
    cases, cameras = miniworld_cases(split, count), view_cameras(resolution=resolution)  # type: ignore[arg-type]
    context = GeneratorContext(cases, cameras, WHITE, "cpu", Path())
    made = GENERATORS.load(name)(name, None, context)
    found = []
    for case in cases:
        request = GenerationRequest(case, cameras, 0, WHITE, (0,) * 4, None)  # type: ignore[arg-type]
        found.append(measured(torch.from_numpy(np.float32(made.views(request)) / 255), cameras))
    return found


@pytest.mark.slow
def test_ceilings_of_the_mini_world_stand_far_above_its_floors() -> None:
    ceilings, floors = (generated(name, "eval", 16, 256) for name in ("ceiling", "floor"))
    psnr = np.array([[m["hull_lift_psnr"].value for m in found] for found in (ceilings, floors)])
    detail = np.array([[m["hull_lift_cde"].value for m in found] for found in (ceilings, floors)])
    assert psnr[0].mean() - psnr[1].mean() > 8 and detail[0].mean() - detail[1].mean() > 0.25
    assert (psnr[0] >= psnr[1]).mean() > 0.8


@pytest.mark.slow
def test_the_frozen_floor_is_what_it_says() -> None:
    lifted = [found for found in generated("floor", "train", 40, 256) if found["hull_lift_psnr"].coverage]
    assert len(lifted) == 37
    assert np.mean([m["hull_lift_psnr"].value for m in lifted]) == pytest.approx(FLOOR_PSNR, abs=0.1)
    assert np.mean([m["hull_lift_cde"].value for m in lifted]) == pytest.approx(FLOOR_CDE, abs=0.005)
