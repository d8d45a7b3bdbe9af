"""What a base and stage 1 must pass: mindless pictures lie far behind the base, and modes are told apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from tiny_world import make_tiny_world
from typer.testing import CliRunner

from suites.miniworld import gates
from suites.miniworld.__main__ import app
from suites.miniworld.base import BASE
from suites.miniworld.gates import IDENTITY, MINDLESS, REALISM, BaseGate, gate_suite, judge, stage_1_failures
from suites.miniworld.stages import Look


def gate(base: float, mindless: float, *, ours: float | None = None, named: float = 0.9) -> BaseGate:
    realism = {"base": base, **dict.fromkeys(MINDLESS, mindless)} | ({} if ours is None else {"realiz3d": ours})
    return BaseGate(realism, {"base": 0.95, **dict.fromkeys(MINDLESS, named)})


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (gate(0.1, 0.51, ours=0.5), None),
        (gate(-0.02, 0.1), None),  # estimates of equal sets scatter around zero
        (gate(0.1, 0.49), "not 5 times the base's 0.100"),
        (gate(-0.3, -0.2), "not 5 times"),
        (gate(0.05, 0.3, ours=0.31), "no further than Realiz3D's 0.310"),
        (gate(0.1, 0.6, named=0.95), "no less than the base at 0.950"),
    ],
)
def test_each_mindless_picture_must_lie_far_behind_the_base(found: BaseGate, why: str | None) -> None:
    failures = found.failures()
    assert failures == () if why is None else len(failures) == len(MINDLESS) and all(why in said for said in failures)


def test_values_are_read_from_the_runs_rows() -> None:
    rows = [("base", REALISM, 0.1), ("base", IDENTITY, 0.9), ("base", "cde", 0.5), ("floor", REALISM, None)]
    summary = SimpleNamespace(rows=[SimpleNamespace(generator=g, metric=m, value=v) for g, m, v in rows])
    assert judge(summary) == BaseGate({"base": 0.1}, {"base": 0.9})


@pytest.mark.parametrize(("look", "palette"), [("muted", "muted"), ("daylight", "common")])
def test_the_suite_asks_what_the_shipped_one_asks_at_the_bases_size(look: str, palette: str) -> None:
    suite = gate_suite(BASE, look)
    assert [entry.name for entry in suite.generators] == ["ceiling", "base", *MINDLESS]
    assert {entry.options.get("size", 32) for entry in suite.generators} == {32}
    assert (suite.references["rich"].miniworld.look, suite.cases.look) == (look, look)
    assert [(metric.name, metric.options.get("palette")) for metric in suite.metrics] == [
        ("identity", palette),
        ("ed_cluster", None),
    ]
    assert set(suite.primary) < set(gates.load_suite("miniworld").primary)


@pytest.mark.slow
def test_the_command_holds_a_base_against_them_and_fails_with_the_reasons(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        tiny = make_tiny_world(tmp_path, patch)
        patch.setattr(gates, "MINDLESS", {"flat-own": MINDLESS["flat-own"]})
        answer = CliRunner().invoke(app, ["gates", str(tiny.base), str(tmp_path / "run"), "--limit", "8"])
    # a base of random weights paints noise on which nothing can be read
    assert answer.exit_code == 1 and "flat-own is" in answer.output, answer.output


@pytest.mark.parametrize(("synthetic", "real", "count"), [(0.7, 0.1, 0), (0.69, 0.1, 1), (0.9, 0.11, 1), (0.2, 0.3, 2)])
def test_stage_1_must_tell_the_modes_apart(synthetic: float, real: float, count: int) -> None:
    looks = {"synthetic": Look(0.1, 0.1, synthetic, 0.9), "real": Look(0.1, 0.1, real, 0.9)}
    assert len(stage_1_failures(looks)) == count
