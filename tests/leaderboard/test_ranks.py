"""Rank ranges: places that the tests cannot tell apart are shared, and nobody gains by failing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bench.leaderboard.objects import ObjectValue
from bench.leaderboard.ranks import Contestant, corrected, places
from bench.stats.comparison import compare_means, holm_over_page

CASES = [f"object_{i:02d}" for i in range(20)]


def contestant(name: str, mean: float, noise: float = 0.01, **more) -> Contestant:
    values = mean + noise * np.random.default_rng(sum(map(ord, name))).standard_normal(len(CASES))
    return Contestant(
        name, float(values.mean()), {c: ObjectValue(float(v)) for c, v in zip(CASES, values, strict=True)}, **more
    )


def test_clear_differences_have_clear_places() -> None:
    found = places([contestant("c", 0.1), contestant("a", 0.9), contestant("b", 0.5)], "up")
    assert {name: (one.best, one.worst) for name, one in found.items()} == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
    turned = places([contestant("c", 0.1), contestant("a", 0.9), contestant("b", 0.5)], "down")
    assert (turned["c"].best, turned["a"].worst) == (1, 3)


def test_what_cannot_be_told_apart_shares_places() -> None:
    found = places([contestant("a", 0.9), contestant("b", 0.501), contestant("c", 0.5), contestant("d", 0.1)], "up")
    assert (found["b"].best, found["b"].worst) == (found["c"].best, found["c"].worst) == (2, 3)
    assert found["b"].words() == "2–3" and found["a"].words() == "1"
    assert found["b"].level == ("c",) and found["a"].level == ()


def test_a_range_holds_the_place_by_value_and_grows_with_the_field() -> None:
    """Holm over more pairs can only widen."""
    field = [contestant(f"m{i:02d}", 0.5 + 0.02 * i, noise=0.05) for i in range(12)]
    small, large = places(field[:4], "up"), places(field, "up")
    assert all(one.best <= one.rank <= one.worst for one in large.values())
    assert all(
        large[one.id].worst - large[one.id].best >= small[one.id].worst - small[one.id].best for one in field[:4]
    )


def test_a_board_corrects_for_what_its_runs_correct_for() -> None:
    """Nine that never repeat a view, and one that does on some objects: pairs of the nine claim nothing."""
    seldom = np.where(np.arange(20) < 8, 0.5, 0.0)
    field = [Contestant(f"m{i}", 0.0, {c: ObjectValue(0.0) for c in CASES}) for i in range(9)]
    field.append(Contestant("janus", 0.2, {c: ObjectValue(float(v)) for c, v in zip(CASES, seldom, strict=True)}))
    pairs = list(combinations(range(10), 2))
    page = [
        compare_means("m", field[a].id, field[b].id, *([v.value for v in field[i].values.values()] for i in (a, b)))
        for a, b in pairs
    ]
    wanted = [one.p_holm for one in holm_over_page(page, ["m"])]
    found = corrected(field)
    assert [found[a, b] for a, b in pairs] == pytest.approx(wanted)
    assert wanted[8] == pytest.approx(9 * (page[8].p_value or 0)) and wanted[0] == 1.0


def test_values_of_other_objects_are_not_tested() -> None:
    strange = contestant("s", 0.1)
    other = Contestant("s", strange.value, {f"x{c}": v for c, v in strange.values.items()})
    found = places([contestant("a", 0.9), other], "up")
    assert (found["a"].best, found["a"].worst) == (found["s"].best, found["s"].worst) == (1, 2)


def test_an_entry_that_owes_samples_is_never_lifted_by_its_noise() -> None:
    values = {case: ObjectValue(0.0 if i == 0 else 0.95, 0.0, int(i == 0)) for i, case in enumerate(CASES)}
    fails = Contestant("fails", 0.95 * 19 / 20, values, gaps=True)
    found = places([contestant("a", 0.93), fails], "up")
    assert (found["fails"].best, found["fails"].worst) == (2, 2) and found["a"].words() == "1–2"


def test_distances_are_tested_by_what_they_are_without_each_object() -> None:
    near, far = (contestant(n, m, noise=1e-4, distance=True) for n, m in (("near", 0.1), ("far", 0.2)))
    found = places([far, near], "down")
    assert (found["near"].words(), found["far"].words()) == ("1", "2")
    assert places([], "up") == {} and places([near], "up")["near"].words() == "1"


@pytest.mark.parametrize("count", [200])
def test_hundreds_of_entries_are_ranked_at_once(count: int) -> None:
    field = [contestant(f"m{i:03d}", i / count, noise=0.1) for i in range(count)]
    found = places(field, "up")
    assert found["m199"].best == 1 and found["m000"].worst == count
    assert found["m100"].best > 20 and found["m100"].worst < 180
