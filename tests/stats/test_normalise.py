"""Scores between an object's own floor and ceiling, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.stats.difference import mean_difference
from bench.stats.normalise import MIN_SPAN, normalise, normalised_score


@pytest.mark.parametrize(("direction", "sign"), [("up", 1.0), ("down", -1.0)])
def test_closed_form_in_both_directions(direction, sign):
    ceilings, floors = sign * np.array([40.0, 30.0, 10.0]), sign * np.array([20.0, 10.0, -10.0])
    scores = sign * np.array([35.0, 10.0, 15.0])
    assert normalise(scores, ceilings, floors, direction) == pytest.approx([0.75, 0.0, 1.25])
    assert (normalise(ceilings, ceilings, floors, direction) == 1.0).all()
    assert (normalise(floors, ceilings, floors, direction) == 0.0).all()


def test_not_clipped():
    assert normalise([50.0, 0.0], [40.0, 40.0], [20.0, 20.0], "up") == pytest.approx([1.5, -1.0])


@pytest.mark.parametrize(
    ("ceiling", "floor"),
    [
        (20.0, 40.0),  # the floor beats the ceiling
        (30.0, 30.0),
        (0.0, 0.0),
        (100.0, 100.0 * (1 - MIN_SPAN) + 0.01),  # too near
        (math.nan, 10.0),
        (10.0, math.nan),
    ],
)
def test_nothing_to_divide_by(ceiling, floor):
    assert np.isnan(normalise([25.0], [ceiling], [floor], "up")).all()


def test_span_at_the_limit_counts():
    assert normalise([100.0], [100.0], [90.0], "up") == pytest.approx([1.0])
    assert normalise([0.0], [-0.001], [0.1], "down") == pytest.approx([0.1 / 0.101])


def test_affine_in_the_scores_and_free_of_the_unit():
    rng = np.random.default_rng(0)
    floors = rng.normal(10, 1, 20)
    ceilings = floors + rng.uniform(5, 20, 20)
    shares = rng.uniform(-0.5, 1.5, 20)
    scores = floors + shares * (ceilings - floors)
    assert normalise(scores, ceilings, floors, "up") == pytest.approx(shares)
    assert normalise(7 * scores, 7 * ceilings, 7 * floors, "up") == pytest.approx(shares)


def test_mean_and_interval_over_what_is_measurable():
    floors, ceilings = np.full(7, 10.0), np.array([20.0, 30.0, 10.1, 40.0, 20.0, math.nan, 20.0])
    scores = np.array([15.0, 15.0, 15.0, math.nan, 18.0, 15.0, 11.0])
    found = normalised_score(scores, ceilings, floors, "up")
    shares = [0.5, 0.25, 0.8, 0.1]
    assert found.value == pytest.approx(np.mean(shares))
    interval = mean_difference(shares).interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.objects == 4
    assert found.note.startswith("2 of 6 objects not measurable")


def test_exceptions_do_not_speak_for_the_whole():
    ceilings = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    floors = np.array([1.0, 0.999, 1.001, 0.5, 0.5])
    found = normalised_score(np.full(5, 0.9), ceilings, floors, "up")
    assert math.isnan(found.value) and found.objects == 0
    assert found.note.startswith("3 of 5 objects")


def test_nothing_scored():
    found = normalised_score([math.nan], [1.0], [0.0], "up")
    assert math.isnan(found.value) and found.objects == 0 and found.note == ""
