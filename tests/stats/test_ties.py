"""The rule of bold numbers: case by case, and what must hold for any column."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.comparison import Comparison
from bench.stats.paired import holm
from bench.stats.ties import ALPHA, Entry, bold_generators


def against(a: str, b: str, p: float | None, page: float | None = None) -> Comparison:
    return Comparison("cde", a, b, 0.0, p, "test", 40, p_holm=page)


XYZ = [Entry("x", 1.0), Entry("y", 3.0), Entry("z", 2.0)]


def test_the_best_is_first_in_the_metrics_direction() -> None:
    apart = [against("x", "y", 0.001), against("z", "y", 0.001), against("x", "z", 0.001)]
    assert bold_generators(XYZ, "up", apart) == {"y"}
    assert bold_generators(XYZ, "down", apart) == {"x"}


def test_who_cannot_be_told_from_the_best_ties_with_it() -> None:
    assert bold_generators(XYZ, "up", [against("z", "y", 0.3), against("y", "x", 0.001)]) == {"y", "z"}
    assert bold_generators(XYZ, "up", [against("z", "y", 0.4), against("x", "y", 0.4)]) == {"x", "y", "z"}


def test_nobody_is_bold_behind_somebody_who_is_not() -> None:
    assert bold_generators(XYZ, "up", [against("z", "y", 0.001), against("x", "y", 0.4)]) == {"y"}


def test_tests_against_the_best_are_corrected() -> None:
    assert bold_generators(XYZ, "up", [against("x", "y", 0.03), against("z", "y", 0.001)]) == {"y"}
    assert bold_generators(XYZ, "up", [against("x", "y", 0.03), against("z", "y", 0.03)]) == {"x", "y", "z"}
    # the page's correction, where there is one
    page = [against("x", "y", 0.01, page=0.12), against("z", "y", 0.03, page=0.2)]
    assert bold_generators(XYZ, "up", page) == {"x", "y", "z"}
    assert bold_generators(XYZ, "up", [against("z", "y", 0.01, page=0.04), against("x", "y", 0.2, page=0.2)]) == {"y"}


def test_without_a_test_only_equals_tie() -> None:
    assert bold_generators([Entry("x", 2.0), Entry("y", 2.0), Entry("z", 1.0)], "up") == {"x", "y"}
    assert bold_generators(XYZ, "up", [against("x", "y", None), against("y", "z", math.nan)]) == {"y"}
    assert bold_generators(XYZ, "up", [against("x", "z", 0.9)]) == {"y"}  # a test, but not against the best


def test_no_number_is_never_bold() -> None:
    entries = [Entry("x", math.nan), Entry("y", 1.0)]
    assert bold_generators(entries, "up", [against("x", "y", 0.9)]) == {"y"}
    assert bold_generators([Entry("x", math.nan)], "down") == frozenset()
    assert bold_generators([], "up") == frozenset()


def test_who_has_gaps_can_win_but_not_tie() -> None:
    alike = [against("z", "y", 0.4), against("x", "y", 0.4), against("x", "z", 0.4)]
    gap = {name: Entry(name, value, gaps=True) for name, value in (("x", 1.0), ("y", 3.0), ("z", 2.0))}
    assert bold_generators([XYZ[0], XYZ[1], gap["z"]], "up", alike) == {"x", "y"}
    assert bold_generators([XYZ[0], gap["y"], XYZ[2]], "up", alike) == {"x", "y", "z"}


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[Entry], list[Comparison]]:
    """Values with ties, all pairs tested or not, p-values near the level as often as not."""
    numbers = st.one_of(st.integers(0, 4).map(float), st.floats(-1, 5), st.just(math.nan))
    entries = [Entry(f"g{index}", value) for index, value in enumerate(draw(st.lists(numbers, max_size=6)))]
    p_values = st.one_of(st.none(), st.floats(0, 1), st.floats(0.001, 0.1))
    pairs = combinations([entry.generator for entry in entries], 2)
    return entries, [against(*draw(st.permutations(pair)), draw(p_values)) for pair in pairs]


@given(columns(), st.sampled_from(["up", "down"]))
def test_any_column(column: tuple[list[Entry], list[Comparison]], direction: str) -> None:
    entries, comparisons = column
    bold = bold_generators(entries, direction, comparisons)  # type: ignore[arg-type]
    finite = [entry for entry in entries if math.isfinite(entry.value)]
    assert bold <= {entry.generator for entry in finite}
    if not finite:
        return
    sign = 1.0 if direction == "up" else -1.0
    merit = {entry.generator: sign * entry.value for entry in finite}
    top = max(merit.values())
    best = next(entry.generator for entry in finite if merit[entry.generator] == top)
    assert best in bold
    # whoever is better than somebody bold is bold
    assert all(name in bold for name in merit if any(merit[name] > merit[other] for other in bold))
    # whoever is bold is equal to the best or was tested against it without being told apart
    tests = {
        ({c.a, c.b} - {best}).pop(): c.p_value
        for c in comparisons
        if best in (c.a, c.b) and c.p_value is not None and ({c.a, c.b} - {best}) <= merit.keys()
    }
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    for name in bold:
        assert merit[name] == top or corrected.get(name, 0.0) >= ALPHA
    # and whoever is not bold is worse, with somebody at or above it told apart, or never tested
    for name in merit.keys() - bold:
        assert any(corrected.get(other, 0.0) < ALPHA for other in merit if top > merit[other] >= merit[name])


@given(columns(), st.sampled_from(["up", "down"]), st.data())
def test_gaps_decide_for_nobody_else(
    column: tuple[list[Entry], list[Comparison]], direction: str, data: st.DataObject
) -> None:
    entries, comparisons = column
    untorn = bold_generators(entries, direction, comparisons)  # type: ignore[arg-type]
    torn = data.draw(st.sets(st.sampled_from([entry.generator for entry in entries]))) if entries else set()
    gaps = [replace(entry, gaps=entry.generator in torn) for entry in entries]
    bold = bold_generators(gaps, direction, comparisons)  # type: ignore[arg-type]
    assert untorn - torn <= bold  # who was bold and owes nothing still is


@given(columns())
def test_negated_values_in_the_other_direction_are_the_same_column(
    column: tuple[list[Entry], list[Comparison]],
) -> None:
    entries, comparisons = column
    negated = [Entry(entry.generator, -entry.value) for entry in entries]
    assert bold_generators(entries, "up", comparisons) == bold_generators(negated, "down", comparisons)


@pytest.mark.parametrize("p", [0.04, 0.05, 0.06])
def test_the_level_itself_is_not_told_apart(p: float) -> None:
    assert ("z" in bold_generators(XYZ[1:], "up", [against("y", "z", p)])) == (p >= ALPHA)
