"""The cheats do what they say, on small views of two meshes; what the metrics make of them is for tests/selftest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bench.cases.mesh_folder import mesh_folder_cases
from bench.cases.miniworld.world import miniworld_cases
from bench.errors import GeneratorError, MeshError
from bench.generators.catalogue import GENERATORS
from bench.generators.cheats.rearranged import two_colours
from bench.generators.ground_truth import ground_truth
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras
from bench.geometry.scene import SceneGeometry

WHITE = (1.0, 1.0, 1.0)
SIDE = 64
OF_THE_OUTLINE = (
    "flat_colour",
    "solid_noise",
    "matched_noise",
    "painted_normals",
    "photograph_projected",
    "photograph_each_view",
    "overlap_only",
    "right_where_judged",
    "front_view",
    "boosted",
    "sharpened",
    "specks",
    "blended",
    "others_detail",
    "chequered",
    "kaleidoscope",
    "colours_exchanged",
)


@pytest.fixture(scope="module")
def context(mesh_folder) -> GeneratorContext:
    cases = mesh_folder_cases(mesh_folder, mesh_folder / "prompts.csv")
    return GeneratorContext(cases, view_cameras(resolution=SIDE), WHITE, "cpu", Path("/"))


@pytest.fixture(scope="module")
def truth(context):
    return ground_truth(context.cases[0], context.cameras, WHITE, "cpu")


def make(use: str, context: GeneratorContext, case: int = 0, seeds=(1, 2, 3, 4), **options) -> np.ndarray:
    factory = GENERATORS.load(use)
    assert factory.calibration, "a cheat is never ranked"
    generator = factory(use, factory.Options.model_validate(options), context)
    request = GenerationRequest(context.cases[case], context.cameras, 0, context.background, seeds, None)
    (answer,) = generator.generate([request])
    assert answer.views.dtype == np.uint8 and answer.views.shape == (4, SIDE, SIDE, 3)
    return answer.views


def own(context: GeneratorContext, case: int) -> np.ndarray:
    return ground_truth(context.cases[case], context.cameras, WHITE, "cpu").views


@pytest.mark.parametrize("use", OF_THE_OUTLINE)
def test_these_keep_the_outline_and_repeat_themselves(use, context, truth):
    views = make(use, context)
    assert (views[truth.alpha == 0] == 255).all()
    assert (views[truth.alpha == 1] != truth.views[truth.alpha == 1]).any()
    assert np.array_equal(views, make(use, context))


@pytest.fixture(scope="module")
def egg(context) -> tuple[GeneratorContext, SceneGeometry]:
    """A round object, whose neighbouring views share a part of its surface."""
    cases = miniworld_cases("eval", 1)
    return replace(context, cases=cases), SceneGeometry(cases[0].mesh.load(), context.cameras)


@pytest.mark.parametrize("use", ["flat_colour", "solid_noise", "matched_noise", "photograph_projected", "kaleidoscope"])
def test_solid_paint_is_the_same_point_for_point(use, egg):
    context, scene = egg
    views = make(use, context).astype(float)
    found, pixel = scene.correspondence.visible[0, 1], scene.correspondence.pixel[0, 1]
    assert found.sum() > 50
    column, row = (pixel[found] - 0.5).round().long().clamp(0, SIDE - 1).unbind(-1)
    ours, theirs = views[0][found.numpy()], views[1][row.numpy(), column.numpy()]
    elsewhere = np.random.default_rng(0).permutation(theirs)
    # grazing views of few pixels blur detail, each in its own direction
    assert np.abs(ours - theirs).mean() <= max(0.7 * np.abs(ours - elsewhere).mean(), 8)


def test_flat_colour_can_be_the_object_s_own(context, truth):
    inside = truth.alpha == 1
    flat = make("flat_colour", context, colour="own")[inside]
    assert (flat == flat[0]).all()
    assert np.abs(flat[0] - truth.views[inside].mean(axis=0)).max() < 4


def test_the_kaleidoscope_keeps_the_middle_of_the_front_and_shows_it_on_the_back(egg):
    context, _ = egg
    views = make("kaleidoscope", context).astype(int)
    truth = ground_truth(context.cases[0], context.cameras, WHITE, "cpu").views.astype(int)
    middle = np.s_[SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2 - 8 : SIDE // 2 + 8]
    front, back = np.abs(views[0] - truth[0])[middle].mean(), np.abs(views[2] - truth[0])[middle].mean()
    assert max(front, back) < 4 < np.abs(truth[2] - truth[0])[middle].mean()


def test_two_colours_change_places(context):
    colours = np.array([[0.8, 0.1, 0.1]] * 30 + [[0.1, 0.1, 0.7]] * 10)
    assert sorted(map(tuple, two_colours(colours).round(6))) == sorted(map(tuple, colours[[0, 39]]))
    case = replace(context, cases=miniworld_cases("eval", 4))  # a black mug with a pink handle
    inside = ground_truth(case.cases[3], context.cameras, WHITE, "cpu").alpha[0] > 0.99
    red = [made[0][inside][:, 0].astype(int) for made in (make("colours_exchanged", case, 3), own(case, 3))]
    assert np.median(red[0]) > 150 > 80 > np.median(red[1])  # most of it is body


def test_chequered_only_shifts_the_truth_by_a_level_each_way(context, truth):
    views = make("chequered", context, amount=0.04, cell=0.05)
    inside = (truth.alpha == 1) & (truth.views > 12).all(-1) & (truth.views < 243).all(-1)
    assert set(np.unique(views[inside].astype(int) - truth.views[inside])) <= {-11, -10, -9, 9, 10, 11}


def test_blended_goes_from_noise_to_the_truth(context, truth):
    inside = truth.alpha == 1
    away = [np.abs(make("blended", context, share=s)[inside] - truth.views[inside].astype(float)).mean()
            for s in (1.0, 0.6, 0.0)]  # fmt: skip
    assert away[0] <= 0.5 < away[1] < away[2]


def test_others_detail_keeps_the_truth_s_colours(context, truth):
    views, inside = make("others_detail", context, sigma=4.0), truth.alpha == 1
    assert np.abs(views[inside].mean(axis=0) - truth.views[inside].mean(axis=0)).max() < 6


def test_posterised_has_few_levels_and_mirrored_is_the_mirror_image(context, truth):
    assert len(np.unique(make("posterised", context, levels=4))) <= 4
    assert np.array_equal(make("mirrored", context)[:, :, ::-1], truth.views)


def test_swapped_objects_are_each_other_s(context):
    last = len(context.cases) - 1
    assert last > 0
    for case, other in ((0, 1), (last, 0)):
        assert np.array_equal(make("swapped_objects", context, case), make("ceiling", context, other))


def test_eroded_loses_its_rim_alone(context, truth):
    views = make("eroded", context, pixels=1)
    shown = (views != 255).any(-1)
    core = ndimage.binary_erosion(truth.alpha[0] > 0.999, np.ones((3, 3)))
    assert np.array_equal(views[0][core], truth.views[0][core])
    assert shown[0].sum() <= core.sum() < (truth.alpha[0] > 0).sum()


def test_scaled_is_smaller_about_the_centre(context, truth):
    views = make("scaled", context, factor=0.5)
    before, after = ((255 - v.astype(float)).sum() for v in (truth.views, views))
    assert after == pytest.approx(before / 4, rel=0.1)


def test_right_where_judged_is_right_there(context, truth):
    scene = SceneGeometry(context.cases[0].mesh.load(), context.cameras)
    judged = scene.correspondence.scoring_mask.numpy()
    views = make("right_where_judged", context)
    assert np.array_equal(views[judged], truth.views[judged])


def test_overlap_only_repaints_every_second_view(context):
    views, independent = make("overlap_only", context), make("floor", context)
    assert np.array_equal(views[::2], independent[::2])


def test_matched_noise_has_the_object_s_own_colours(egg):
    context, _ = egg
    truth = ground_truth(context.cases[0], context.cameras, WHITE, "cpu")
    inside = truth.alpha == 1
    ours, own = (views[inside].astype(float) for views in (make("matched_noise", context), truth.views))
    assert np.abs(ours.mean(axis=0) - own.mean(axis=0)).max() < 12
    assert 0.5 < ours.std(axis=0).mean() / own.std(axis=0).mean() < 1.5


def test_a_tinted_photograph_has_the_object_s_mean_colour(egg):
    context, _ = egg
    truth = ground_truth(context.cases[0], context.cameras, WHITE, "cpu")
    inside = truth.alpha == 1
    own = truth.views[inside].mean(axis=0)
    tinted = make("photograph_projected", context, colour="own")[inside].mean(axis=0)
    plain = make("photograph_projected", context)[inside].mean(axis=0)
    assert np.abs(tinted - own).max() < 0.5 * np.abs(plain - own).max()


def test_the_front_view_stands_for_all_or_for_the_back(context, truth):
    copied = make("front_view", context, outline="front")
    assert all(np.array_equal(view, truth.views[0]) for view in copied)
    janus = make("front_view", context, where="back", outline="front")
    assert np.array_equal(janus[[0, 1, 3]], truth.views[[0, 1, 3]])
    assert np.array_equal(janus[2], truth.views[0][:, ::-1])


def test_filters_make_the_truth_louder_or_coarser(context, truth):
    inside = truth.alpha == 1
    assert make("boosted", context)[inside].std() > 1.1 * truth.views[inside].std()
    same = make("boosted", context, contrast=1.0, saturation=1.0)
    assert np.array_equal(same[inside], truth.views[inside])
    steps = [
        np.abs(np.diff(views[0].astype(int), axis=1)).mean() for views in (make("sharpened", context), truth.views)
    ]
    assert steps[0] > steps[1]
    coarse = make("compressed", context, quality=5)
    assert 2 < np.abs(coarse.astype(int) - truth.views).mean() < 40


def test_an_average_of_slips_is_softer_than_each_of_them(context):
    soft, one = make("average_of", context, draws=8), make("best_of", context, draws=1)
    assert np.abs(np.diff(soft.astype(int), axis=2)).sum() < np.abs(np.diff(one.astype(int), axis=2)).sum()


def test_a_ball_wears_the_colours_of_its_prompt(context):
    cases = (replace(context.cases[0], prompt="a red and blue barrel"), replace(context.cases[1], prompt="a thing"))
    asked = replace(context, cases=cases)
    red_and_blue, grey = (make("one_shape", asked, case=case, paint="prompt").astype(int) for case in (0, 1))
    middle = SIDE // 2
    below, above = red_and_blue[0, middle + 8, middle], red_and_blue[0, middle - 8, middle]
    assert {int(below.argmax()), int(above.argmax())} == {0, 2}
    assert np.ptp(grey[0, middle, middle]) <= 2


def test_the_best_of_many_is_one_of_them(context):
    assert make("best_of", context, draws=1).shape == make("best_of", context, draws=3).shape


def test_a_hard_object_is_not_answered(context):
    cylinder = replace(context, cases=miniworld_cases("eval", 3)[2:])
    assert make("fails_on_hard", cylinder, least=0.0).shape == (4, SIDE, SIDE, 3)
    with pytest.raises(GeneratorError, match="gives up"):
        make("fails_on_hard", cylinder, least=1.0)


def test_one_shape_needs_no_mesh_and_is_the_same_ball(context):
    bare = replace(context, cases=tuple(replace(case, mesh=None) for case in context.cases))
    first, second = make("one_shape", bare), make("one_shape", bare, case=1, seeds=(5, 6, 7, 8))
    outside = (first == 255).all(-1) & (second == 255).all(-1)
    row, column = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2
    radius = np.sqrt((~outside).sum(axis=(1, 2)) / np.pi)
    assert np.ptp(radius) < 0.2, "from all sides alike"
    assert outside[0][np.hypot(row, column) > radius[0] + 2].all()
    with pytest.raises(MeshError, match="no mesh"):
        make("solid_noise", bare)


def test_one_answer_is_the_first_object_s(context, truth):
    assert np.array_equal(make("one_answer", context, case=1), truth.views)


def test_reference_copies_are_the_folder_s_pictures(context, tmp_path):
    from groundwork.pictures import write_png

    colours = [(10, 200, 30), (200, 10, 30)]
    for number, colour in enumerate(colours):
        write_png(tmp_path / f"{number}.png", np.full((40, 40, 3), colour, np.uint8))
    views = make("reference_copies", context, folder=str(tmp_path))
    assert [tuple(view[0, 0]) for view in views] == colours * 2


def test_small_paint_is_enlarged(context):
    views = make("solid_noise", context, size=16).astype(int)
    steps = np.abs(np.diff(views, axis=2)).max()
    assert steps < np.abs(np.diff(make("solid_noise", context).astype(int), axis=2)).max()
