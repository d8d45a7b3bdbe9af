from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bench.cases.mesh_folder import mesh_folder_cases
from bench.errors import GeneratorError, MeshError
from bench.generators.catalogue import GENERATORS
from bench.generators.ground_truth import ground_truth
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras

WHITE = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def context(mesh_folder) -> GeneratorContext:
    cases = mesh_folder_cases(mesh_folder, mesh_folder / "prompts.csv")
    return GeneratorContext(cases, view_cameras(resolution=64), WHITE, "cpu", Path("/"))


def make(use: str, context: GeneratorContext, case: int = 0, seeds=(1, 2, 3, 4), **options) -> np.ndarray:
    factory = GENERATORS.load(use)
    generator = factory(use, factory.Options.model_validate(options), context)
    request = GenerationRequest(context.cases[case], context.cameras, 0, context.background, seeds, None)
    (answer,) = generator.generate([request])
    assert (answer.case, answer.seed) == (context.cases[case].id, 0)
    assert answer.views.dtype == np.uint8
    assert answer.views.shape == (4, 64, 64, 3)
    return answer.views


@pytest.fixture(scope="module")
def truth(context):
    return ground_truth(context.cases[0], context.cameras, WHITE, "cpu")


def test_ceiling_is_the_ground_truth(context, truth):
    assert np.array_equal(make("ceiling", context), truth.views)
    assert 0.1 < (truth.alpha > 0.5).mean() < 0.8


def test_floor_keeps_the_shape_and_changes_every_view(context, truth):
    views = make("floor", context)
    outside = truth.alpha == 0
    assert (views[outside] == 255).all()
    for view in range(4):
        inside = truth.alpha[view] == 1
        assert np.abs(views[view][inside].astype(int) - truth.views[view][inside]).mean() > 10


def test_floor_needs_another_texture(context):
    with pytest.raises(GeneratorError, match="at least two"):
        make("floor", replace(context, cases=context.cases[:1]))


@pytest.mark.parametrize("axis", ["x", "y"])
def test_shift_moves_odd_views_only(context, truth, axis):
    views = make("shift", context, pixels=3, axis=axis)
    assert np.array_equal(views[0::2], truth.views[0::2])
    moved, still = (views[1][:, 3:], truth.views[1][:, :-3]) if axis == "x" else (views[1][3:], truth.views[1][:-3])
    assert np.array_equal(moved, still)
    assert ((views[1][:, :3] if axis == "x" else views[1][:3]) == 255).all()


def test_shift_by_nothing_changes_nothing(context, truth):
    assert np.array_equal(make("shift", context, pixels=0), truth.views)


def test_side_views_change_places(context, truth):
    assert np.array_equal(make("swapped_views", context), truth.views[[0, 3, 2, 1]])


def test_cast_multiplies_the_object_and_leaves_the_background(context, truth):
    views = make("colour_cast", context, strength=0.1).astype(float)
    inside, outside = truth.alpha == 1, truth.alpha == 0
    assert (views[outside] == 255).all()
    before = truth.views.astype(float)
    for view, (red, blue) in enumerate([(0.9, 1.1), (1.1, 0.9)] * 2):
        unclipped = inside[view] & (before[view].max(-1) < 225)
        for channel, gain in ((0, red), (1, 1.0), (2, blue)):
            assert (
                np.abs(views[view][unclipped][:, channel] - gain * before[view][unclipped][:, channel]).max()
                <= 0.5 + 1e-9
            )


def test_blur_keeps_the_mean_and_lowers_detail(context, truth):
    soft, softer = make("blur", context, sigma=1.0), make("blur", context, sigma=3.0)
    detail = [np.abs(np.diff(v.astype(float), axis=2)).mean() for v in (truth.views, soft, softer)]
    assert detail[0] > detail[1] > detail[2]
    assert abs(softer.mean() - truth.views.mean()) < 0.5


def test_noise_has_its_strength_and_follows_from_its_seeds(context, truth):
    views = make("noise", context, sigma=0.05)
    assert np.array_equal(views, make("noise", context, sigma=0.05))
    assert not np.array_equal(views, make("noise", context, seeds=(5, 6, 7, 8), sigma=0.05))
    inside = (truth.alpha == 1) & (truth.views.min(-1) > 60) & (truth.views.max(-1) < 195)
    spread = (views[inside].astype(float) - truth.views[inside]).std() / 255
    assert spread == pytest.approx(0.05, rel=0.05)
    assert (views[truth.alpha == 0] == 255).all()


def test_each_view_has_its_own_noise(context, truth):
    noise = make("noise", context, sigma=0.05).astype(int) - truth.views
    assert not np.array_equal(noise[0], noise[2])


def test_options_are_strict():
    with pytest.raises(ValidationError):
        GENERATORS.load("blur").Options.model_validate({"sigm": 2})


def test_fingerprint_follows_the_options(context):
    def fingerprint(**options):
        factory = GENERATORS.load("blur")
        return factory("x", factory.Options.model_validate(options), context).fingerprint()

    assert fingerprint(sigma=2) == fingerprint(sigma=2.0)
    assert fingerprint(sigma=2) != fingerprint(sigma=3)


def test_case_without_mesh_is_an_error(context):
    bare = replace(context.cases[0], mesh=None)
    with pytest.raises(MeshError, match="no mesh"):
        make("ceiling", replace(context, cases=(bare,)))
