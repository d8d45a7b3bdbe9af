"""No cheat wins: the shipped suites' primaries against pictures that nobody would want."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.generators.catalogue import GENERATORS
from bench.run.options import RunOptions
from bench.run.session import run
from bench.selftest.cheats import COURTS, Cheat, Court, Standing, Trial, hold_court, tried_in
from bench.suite.load import load_suite
from reports.attacks import markdown, rows, summary

CHEAT = Cheat("flat", "one colour", "flat_colour")


def standing(metric: str, verdict: str) -> Standing:
    return Standing(metric, 0.5, 0.9, 0.01 if verdict in ("worse", "better") else 0.6, verdict, "")


@pytest.mark.parametrize(
    ("verdicts", "beaten", "loses"),
    [
        (("worse", "same"), (), True),
        (("same", "same"), (), False),
        (("worse", "better"), (), False),
        (("worse", "same"), ("realiz3d",), False),
        (("worse", ""), (), True),
    ],
)
def test_a_cheat_loses_when_it_is_worse_somewhere_and_better_nowhere(verdicts, beaten, loses):
    standings = tuple(standing(f"m{i}", verdict) for i, verdict in enumerate(verdicts))
    assert Trial("suite", CHEAT, standings, beaten).loses is loses


def test_every_cheat_is_a_calibration_generator_with_valid_options():
    for court in COURTS:
        assert load_suite(court.suite).primary
        for cheat in tried_in(court):
            factory = GENERATORS.load(cheat.use)
            assert factory.calibration
            factory.Options.model_validate(dict(cheat.options))


def test_tables_say_who_wins():
    trials = [
        Trial("s", CHEAT, (standing("cde", "worse"),), ()),
        Trial("s", Cheat("x", "y", "z"), (standing("cde", "better"),), ()),
    ]
    page = markdown(trials, 8)
    assert "**0.5** (p 0.01) | yes" in page and "! 0.5 (p 0.01) | **no**" in page
    assert [row[0] for row in rows(trials)] == ["ok", "WINS"]
    assert [entry["loses"] for entry in summary(trials)] == [True, False]


def test_a_result_that_a_fixed_egg_wins_decides_nothing_where_there_is_a_ceiling() -> None:
    """`hull_lift` fits round shapes: one egg for every prompt agrees better than the truth does."""
    suite = load_suite("text-to-multiview-calibration")
    assert "hull_lift" in {entry.name for entry in suite.metrics}
    assert not {name for name in suite.primary if name.startswith("hull_lift")}


@pytest.mark.slow
@pytest.mark.parametrize(("court", "objects"), [(COURTS[0], 10), (COURTS[1], 8)], ids=["mesh", "text"])
def test_no_cheat_wins_the_calibration_suites(court: Court, objects: int, tmp_path: Path) -> None:
    trials = hold_court(court, objects, tmp_path)
    # its gaps count as the floor, which costs it value and widens the error of its tests: they let it tie with nobody
    assert {trial.cheat.name for trial in trials if not trial.loses} <= {"fails-on-hard"}
    assert not [s for trial in trials for s in trial.standings if s.verdict == "better"]


@pytest.mark.slow
def test_the_published_meshes_keep_their_order(shared_data: Path, tmp_path: Path) -> None:
    """Realiz3D's are nearer to photographs than standard tuning's, at 256 px as at 512, and both are what was asked."""
    meshes, found = shared_data / "published_meshes", {}
    for resolution in (256, 512):
        suite = load_suite("published-meshes", _overrides(meshes, resolution))
        summary = run(suite, RunOptions(out=tmp_path / str(resolution), offline=True)).summary
        found[resolution] = {(row.generator, row.metric): row.value for row in summary.rows}
    realism = "ed_cluster[efficientnet_lite0_interior]@photos"
    for values in found.values():
        assert values["realiz3d", realism] < values["standard_tuning", realism] - 0.2
        assert values["realiz3d", "identity"] > 0.9
    for generator in ("realiz3d", "standard_tuning"):
        assert abs(found[256][generator, realism] - found[512][generator, realism]) < 0.02


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
