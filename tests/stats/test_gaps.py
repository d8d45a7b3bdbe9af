"""What a missing sample counts as: failing never pays, and nobody else's numbers move."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.gaps import complete, counted, judged_cases

CASES = ("cow", "egg", "jar", "sofa")


def samples(*values: float, seed: int = 0) -> dict[tuple[str, int], float]:
    """Of `CASES` in order; NaN for one that is missing."""
    return {(case, seed): v for case, v in zip(CASES, values, strict=True) if not math.isnan(v)}


NONE = math.nan
TOP, LOW = samples(0.9, 0.9, 0.9, 0.9), samples(0.2, 0.1, 0.89, 0.3)


def test_what_is_whole_stays_as_it_is() -> None:
    own = samples(0.5, 0.6, 0.7, 0.8)
    found = complete({"own": own, "top": TOP, "low": LOW}, CASES, (0,), "up", 0.0, "low", "top")["own"]
    assert list(found.values.values()) == list(found.measured.values()) == [0.5, 0.6, 0.7, 0.8]
    assert (found.missing, found.asked) == (0, 4)


def test_a_missing_sample_counts_as_the_floor_of_its_object() -> None:
    own = samples(0.5, NONE, 0.7, 0.8)
    found = complete({"own": own, "top": TOP, "low": LOW}, CASES, (0,), "up", 0.0, "low", "top")["own"]
    assert found.values == {"cow": 0.5, "egg": 0.1, "jar": 0.7, "sofa": 0.8}
    assert (found.missing, found.asked) == (1, 4)
    assert "egg" not in found.measured and found.mean_measured == pytest.approx(2 / 3)
    assert counted(found.missing, found.mean_measured) == "1 sample counts as the floor (0.6667 without)"


def test_a_floor_that_is_none_gives_way_to_the_worst_value() -> None:
    # on the jar the floor is as good as the ceiling: it says nothing there
    own = samples(0.5, 0.6, NONE, 0.8)
    known = {"own": own, "top": TOP, "low": LOW}
    assert complete(known, CASES, (0,), "up", 0.0, "low", "top")["own"].values["jar"] == 0.0
    # and where no worst value is known, one's own worst is left
    assert complete(known, CASES, (0,), "up", None, "low", "top")["own"].values["jar"] == 0.5
    assert complete({"own": own}, CASES, (0,), "up", 0.1)["own"].values["jar"] == 0.1


@pytest.mark.parametrize(("direction", "expected"), [("up", 0.05), ("down", 0.7)])
def test_it_never_counts_better_than_ones_own_worst(direction: Literal["up", "down"], expected: float) -> None:
    own = samples(0.05, NONE, 0.7, 0.6)
    top, low = (TOP, LOW) if direction == "up" else (samples(0.0, 0.0, 0.0, 0.0), samples(0.4, 0.4, 0.4, 0.4))
    found = complete({"own": own, "top": top, "low": low}, CASES, (0,), direction, None, "low", "top")
    assert found["own"].values["egg"] == expected


def test_seeds_are_filled_one_by_one() -> None:
    own = samples(0.5, NONE, 0.7, 0.8) | samples(0.5, 0.6, 0.7, 0.8, seed=1)
    low = LOW | samples(0.2, 0.3, 0.5, 0.3, seed=1)
    found = complete({"own": own, "top": TOP, "low": low}, CASES, (0, 1), "up", 0.0, "low", "top")["own"]
    assert found.values["egg"] == pytest.approx((0.2 + 0.6) / 2) and found.measured["egg"] == 0.6
    assert (found.missing, found.asked) == (1, 8)


def test_what_nobody_could_be_judged_on_is_left_out_for_all() -> None:
    known = {"own": samples(0.5, NONE, NONE, 0.8), "other": samples(0.5, NONE, 0.7, 0.8), "nothing": {}}
    judged = judged_cases(known, {"egg", "jar"}, CASES)
    assert judged == ("cow", "jar", "sofa")
    assert judged_cases(known, (), CASES) == CASES  # nobody delivered an egg: that is no fault of the egg's
    found = complete(known, judged, (0,), "up", 0.0)
    assert found["own"].missing == 1 and found["other"].missing == 0
    assert list(found["own"].values) == list(found["other"].values) == ["cow", "jar", "sofa"]
    assert "nothing" not in found  # it failed altogether


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.sets(st.sampled_from(CASES), max_size=3),
    st.booleans(),
)
def test_failing_never_pays_beside_a_true_floor(
    own: list[float], floors: list[float], failed: set[str], up: bool
) -> None:
    """Leaving out samples that are no worse than the floor never makes the ranking value better."""
    sign = 1.0 if up else -1.0
    top = samples(*[sign * 2.0] * 4)
    low = samples(*(sign * value for value in floors))
    whole = samples(*(sign * max(value, floor) for value, floor in zip(own, floors, strict=True)))
    left = {key: value for key, value in whole.items() if key[0] not in failed}
    direction: Literal["up", "down"] = "up" if up else "down"
    means = [
        np.mean(list(found["own"].values.values()))
        for made in (whole, left)
        if (found := complete({"own": made, "top": top, "low": low}, CASES, (0,), direction, None, "low", "top"))
    ]
    assert sign * means[1] <= sign * means[0] + 1e-12


@given(st.sets(st.sampled_from(CASES), max_size=3))
def test_a_broken_row_changes_nobody_elses(failed: set[str]) -> None:
    other = samples(0.4, 0.5, 0.6, 0.7)
    known = {"own": TOP, "other": other, "low": LOW, "top": TOP}
    broken = known | {"own": {key: value for key, value in TOP.items() if key[0] not in failed}}
    before, after = (complete(all_of, CASES, (0,), "up", 0.0, "low", "top") for all_of in (known, broken))
    assert before["other"] == after["other"] and before["low"] == after["low"]
