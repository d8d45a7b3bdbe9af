"""No cheat wins: the shipped suites' primaries against pictures that nobody would want."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from attacks_page import with_tables
from PIL import Image

from bench.commands.cheats import _asked, _verdict
from bench.errors import UsageError
from bench.generators.catalogue import GENERATORS
from bench.metrics.catalogue import METRICS
from bench.results.summary import Comparison, Row
from bench.run.options import RunOptions
from bench.run.session import run
from bench.selftest.cheats import (
    CHEATS,
    Cheat,
    Standing,
    Trial,
    _standing,
    corrected,
    detectable,
    hold_court,
    losing,
    tried_in,
)
from bench.selftest.courts import Court, find_courts
from bench.stats.difference import detectable_effect
from bench.suite.load import load_suite, shipped_suites
from reports.attacks import markdown, rows, summary, telling_case, what_they_tell

CHEAT = Cheat("flat", "one colour", "flat_colour")
COURTS, WITHOUT = find_courts()


def standing(metric: str, verdict: str, p_value: float | None = None, missing: int = 0) -> Standing:
    p_value = p_value or (0.01 if verdict in ("worse", "better") else 0.6)
    value = {"better": 0.95, "same": 0.89}.get(verdict, 0.5)
    return Standing(metric, value, 0.9, p_value, verdict, "", missing, lower=verdict in ("worse", "same"))


def trial(verdicts: tuple[str, ...], beaten: tuple[str, ...] = (), may_tie: bool = False) -> Trial:
    standings = tuple(standing(f"m{i}", verdict) for i, verdict in enumerate(verdicts))
    return Trial("suite", CHEAT, standings, beaten, may_tie, p_value=losing(standings))


@pytest.mark.parametrize(
    ("verdicts", "beaten", "outcome"),
    [
        (("worse", "same"), (), "loses"),
        (("same", "same"), (), "not told apart"),
        (("worse", "better"), (), "wins"),
        (("worse", "same"), ("realiz3d",), "wins"),
        (("worse", ""), (), "loses"),
        (("worse", *["same"] * 5), (), "not told apart"),  # .01 of six tests
    ],
)
def test_a_cheat_loses_when_it_is_told_worse_somewhere_and_is_better_nowhere(verdicts, beaten, outcome):
    assert trial(verdicts, beaten).outcome == outcome


def test_the_best_of_several_tests_counts_as_one_of_several():
    """Only tests that show a worse value speak for losing, and all that were made count."""
    found = (standing("a", "worse", 0.004), standing("b", "better", 0.0001), standing("c", "same", 0.3))
    assert losing(found) == pytest.approx(0.012)
    assert losing((standing("b", "better", 0.0001),)) is None
    assert losing((replace(standing("a", "same"), p_value=None),)) is None


def test_a_court_corrects_over_its_cheats():
    one = trial(("worse",))  # p .01
    assert [t.outcome for t in corrected([one] * 4)] == ["loses"] * 4
    assert [t.p_value for t in corrected([one] * 6)] == pytest.approx([0.06] * 6)
    assert {t.outcome for t in corrected([one] * 6)} == {"not told apart"}
    untested = replace(one, p_value=None, standings=(standing("m", "worse", missing=2),))
    assert [t.outcome for t in corrected([untested, one])] == ["loses", "loses"]  # who owes samples needs no test
    assert corrected([untested, one])[1].p_value == pytest.approx(0.01)


def test_every_cheat_is_a_calibration_generator_with_valid_options():
    for court in COURTS:
        for cheat in tried_in(court):
            factory = GENERATORS.load(cheat.use)
            assert factory.calibration
            factory.Options.model_validate(dict(cheat.options))


def test_every_shipped_suite_has_a_court_or_a_reason():
    tried = [name for court in COURTS for name in court.suites]
    assert sorted([*tried, *WITHOUT]) == sorted(shipped_suites()) and len(set(tried)) == len(tried)
    assert "speed alone" in WITHOUT["throughput"] and "speed alone" in WITHOUT["throughput-xl"]
    assert "meshes do not ship" in WITHOUT["published-meshes"] and "prompts" in WITHOUT["text-to-multiview"]
    alike = next(court for court in COURTS if court.name == "miniworld")
    assert set(alike.suites) == {"miniworld", "miniworld-full", "miniworld-ablation"}
    assert [one["name"] for one in alike.honest] == ["realiz3d"]
    assert [one["name"] for court in COURTS if court.name == "miniworld-text" for one in court.honest] == ["base"]


def test_meshes_of_one_s_own_are_a_court_for_the_suites_that_need_some(mesh_folder):
    courts, without = find_courts(mesh_folder, 64)
    own = {name: court for court in courts for name in court.suites if court.overrides}
    assert set(own) == {"published-meshes", "multiview-texturing", "ablation"} and "text-to-multiview" in without
    assert set(without) == {"text-to-multiview", "throughput", "throughput-xl"}
    court = own["published-meshes"]
    assert court.suite().views.resolution == 64 and court.count(40) == len(list(mesh_folder.glob("*.glb")))
    assert "reference-copies" not in {cheat.name for cheat in tried_in(court)}
    assert court.surpassable == {"ed_cluster[efficientnet_lite0_interior]@photos"}
    assert not any(shipped.surpassable for shipped in COURTS)


def test_nearer_to_photographs_than_a_mesh_of_somebody_s_is_no_victory_by_itself():
    open_ = {"surpassable": frozenset({"m0"})}
    assert replace(trial(("better", "same")), **open_).outcome == "not told apart"
    assert replace(trial(("better", "worse")), **open_).outcome == "loses"
    assert replace(trial(("worse", "better")), **open_).outcome == "wins"


def row(generator: str, value: float, missing: int = 0) -> Row:
    return Row(
        generator=generator, metric="cde", axis="consistency", direction="up", unit="", status="ok", value=value,
        n_missing=missing,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "missing", "p_value", "verdict"),
    [
        (0.7, 0, 0.3, "same"),
        (0.7, 0, 0.01, "worse"),
        (0.7, 2, 0.3, "worse"),  # who owes samples ties with nobody
        (0.8, 2, None, "same"),  # better, but not tested
        (0.75, 0, 1.0, "same"),
        (0.8, 0, 0.01, "better"),
        (0.752, 0, 0.01, "same"),  # negligible
        (0.7, 0, None, "same"),
    ],
)
def test_the_court_knows_the_report_s_rule_of_who_ties(value, missing, p_value, verdict):
    found = Comparison(
        metric="cde", a="x", b="ceiling", difference=value - 0.75, p_value=p_value, method="", n_objects=9
    )
    standing = _standing(row("x", value, missing), row("ceiling", 0.75), found, negligible=0.005)
    assert (standing.verdict, standing.missing) == (verdict, missing)


def test_one_that_may_tie_need_not_lose_and_must_not_win():
    assert trial(("same",), may_tie=True).outcome == "may tie"
    assert trial(("better",), may_tie=True).outcome == "wins"
    assert trial(("same",), ("base",), may_tie=True).outcome == "may tie"
    assert trial(("worse",), may_tie=True).outcome == "loses"


def test_a_cheat_must_lose_where_a_primary_sees_it():
    kaleidoscope = next(cheat for cheat in CHEATS if cheat.name == "kaleidoscope")
    assert kaleidoscope.may_tie(("cde", "silhouette_iou"))
    assert not kaleidoscope.may_tie(("hull_iou", "repeated_views"))
    assert Cheat("nobody-minds", "y", "z", seen_by=()).may_tie(("cde",))
    assert not CHEAT.may_tie(())


@pytest.mark.parametrize(
    "court", [court for court in COURTS if court.name.startswith("miniworld")], ids=lambda c: c.name
)
def test_a_janus_head_must_lose_in_all_suites_of_the_mini_world(court: Court) -> None:
    heads = [cheat for cheat in CHEATS if cheat.name in ("janus", "kaleidoscope")]
    for name in court.suites:
        assert len(heads) == 2 and not [cheat.name for cheat in heads if cheat.may_tie(load_suite(name).primary)]


def test_tables_say_who_wins():
    shown = (standing("repeated_views", "worse", 1e-9),)
    trials = [
        replace(trial(("worse", "same")), suite="s", beside=shown),
        replace(trial(("better", "same")), suite="s", cheat=Cheat("x", "y", "z"), beside=shown),
        replace(trial(("same", "same")), suite="s", beside=shown),
    ]
    page = markdown(trials, {"s": 8}, {"s": ("s", "s-too")}, {"t": "no meshes"})
    assert "### s, s-too: 8 objects" in page and "- t: no meshes." in page
    assert "| *repeated_views* | loses |" in page and "**0.5** (p 1e-09)" in page
    assert "**0.5** (p 0.01)" in page and "| yes (p 0.02) |" in page
    assert "! 0.95 (p 0.01)" in page and "| **no** (p 1) |" in page
    assert "| **not told apart** (p 1) |" in page
    assert [row[0] for row in rows(trials)] == ["ok", "WINS", "not told apart"]
    assert [entry["outcome"] for entry in summary(trials)] == ["loses", "wins", "not told apart"]


@pytest.mark.parametrize(
    ("value", "shown"), [(1.78e-26, "0"), (-4e-5, "0"), (0.00012, "0.00012"), (-0.0212, "-0.0212"), (483.2, "483")]
)
def test_tables_print_nothing_as_nothing(value, shown):
    page = markdown([replace(trial(("same",)), standings=(replace(standing("m", "same"), value=value),))], {"suite": 8},
                    {}, {})  # fmt: skip
    assert f"one colour | {shown} |" in page


def test_a_court_says_what_its_objects_could_have_told():
    few = (replace(standing("m0", "same"), objects=2), replace(standing("m1", "same"), objects=8))
    trials = [replace(trial(("same", "same")), suite="s", standings=few)] * 2
    page = markdown(trials, {"s": 8}, {}, {})
    assert "| *objects measured* | *2 of 8* |  | |" in page
    assert detectable(trials, 8) == detectable_effect(8, 0.05 / 4) > detectable(trials[:1], 8)
    assert "8 objects do not tell 2 of 2." in page and f"by {detectable(trials, 8):.2g} standard deviations" in page
    assert f"20 objects find {detectable(trials, 20):.2g}, 40 objects find" in page
    assert what_they_tell([trial(("worse",))], 8) == ""
    assert detectable_effect(3) == float("inf")


def test_the_page_takes_each_court_s_table_in_its_place():
    """By hand nobody edits a table; a run of some suites leaves the others' tables as they are."""
    old = "### s, s-too: 8 objects\n\nold\n\n### t: 8 objects\n\nkept"
    page = f"a\n<!-- tables: first line -->\n\n{old}\n\n<!-- tables: last line -->\nb"
    new = "### u: 9 objects\n\nmore\n\n### s-too: 40 objects\n\nnew\n\nNot tried:\n\n- v: no meshes.\n"
    made = with_tables(page, new)
    assert page.replace("s, s-too: 8 objects\n\nold", "s-too: 40 objects\n\nnew").replace(
        "kept", "kept\n\n### u: 9 objects\n\nmore"
    ) == made  # fmt: skip
    assert with_tables(made, "") == made
    with pytest.raises(ValueError, match="not enough values"):
        with_tables(page, "", "tables on meshes")


def test_pictures_are_of_an_object_that_looks_another_from_the_side(tmp_path):
    for case, side in (("a", 0), ("b", 240), ("c", 200)):
        folder = tmp_path / "ceiling" / case / "seed_0"
        folder.mkdir(parents=True)
        for view, grey in enumerate((255, side)):
            Image.new("RGB", (8, 8), (grey,) * 3).save(folder / f"view_{view}.png")
    assert telling_case(tmp_path) == "c"  # the first is what one-answer shows


def held(objects: int, *trials: Trial) -> None:
    court = next(court for court in COURTS if court.name == "miniworld-calibration")
    _verdict([(court, objects, trials)])


def test_the_command_fails_where_a_cheat_wins_or_passes_all_that_a_suite_has(capsys):
    held(8, trial(("worse",)), trial(("same",)), trial(("same",), may_tie=True))
    said = " ".join(capsys.readouterr().err.split())
    assert "8 objects do not tell these from the ceiling, more may do it: flat" in said
    assert "of 3 trials: 1 lost, 1 may tie, 1 not told apart" in said
    for objects, bad in ((8, trial(("better",))), (40, trial(("same",)))):
        with pytest.raises(typer.Exit) as ended:
            held(objects, trial(("worse",)), bad)
        assert ended.value.exit_code == 1
    held(40, trial(("worse",)))


def test_suites_can_be_asked_for():
    assert [court.name for court in _asked(COURTS, WITHOUT, ["miniworld-full"])] == ["miniworld"]
    with pytest.raises(UsageError, match="there is no shipped suite 'mine'"):
        _asked(COURTS, WITHOUT, ["mine"])
    with pytest.raises(UsageError, match="its meshes do not ship"):
        _asked(COURTS, WITHOUT, ["published-meshes"])


def test_few_objects_decide_nothing(capsys):
    held(4, trial(("better",)))
    assert "4 objects decide nothing" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["text-to-multiview-calibration", "text-to-multiview", "miniworld-text"])
def test_a_result_that_a_fixed_egg_wins_decides_nothing(name: str) -> None:
    """`hull_lift` fits round shapes: one egg for every prompt agrees better than the truth does."""
    suite = load_suite(name)
    assert "hull_lift" in {entry.name for entry in suite.metrics}
    assert not {name for name in suite.primary if name.startswith("hull_lift")}
    assert "hull_lift_cde" in METRICS.load("hull_lift").never_primary


QUIET = {"boosted", "sharpened", "colours-exchanged", "kaleidoscope"}
"""Cheats that eight objects are too few to tell: most of the truth is kept, or only some pictures show them."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["miniworld-calibration", "text-to-multiview-calibration"])
def test_no_cheat_wins_the_calibration_suites(name: str, tmp_path: Path) -> None:
    """By single tests: eight objects are too few for tests that are corrected over all cheats."""
    court = next(court for court in COURTS if court.name == name)
    trials = hold_court(court, 8, tmp_path)
    assert not [(t.cheat.name, s) for t in trials for s in t.standings if s.verdict == "better"]
    assert "wins" not in {trial.outcome for trial in trials}
    worse = {trial.cheat.name for trial in trials if any(s.verdict == "worse" for s in trial.standings)}
    assert {trial.cheat.name for trial in trials if not trial.may_tie} - worse <= QUIET
    owing = next(trial for trial in trials if trial.cheat.name == "fails-on-hard")
    assert owing.outcome == "loses" and any(s.missing for s in owing.standings)


@pytest.mark.slow
def test_quiet_cheats_lose_on_more_objects(tmp_path: Path) -> None:
    """Where there is no mesh to ask of, too; `repeated_views` tells copies of the front, however they are laid out.

    Half as strong a mask (`crisper`) is told by its single test alone, which decides nothing: docs/attacks.md says so.
    """
    court = next(court for court in COURTS if court.name == "text-to-multiview-calibration")
    copies = {"front-everywhere", "front-copied", "janus"}
    tried = [cheat for cheat in tried_in(court) if cheat.name in {*QUIET, *copies, "crisper"}]
    trials = {trial.cheat.name: trial for trial in hold_court(court, 40, tmp_path, tried, honest=False)}
    assert {trials[name].outcome for name in {*QUIET, *copies}} == {"loses"}
    assert [s.metric for s in trials["crisper"].standings if s.verdict == "worse"]


@pytest.mark.slow
def test_heads_of_two_faces_lose_at_the_size_that_models_paint(tmp_path: Path) -> None:
    """Only half of the copies are found in 32 px, and views of the kaleidoscope agree: forty objects tell it."""
    court = next(court for court in COURTS if court.name == "miniworld")
    tried = [cheat for cheat in tried_in(court) if cheat.name in ("janus", "kaleidoscope")]
    trials = hold_court(court, 40, tmp_path, tried, honest=False)
    assert [(trial.cheat.name, trial.outcome) for trial in trials] == [("janus", "loses"), ("kaleidoscope", "loses")]


@pytest.mark.slow
def test_the_published_meshes_keep_their_order(shared_data: Path, tmp_path: Path) -> None:
    """Realiz3D's are nearer to photographs than standard tuning's, at 256 px as at 512, and both are what was asked."""
    meshes, found = shared_data / "published_meshes", {}
    for resolution in (256, 512):
        suite = load_suite("published-meshes", _overrides(meshes, resolution))
        summary = run(suite, RunOptions(out=tmp_path / str(resolution), offline=True)).summary
        found[resolution] = {(row.generator, row.metric): row.value for row in summary.rows}
        tested = {one.metric: one.p_value for one in summary.comparisons}
    realism = "ed_cluster[efficientnet_lite0_interior]@photos"
    for values in found.values():
        assert values["realiz3d", realism] < values["standard_tuning", realism] - 0.2
        assert values["realiz3d", "identity"] > 0.9
    for generator in ("realiz3d", "standard_tuning"):
        assert abs(found[256][generator, realism] - found[512][generator, realism]) < 0.02
    assert 0.05 < tested[realism] < 0.3  # four objects show a difference of .4, and do not prove it


def _overrides(meshes: Path, resolution: int) -> list[str]:
    realism = {"ed_cluster": {"reference": "photos", "extractor": "efficientnet_lite0_interior"}}
    return [
        f"cases.path={meshes / 'realiz3d'}",
        f"cases.prompts={meshes / 'prompts.csv'}",
        f"generators.realiz3d.path={meshes / 'realiz3d'}",
        f"generators.standard_tuning.path={meshes / 'standard_tuning'}",
        f"views.resolution={resolution}",
        f"metrics={json.dumps([realism, 'identity'])}",
        'primary=["identity"]',
    ]
