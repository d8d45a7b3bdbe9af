"""Kind and colours of an object against the suite's other prompts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bench.cases.miniworld.families import FAMILIES
from bench.cases.miniworld.looks import COLOURS
from bench.cases.miniworld.world import miniworld_cases
from bench.generators.ground_truth import small_views
from bench.geometry.cameras import view_cameras
from bench.identity.colours import NAMES, colour_shares, named_colours, own_and_part_colours, parts_fit
from bench.identity.kinds import named_kind, vocabulary
from bench.metrics.declaration import Sample
from bench.metrics.identity import Identity, share_beaten

WHITE = (1.0, 1.0, 1.0)
PROMPTS = ("a red ball", "a blue ball", "a green mug with a white handle")


def identity(views: np.ndarray, prompt: str, prompts: tuple[str, ...] = PROMPTS, **options):
    metric = Identity(Identity.Options(**options))
    metric.see_prompts(prompts)
    metric.prepare("cpu", offline=True)
    assert not metric.missing()
    shown = torch.from_numpy(views).float() / 255.0
    return {
        name: found.value for name, found in metric.measure(Sample(shown, None, WHITE, None, prompt, prompts)).items()
    }


def disc(colour: tuple[int, int, int], side: int = 96) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side / 2
    inside = np.hypot(x, y) < 0.35 * side
    return np.where(inside[..., None], np.array(colour), 255).astype(np.uint8)[None]


def test_every_colour_is_called_by_its_name():
    for name, colour in COLOURS.items():
        shares = colour_shares(np.array([colour], np.uint8))
        assert NAMES[int(shares.argmax())] == name


@pytest.mark.parametrize(
    ("prompt", "colours"),
    [
        ("A cow with black and white patterns", {"black", "white"}),
        ("A cozy, brown leather sofa", {"brown"}),
        ("a Gray violet thing", {"grey", "purple"}),
        ("A juicy slice of lemon", set()),
    ],
)
def test_colours_are_found_in_prompts(prompt, colours):
    assert named_colours(prompt) == colours


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("A king penguin with a large white belly and black back", "king penguin"),
        ("A cow with black and white patterns", "cow"),
        ("A cozy, brown leather sofa", "sofa"),
        ("two red chairs", "chair"),
        ("a thing of no name", ""),
    ],
)
def test_kinds_are_found_in_prompts(prompt, word):
    assert named_kind(prompt, "imagenet") == word


def test_every_word_stands_for_classes():
    assert all(classes and 0 <= min(classes) <= max(classes) < 1000 for classes in vocabulary("imagenet").values())
    assert tuple(vocabulary("miniworld")) == tuple(family.noun for family in FAMILIES.values())


def test_the_share_of_others_counts_ties_half():
    fits = {"a": 1.0, "b": 2.0, "c": 2.0, "d": 0.0}
    assert share_beaten("b", list("abcd"), fits.__getitem__) == pytest.approx(2.5 / 3)
    assert math.isnan(share_beaten("a", ["a", "a"], fits.__getitem__))


def test_the_right_colour_wins_and_another_loses():
    assert identity(disc(COLOURS["red"]), "a red ball")["identity_colour"] == 1.0
    assert identity(disc(COLOURS["blue"]), "a red ball")["identity_colour"] < 1.0


@pytest.mark.parametrize(
    ("prompt", "own", "parts"),
    [
        ("a tall red mug with a black and red handle", {"red"}, {"black"}),
        ("A navy car  with\nwhite wheels with black tyres", {"blue"}, {"white", "black"}),
        ("A cow with black and white patterns", set(), {"black", "white"}),
        ("a red and white withered rose", {"red", "white"}, set()),
    ],
)
def test_a_prompt_says_which_colour_is_a_part_s(prompt, own, parts):
    assert own_and_part_colours(prompt) == (own, parts)


def test_a_part_s_colour_covers_less():
    shares = np.zeros(len(NAMES))
    shares[[NAMES.index("red"), NAMES.index("blue")]] = 0.7, 0.2
    assert parts_fit(shares, frozenset({"red"}), frozenset({"blue", "teal"})) == 1.0
    assert parts_fit(shares, frozenset({"blue"}), frozenset({"red", "teal"})) == 0.5
    assert parts_fit(shares, frozenset({"pink"}), frozenset({"teal"})) == 0.5, "neither is there"
    assert math.isnan(parts_fit(shares, frozenset({"red"}), frozenset()))


def test_colours_in_each_other_s_places_lose_where_parts_are_asked_for():
    """The same two colours on one disc: which one the disc's rim has, and which one the middle, decides."""
    asked, other = "a red ball with a blue spot", "a blue ball with a red spot"
    large, small = disc(COLOURS["red"]), disc(COLOURS["blue"])
    middle = np.zeros((1, 96, 96, 1), bool)
    middle[:, 40:56, 40:56] = True
    right = np.where(middle, small, large)
    exchanged = np.where(middle, large, np.where(large == 255, 255, small)).astype(np.uint8)
    prompts = (asked, other, "a green ball")
    found, wrong = (identity(views, asked, prompts, parts=True) for views in (right, exchanged))
    assert (found["identity_parts"], wrong["identity_parts"]) == (1.0, 0.0)
    assert found["identity"] - wrong["identity"] == pytest.approx(1 / 2), (
        "one of two questions: 'ball' is all the kinds"
    )
    unasked = identity(exchanged, asked, prompts)
    assert "identity_parts" not in unasked and unasked["identity"] == 1.0
    plain = identity(disc(COLOURS["green"]), "a green ball", prompts, parts=True)
    assert math.isnan(plain["identity_parts"]) and plain["identity"] == plain["identity_colour"] == 1.0


def test_parts_change_no_signature_where_nobody_asks():
    told, untold = (Identity(Identity.Options(parts=parts)).parameters() for parts in (True, False))
    assert told.replace("parts=smaller ", "") == untold


def test_what_nobody_names_is_not_measurable():
    same = ("a thing", "another thing")
    assert all(math.isnan(value) for value in identity(disc((9, 9, 9)), "a thing", same).values())
    alone = identity(disc(COLOURS["red"]), "a red thing", ("a red thing", "a blue thing"))
    assert math.isnan(alone["identity_kind"]) and alone["identity"] == alone["identity_colour"]


def test_a_mini_world_object_is_known_and_a_ball_is_not():
    cases = miniworld_cases("eval", 12)
    prompts = tuple(case.prompt for case in cases)
    mug = cases[3]
    views = small_views(mug, view_cameras(resolution=128), WHITE, "cpu", None)
    own = identity(views, mug.prompt, prompts, kinds="miniworld")
    assert own["identity"] > 0.95
    ball = np.repeat(disc((128, 128, 128), 128), 4, axis=0)
    others = [identity(ball, case.prompt, prompts, kinds="miniworld")["identity_kind"] for case in cases]
    assert abs(np.mean(others) - 0.5) < 0.05, "one answer for all beats half of them"
