"""Pages of verdicts: what is compared, what is refused, what failed."""

from dataclasses import replace

import pytest
from gate_sides import CASES, side, with_result

from bench.gate.page import gate_page
from bench.results.signatures import signature_fields
from bench.selftest.objects import object_metrics
from groundwork.errors import InputError, UsageError


def results(page):
    return {result.metric: result for result in page.results}


def verdicts(page):
    return {result.metric: result.verdict for result in page.results}


def test_a_worse_candidate_is_a_regression_and_the_reverse_an_improvement():
    page = gate_page(side(), side(harm=1.5, seed=1))
    assert verdicts(page) == {"psnr": "regression", "distance": "regression"}
    assert (page.verdict, page.exit_code) == ("regression", 1)
    assert results(page)["psnr"].harm == pytest.approx(1.5, abs=0.2)
    back = gate_page(side(harm=1.5, seed=1), side())
    assert (back.verdict, back.exit_code) == ("improved", 0)


def test_no_change_passes_and_says_what_is_excluded():
    page = gate_page(side(), side(seed=1))
    assert page.verdict == "pass" and page.could_fail
    assert results(page)["psnr"].harm_high < 0.5
    assert "is excluded" in results(page)["psnr"].reason


def test_the_same_two_inputs_give_the_same_page():
    pages = [gate_page(side(), side(harm=0.5, noise=1.0, seed=1)).to_json() for _ in range(2)]
    assert pages[0] == pages[1]


def test_undecided_says_how_many_objects_would_decide_and_strict_fails():
    page = gate_page(side(noise=1.0), side(noise=1.5, seed=2), {"psnr": 0.4})
    found = results(page)["psnr"]
    assert found.verdict == "inconclusive" and found.objects_needed > 20
    assert f"about {found.objects_needed} objects would decide" in found.reason
    assert page.exit_code == 0
    assert gate_page(side(noise=1.0), side(noise=1.5, seed=2), {"psnr": 0.4}, strict=True).exit_code == 1


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"suite": "large"}, "suite"),
        ({"version": 2}, "version of the suite"),
        ({"protocol": {"task": "texturing", "views": {"resolution": 256}, "cases": "c" * 64}}, "views.resolution"),
        ({"protocol": {"task": "texturing", "views": {"resolution": 128}, "cases": "d" * 64}}, "contents of the cases"),
        ({"cases": (*CASES[:19], "another")}, "cases"),
        ({"cases": tuple(f"new_{i}" for i in range(20))}, "cases"),
    ],
)
def test_another_question_is_not_compared(change, part):
    page = gate_page(side(), side(seed=1, **change))
    assert (page.verdict, page.exit_code) == ("incomparable", 2)
    assert all(part in result.reason for result in page.results)
    assert page.differences[0].part.startswith(part)


def test_numbers_that_were_measured_otherwise_are_not_compared():
    other = with_result(side(seed=1), "psnr", signature="psnr resolution=128 v2")
    page = gate_page(side(), other)
    assert verdicts(page) == {"psnr": "incomparable", "distance": "pass"}
    assert "version: v1 in the baseline, v2 in the candidate" in results(page)["psnr"].reason
    assert gate_page(side(), with_result(side(seed=1), "psnr", direction="down")).exit_code == 2


@pytest.mark.parametrize("name", ["cde", "cce", "unjudged_seam", "silhouette_iou", "hull_iou", "emr", "loo_psnr"])
def test_a_run_stored_with_an_older_version_of_a_metric_is_refused_with_the_reason(name):
    """By the signatures that the metrics write themselves: each of them ends with a version that is read as one."""
    now = f"{name} resolution=128 {object_metrics([name])[name].parameters()}"
    version = int(signature_fields(now)["version"].removeprefix("v"))
    before = with_result(side(), "psnr", signature=now.replace(f" v{version}", f" v{version - 1}"))
    after = with_result(side(seed=1), "psnr", signature=now)
    page = gate_page(before, after)
    assert verdicts(page) == {"psnr": "incomparable", "distance": "pass"} and page.exit_code == 2
    assert f"version: v{version - 1} in the baseline, v{version} in the candidate" in results(page)["psnr"].reason
    assert verdicts(gate_page(with_result(side(), "psnr", signature=now), after))["psnr"] == "pass"


def test_which_objects_were_judged_is_compared_by_object_where_there_are_values():
    counted = [
        with_result(side(seed=seed), "psnr", signature=f"psnr resolution=128 n={n} cases=sha256:{n} v1")
        for seed, n in ((0, 20), (1, 19))
    ]
    assert verdicts(gate_page(*counted))["psnr"] == "pass"


@pytest.mark.parametrize("status", ["failed", "weights_missing", "not_measurable"])
def test_a_result_without_a_number_is_missing(status):
    page = gate_page(side(), with_result(side(seed=1), "psnr", status=status, note="no weights.pt", value=float("nan")))
    assert verdicts(page) == {"psnr": "missing", "distance": "pass"}
    assert (page.verdict, page.exit_code) == ("missing", 3)
    assert results(page)["psnr"].reason == "no weights.pt"


def test_a_result_that_is_gone_is_missing_and_one_that_is_new_needs_a_new_baseline():
    without = replace(side(seed=1), results={"distance": side(seed=1).results["distance"]})
    assert verdicts(gate_page(side(), without))["psnr"] == "missing"
    assert verdicts(gate_page(without, side()))["psnr"] == "incomparable"


def test_samples_that_fail_count_as_the_floor_and_never_vanish():
    before, after = side(), side(seed=1)
    left = {case: value for case, value in after.results["psnr"].values.items() if case not in CASES[:3]}
    failed = with_result(
        after, "psnr", values=left, failed=dict.fromkeys(CASES[:3], 1), floors=dict.fromkeys(CASES, 10.0)
    )
    found = results(gate_page(before, failed))["psnr"]
    assert found.verdict == "missing" and found.failed == (0, 3)
    lost = sum(before.results["psnr"].values[case] - 10.0 for case in CASES[:3]) / 20
    assert found.harm == pytest.approx(lost, abs=0.1)
    assert {one.case for one in found.worst[:3]} == set(CASES[:3])
    assert "counted as the floor" in found.worst[0].note


def test_as_many_failures_as_before_are_compared_with_the_floor_on_both_sides():
    def failing(one, case):
        left = {name: value for name, value in one.results["psnr"].values.items() if name != case}
        return with_result(one, "psnr", values=left, failed={case: 1}, floors=dict.fromkeys(CASES, 10.0))

    same = gate_page(failing(side(), CASES[0]), failing(side(seed=1), CASES[0]))
    assert results(same)["psnr"].n_objects == 19  # neither has a value for it
    other = results(gate_page(failing(side(), CASES[0]), failing(side(seed=1), CASES[1])))["psnr"]
    assert other.verdict != "missing" and other.n_objects == 20


def test_timings_are_never_gated_and_it_says_what_to_do_instead():
    slow = with_result(side(seed=1), "psnr", timing=True)
    for page in (gate_page(side(), slow), gate_page(slow, side()), gate_page(slow, replace(slow, place="again"))):
        assert verdicts(page)["psnr"] == "incomparable" and page.exit_code == 2
        assert "never gated" in results(page)["psnr"].reason and "realiz3d_gate.race" in results(page)["psnr"].reason


def test_a_candidate_without_any_result_is_missing():
    page = gate_page(side(), replace(side(seed=1), results={}))
    assert set(verdicts(page).values()) == {"missing"} and page.exit_code == 3


def test_without_a_floor_its_own_worst_object_stands_for_it():
    after = side(seed=1)
    left = {case: value for case, value in after.results["psnr"].values.items() if case != CASES[0]}
    found = results(gate_page(side(), with_result(after, "psnr", values=left, failed={CASES[0]: 1})))["psnr"]
    worst = min(left.values())
    assert next(one for one in found.worst if one.case == CASES[0]).after == pytest.approx(worst)


def test_objects_that_nobody_shares_are_no_comparison():
    other = with_result(side(seed=1), "psnr", values={f"new_{i}": 20.0 for i in range(20)})
    assert verdicts(gate_page(side(), other))["psnr"] == "incomparable"


def test_a_distance_that_was_stored_without_its_objects_says_so():
    page = gate_page(with_result(side(), "distance", values={}), side(seed=1))
    assert verdicts(page)["distance"] == "incomparable"
    assert "run it again with this version" in results(page)["distance"].reason


def test_a_distance_that_exists_for_no_smaller_set_is_no_evidence():
    broken = with_result(side(seed=1), "distance", values=dict.fromkeys(CASES, float("nan")))
    found = results(gate_page(side(), broken))["distance"]
    assert found.verdict == "inconclusive" and not found.could_fail


def test_nothing_gated_is_an_error_that_shows_how():
    with pytest.raises(UsageError, match="nothing is gated") as error:
        gate_page(side(), side(seed=1, gates={}))
    assert "--delta cde=0.02" in str(error.value)


def test_tolerating_nothing_is_said():
    page = gate_page(side(), side(seed=1), {"psnr": 0.0})
    assert any("nothing is tolerated" in note for note in page.notes)
    assert gate_page(side(), side(), {"psnr": 0.0}).verdict == "pass"  # the very same numbers


def test_gates_that_were_loosened_or_dropped_since_the_baseline_are_said():
    page = gate_page(side(), side(seed=1, gates={"psnr": 5.0}))
    assert any("5 is tolerated, 0.5 when the baseline was made" in note for note in page.notes)
    assert any("distance was gated" in note for note in page.notes)


def test_other_seeds_are_compared_and_said():
    page = gate_page(side(), side(seed=1, seeds=(7,)))
    assert page.verdict == "pass" and any("seeds differ" in note for note in page.notes)


def test_few_objects_pass_only_when_equal_and_then_it_is_said_that_they_could_not_have_failed():
    few = side(n=3)
    page = gate_page(few, replace(few, place="again"))
    assert page.verdict == "pass" and not page.could_fail
    assert "could not have failed" in results(page)["psnr"].reason
    assert gate_page(few, side(n=3, seed=1)).verdict == "inconclusive"


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", ""])
def test_names_that_are_paths_are_refused(name):
    with pytest.raises(InputError, match="is called"):
        side(generator=name)
    with pytest.raises(InputError, match="is called"):
        side(suite=name)


def test_versions_that_differ_are_listed():
    page = gate_page(side(), side(seed=1, versions={"torch": "2.15"}))
    assert [(one.part, one.baseline, one.candidate) for one in page.differences] == [("torch", "2.14", "2.15")]
