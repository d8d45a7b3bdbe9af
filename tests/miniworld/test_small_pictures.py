"""What 16 px pictures are judged by: cameras of their size, one way to enlarge, references and yardsticks alike."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import SuiteError
from bench.generators.ground_truth import ground_truth
from bench.generators.miniworld_look import LookOptions, MiniworldLook
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras
from bench.run import references
from bench.run.generate import SceneControls
from bench.run.options import RunOptions
from bench.run.plan import make_plan
from bench.suite.load import load_suite
from groundwork.pictures import enlarged
from groundwork.progress import Reporter

WHITE = (1.0, 1.0, 1.0)
SUITE = """
name: small
version: 1
task: texturing
cases: {source: miniworld, split: eval}
views: {resolution: 64}
references: {rich: {miniworld: {split: eval, first: 40, count: 2, size_px: 16}}}
generators: [{name: ceiling, use: ceiling}]
metrics: [kd_cluster: {reference: rich, extractor: efficientnet_lite0}]
"""


@pytest.mark.parametrize("size", [16, 48, 500])
def test_cameras_of_another_resolution_are_those_made_at_it(size: int) -> None:
    made, scaled = view_cameras(resolution=size), view_cameras(resolution=256).at_resolution(size)
    assert np.array_equal(made.world_to_camera, scaled.world_to_camera) and scaled.resolution == size
    np.testing.assert_allclose(scaled.intrinsics, made.intrinsics, rtol=1e-15)


def test_enlarging_keeps_flat_colours_and_means() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((1, 16, 16, 3), (255, 17, 200), dtype=np.uint8)
    assert (enlarged(flat, 256) == flat[0, 0, 0]).all()
    smooth = np.asarray(Image.fromarray(rng.integers(60, 200, (5, 5, 3), dtype=np.uint8)).resize((16, 16), 1))[None]
    large = enlarged(smooth, 256)
    assert large.shape == (1, 256, 256, 3) and large.dtype == np.uint8
    back = large.reshape(16, 16, 16, 16, 3).mean(axis=(1, 3))
    assert np.abs(back - smooth[0]).max() < 12  # cells keep their colour; only steps between them are smoothed


def test_a_yardstick_of_a_models_size_is_rendered_at_it_then_enlarged() -> None:
    case, cameras = miniworld_cases("eval", 1)[0], view_cameras(resolution=64)
    context = GeneratorContext((case,), cameras, WHITE, "cpu", Path())
    request = GenerationRequest(case, cameras, 0, WHITE, (0,) * 4, SceneControls("cpu"))
    small = ground_truth(case, view_cameras(resolution=16), WHITE, "cpu").views
    twin = MiniworldLook("twin", LookOptions(look="rich", size=16), context)
    assert np.array_equal(twin.views(request), enlarged(small, 64))
    assert twin.fingerprint() != MiniworldLook("twin", LookOptions(look="rich", size=32), context).fingerprint()


def test_a_reference_starts_behind_the_evaluated_objects_and_is_rendered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(SUITE)
    options = RunOptions(offline=True)
    plan = make_plan(load_suite(tmp_path / "small.yaml"), options)
    rendered = []
    render = references.small_views
    monkeypatch.setattr(references, "small_views", lambda case, *rest: rendered.append(case.id) or render(case, *rest))

    def features() -> references.ReferenceFeatures:
        found = references.find_library(plan, options, tmp_path / "cache", Reporter(Console(file=io.StringIO())))
        return found.features["rich", "efficientnet_lite0"]

    first = features()
    wanted = [case.id for case in miniworld_cases("eval", 42)[40:]]
    assert list(dict.fromkeys(first.clusters)) == wanted and set(rendered) == set(wanted)
    assert not first.shares_objects and len(first) == 8
    rendered.clear()
    second = features()
    assert not rendered and np.array_equal(first.features, second.features) and first.digest == second.digest


def test_a_reference_with_a_first_object_needs_a_count(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SUITE.replace(" count: 2,", ""))
    with pytest.raises(SuiteError, match="count"):
        load_suite(tmp_path / "small.yaml")
