"""Two generators timed in turns."""

import json

import numpy as np
import pytest
from test_plugin import session

from bench.gate.measuring.speed import Race, race
from bench.gate.verdicts import GateFailed
from groundwork.errors import UsageError

PAIR = "generators=[{name: old, use: 'gate_models:Painter'}, {name: new, use: 'gate_models:Painter', seconds: 0.05}]"
MACHINE = {"cpu": "a processor", "device": "cpu"}


def ran(slower: float, noise: float = 0.02, drift: float = 0.0, rounds: int = 10) -> Race:
    """Rounds that slow down together by `drift` from first to last."""
    rng = np.random.default_rng(3)
    weather = 1 + drift * np.linspace(0, 1, rounds)
    old, new = (weather * (1 + rng.normal(0, noise, rounds)) * factor for factor in (1.0, 1 + slower))
    return Race(("old", "new"), tuple(old.tolist()), tuple(new.tolist()), 8, MACHINE)


def test_a_slower_one_fails_and_weather_does_not():
    with pytest.raises(GateFailed, match=r"new is 1\d\.\d% slower than old .* 5\.0% tolerated"):
        ran(0.15).assert_not_slower_than(0.05)
    ran(0.0, drift=1.0).assert_not_slower_than(0.05)  # the machine took twice as long at the end, for both
    ran(0.03).assert_not_slower_than(0.05)
    ran(-0.3).assert_not_slower_than(0.0)
    assert "faster than old" in ran(-0.3).words() and "on a processor" in ran(-0.3).words()


def test_noise_alone_is_no_regression():
    assert ran(0.06, noise=0.2).found.p_value("greater") > 0.05
    ran(0.06, noise=0.2).assert_not_slower_than(0.05)


def test_they_take_turns_on_the_same_cases_with_the_same_noise(painted, monkeypatch):
    import gate_models

    asked = []
    views = gate_models.Painter.views
    monkeypatch.setattr(
        gate_models.Painter, "views",
        lambda self, request: asked.append((self.name, request.case.id, request.noise_seeds)) or views(self, request),
    )  # fmt: skip
    found = race(painted.suite, "old", "new", rounds=4, cases=1, warm_up=1, settings=[PAIR])
    assert [name for name, _, _ in asked] == ["old", "new", "old", "new", "new", "old", "old", "new", "new", "old"]
    assert all(asked[i][1:] == asked[i + 1][1:] for i in range(0, 10, 2))
    assert len({noise for _, _, noise in asked}) == 5
    assert len(found.old) == len(found.new) == 4 and found.images == 4
    assert min(found.new) > 0.05 and found.machine["cpu"]  # no more is certain on a busy machine


def test_too_few_rounds_are_refused(painted):
    with pytest.raises(UsageError, match="say nothing of the noise"):
        race(painted.suite, "old", "new", rounds=3, settings=[PAIR])


def test_a_faster_setting_is_listed_with_the_verdict_of_its_pictures(painted, tmp_path):
    from bench.gate.testing.session import GateSession

    gate = GateSession(root=tmp_path, runs=tmp_path / "runs", baselines=tmp_path)
    gate.begin("test")
    settings = [PAIR.replace("seconds: 0.05", "blur: 2.0"), "cases.count=4"]
    found, page = gate.trade(painted.suite, "old", "new", rounds=4, cases=1, settings=settings)
    assert page.verdict == "regression" and page.baseline.generator == "old" and len(found.new) == 4
    (line,) = gate.end()
    assert "than old (" in line and "its pictures: regression: " in line


@pytest.mark.slow
def test_pytest_benchmark_records_the_new_one_beside_the_old(painted, tmp_path):
    (tmp_path / "test_speed.py").write_text(f"""
def test_speed(realiz3d_gate, benchmark):
    found = realiz3d_gate.race({str(painted.suite)!r}, "old", "new", rounds=4, cases=1, settings=[{PAIR!r}],
                               benchmark=benchmark)
    found.assert_not_slower_than(1000.0)
""")
    done = session(tmp_path, "--benchmark-json=speed.json")
    assert done.returncode == 0, done.stdout
    assert "than old (" in done.stdout
    record = json.loads((tmp_path / "speed.json").read_text())
    (one,) = record["benchmarks"]
    assert one["stats"]["rounds"] == 4 and one["extra_info"]["against"] == "old"
    assert len(one["extra_info"]["old_seconds"]) == 4
    assert isinstance(one["extra_info"]["slowdown"], float)
    assert one["extra_info"]["machine"]["cpu"] and record["machine_info"]["node"]
