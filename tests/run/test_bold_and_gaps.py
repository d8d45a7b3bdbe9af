"""The verdict of a run: who is compared with whom, corrected over what, and who is printed bold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy.stats import skew

from bench.metrics.declaration import Result
from bench.results.scores import ScoreRow
from bench.results.summary import Row
from bench.run.comparisons import best_and_ties, compare
from bench.run.plan import Plan
from bench.run.score_sets import SetScores
from bench.run.summary import _note, summarise_objects
from bench.stats.comparison import Comparison
from bench.stats.difference import difference_of_means, mean_difference
from bench.stats.paired import holm
from bench.suite.schema import GeneratorEntry
from groundwork.progress import Reporter

CASES = [f"case{index}" for index in range(10)]
RNG = np.random.default_rng(0)
EASE = RNG.normal(0.0, 0.1, len(CASES))  # what makes an object easy for everybody
RESULTS = (
    Result("score", "up", "", axis="consistency", worst=0.0),
    Result("error", "down", "", axis="consistency"),
)


def values(mean: float, seed: int) -> np.ndarray:
    return mean + EASE + np.random.default_rng(seed).normal(0.0, 0.02, len(CASES))


GOOD, ALSO, POOR = values(0.8, 1), values(0.795, 2), values(0.6, 3)
TOP, LOW = values(0.95, 4), values(0.1, 5)


class Metric:
    """Two results, of which one is better when higher."""

    needs_mesh = False

    def results(self) -> tuple[Result, ...]:
        return RESULTS

    def missing(self) -> dict[str, str]:
        return {}


def verdict(scores: dict[str, np.ndarray], primary: tuple[str, ...] = ("score",)) -> tuple[
    dict[tuple[str, str], Row], tuple[Comparison, ...], set[tuple[str, str]]
]:  # fmt: skip
    """Rows, comparisons and bold cells of a run; NaN is a sample that failed. 'error' is the score turned round."""
    uses = {"top": "ceiling", "low": "floor"}
    plan = cast(
        Plan,
        SimpleNamespace(
            suite=SimpleNamespace(primary=primary, seed=0),
            cases=[SimpleNamespace(id=case) for case in CASES],
            seeds=(0,),
            shared=range(4),
            views_of=lambda case: 4,
            generators=[GeneratorEntry(name=name, use=uses.get(name, "folder")) for name in scores],
            object_metrics=(Metric(),),
            set_metrics=(),
            results=RESULTS,
        ),
    )
    table = [
        ScoreRow(
            name, case, 0, None, result.name, value, "", result.name, None, "ok" if np.isfinite(value) else "failed"
        )
        for name, own in scores.items()
        for result in RESULTS
        for case, value in zip(CASES, (own if result.direction == "up" else 2.0 - own).tolist(), strict=True)
    ]
    rows, objects = summarise_objects(plan, table)
    comparisons = compare(plan, rows, objects, SetScores(), Reporter())
    return {(r.metric, r.generator): r for r in rows}, comparisons, best_and_ties(plan, rows, comparisons)


def failing(own: np.ndarray, *places: int) -> np.ndarray:
    gone = own.copy()
    gone[list(places)] = np.nan
    return gone


def between(comparisons: tuple[Comparison, ...], metric: str, a: str, b: str) -> Comparison:
    (found,) = (c for c in comparisons if (c.metric, c.a, c.b) == (metric, a, b))
    return found


def test_the_best_and_who_ties_with_it_are_bold_in_either_direction() -> None:
    rows, comparisons, bold = verdict({"good": GOOD, "also": ALSO, "poor": POOR, "top": TOP, "low": LOW})
    assert bold == {(metric, name) for metric in ("score", "error") for name in ("good", "also")}
    assert rows["error", "poor"].value == pytest.approx(2 - POOR.mean())
    loses = between(comparisons, "error", "good", "poor")
    assert loses.difference == pytest.approx(POOR.mean() - GOOD.mean()) and (loses.p_value or 1) < 0.001


def test_a_clear_winner_is_bold_alone() -> None:
    _, _, bold = verdict({"good": GOOD, "poor": POOR, "top": TOP, "low": LOW})
    assert bold == {("score", "good"), ("error", "good")}


def test_yardsticks_never_win_and_never_decide() -> None:
    alone = verdict({"also": ALSO, "poor": POOR})
    among = verdict({"top": TOP, "also": ALSO, "poor": POOR, "low": LOW})
    assert alone[2] == among[2] == {("score", "also"), ("error", "also")}
    assert between(alone[1], "score", "also", "poor") == between(among[1], "score", "also", "poor")
    # not even when a yardstick has gaps, or fails altogether
    for top in (failing(TOP, 0, 1, 2), np.full(len(CASES), np.nan)):
        assert verdict({"top": top, "also": ALSO, "poor": POOR})[2] == alone[2]
    assert verdict({"top": TOP, "low": LOW})[2] == set()  # nobody competes


def test_the_family_is_the_page() -> None:
    scores = {"good": GOOD, "also": ALSO, "poor": POOR, "top": TOP}
    _, comparisons, _ = verdict(scores, primary=("score", "error"))
    for yardstick in (False, True):
        family = [c for c in comparisons if ("top" in (c.a, c.b)) == yardstick]
        assert len(family) == 6
        assert [c.p_holm for c in family] == pytest.approx(holm([c.p_value or 0.0 for c in family]))
    _, comparisons, _ = verdict(scores)
    assert all((c.p_holm is None) == (c.metric == "error") for c in comparisons)


def test_p_values_are_two_sided() -> None:
    _, comparisons, _ = verdict({"also": ALSO, "poor": POOR})
    found = difference_of_means(ALSO, POOR)
    assert found.p_value("two-sided") == between(comparisons, "score", "also", "poor").p_value
    assert found.p_value("greater") == pytest.approx((found.p_value() or 0) / 2)


def test_failing_never_pays() -> None:
    worst = np.argsort(ALSO)[:3].tolist()
    whole = verdict({"also": ALSO, "poor": POOR, "top": TOP, "low": LOW})
    fails = verdict({"also": failing(ALSO, *worst), "poor": POOR, "top": TOP, "low": LOW})
    before, after = whole[0]["score", "also"], fails[0]["score", "also"]
    assert after.measured is not None and before.value is not None and after.value is not None
    assert after.measured > before.value > after.value  # the mean over the rest would have paid
    expected = np.array(ALSO)
    expected[worst] = LOW[worst]
    assert after.value == pytest.approx(expected.mean())
    assert (after.n_missing, after.n_objects, before.n_missing, before.measured) == (3, 10, 0, None)
    assert after.note == f"3 of 10 samples failed; 3 samples count as the floor ({after.measured:.4g} without)"
    assert after.signature == before.signature
    # in the other direction the floor is above
    error = fails[0]["error", "also"]
    assert error.value == pytest.approx(2 - expected.mean()) and (error.measured or 9) < (error.value or 0)


def test_an_interval_that_may_be_too_narrow_is_said() -> None:
    far_off = np.array(GOOD)
    far_off[4] = 0.0
    rows, _, _ = verdict({"good": GOOD, "far": far_off, "low": LOW, "top": TOP})
    assert rows["score", "good"].note == ""
    found = mean_difference(far_off)
    assert found.skewness == pytest.approx(skew(far_off, bias=False)) and found.skewness < -2
    assert (
        rows["score", "far"].note == f"the interval may be too narrow: a skewness of {found.skewness:.1f} on 10 objects"
    )
    assert not mean_difference(np.concatenate([far_off] * 4)).too_skewed  # forty objects are enough


def test_failing_on_one_object_is_no_way_to_tie() -> None:
    close = GOOD - 0.04 + np.random.default_rng(9).normal(0.0, 0.01, len(CASES))
    scores = {"good": GOOD, "close": close, "low": LOW, "top": TOP}
    assert verdict(scores)[2] == {("score", "good"), ("error", "good")}
    rows, comparisons, bold = verdict(scores | {"close": failing(close, 3)})
    assert (between(comparisons, "score", "good", "close").p_value or 0) > 0.05  # the floor in one place is an outlier
    assert bold == {("score", "good"), ("error", "good")}
    assert (rows["score", "close"].value or 9) < close.mean()


def test_generators_with_different_gaps_are_compared() -> None:
    first, second = failing(GOOD, 0, 1), failing(POOR, 5)
    rows, comparisons, bold = verdict({"good": first, "poor": second, "top": TOP, "low": LOW})
    found = between(comparisons, "score", "good", "poor")
    filled = np.where(np.isnan(first), LOW, first), np.where(np.isnan(second), LOW, second)
    assert found.p_value == pytest.approx(difference_of_means(*filled).p_value())
    assert found.method.endswith("; samples that count as the floor: 2 of good, 1 of poor")
    assert rows["score", "good"].signature == rows["score", "poor"].signature
    assert ("score", "good") in bold


def test_one_broken_row_changes_nobody_elses_verdict() -> None:
    whole = verdict({"good": GOOD, "also": ALSO, "poor": POOR, "low": LOW})
    for broken in (failing(POOR, 0, 3), np.full(len(CASES), np.nan)):
        rows, comparisons, bold = verdict({"good": GOOD, "also": ALSO, "poor": broken, "low": LOW})
        assert bold == whole[2]
        for name in ("good", "also", "low"):
            assert rows["score", name] == whole[0]["score", name]
        mine, before = (between(page, "score", "good", "also") for page in (comparisons, whole[1]))
        assert (mine.difference, mine.p_value, mine.interval) == (before.difference, before.p_value, before.interval)
    assert rows["score", "poor"].status == "failed" and rows["score", "poor"].value is None


def test_a_constant_that_stands_for_nothing_is_told_and_never_wins() -> None:
    """`hull_lift` counts views that cannot be lifted as its floor: no number was measured there."""
    rows = [
        Row(generator=name, metric="score", axis="consistency", direction="up", value=value, coverage=coverage,
            status="ok", signature="s", n_objects=10)
        for name, value, coverage in (("blank", 0.9, 0.0), ("poor", 0.2, 0.5), ("good", 0.8, 0.5))
    ]  # fmt: skip
    entries = [GeneratorEntry(name=row.generator, use="folder") for row in rows]
    plan = cast(Plan, SimpleNamespace(generators=entries, results=RESULTS[:1]))
    assert ("score", "blank") not in best_and_ties(plan, rows, [])
    plan = cast(Plan, SimpleNamespace(cases=CASES, seeds=(0,)))
    scores = [
        ScoreRow("blank", case, 0, None, "score", 0.9, "", "s", coverage=0.0 if number < 4 else 0.5)
        for number, case in enumerate(CASES)
    ]
    assert _note(plan, scores, None, None) == "4 of 10 samples showed nothing to measure and count as the worst"
