"""The default suite shows the paper's trade-off: with the models that ship, and with models trained here and now.

Whole runs, as a person starts them: training, sampling, every metric and the summary. What breaks any of these beyond
noise breaks an order below; the margins are a third or less of what 40 objects and three trainings show.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite
from groundwork.progress import Reporter
from suites.miniworld import models

REALISM, CONSISTENCY, CONTROL = "ed_cluster[efficientnet_lite0_interior]@rich", "loo_psnr", "silhouette_iou"
OBJECTS = 16
HALF = {
    "syn-only": "control: {length: {steps: 400}}",
    "realiz3d": "stage1: {length: {steps: 450}}, stage2: {length: {steps: 400}}",
}

Values = dict[str, dict[str, float]]


def measured(out: Path, **options: object) -> Values:
    """Values of a run of the default suite by metric and generator; nothing may fail."""
    chosen = RunOptions(out=out, limit=OBJECTS, offline=True, **options)
    summary = run(load_suite("miniworld"), chosen, Reporter(Console(file=io.StringIO()))).summary.to_json()
    assert summary["failures"] == []
    found: Values = {}
    for row in summary["rows"]:
        found.setdefault(row["metric"], {})[row["generator"]] = row["value"]
    return found


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Values:
    def refuse(*_: object) -> Path:
        raise AssertionError("the default suite trains nothing")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.MiniworldMethod, "train", refuse)
        return measured(tmp_path_factory.mktemp("shipped") / "run")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Values:
    """Two methods trained from the base that ships, on fewer objects and for half the steps to save time."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(models.FOLDER_VARIABLE, str(root / "user"))
        patch.setattr(models, "SHIPPED", root / "nothing")
        patch.setattr(models, "RICH", replace(models.RICH, stop=240))
        patch.setattr(models, "SYNTHETIC", replace(models.SYNTHETIC, stop=240))
        (root / "methods").mkdir()
        for name, lengths in HALF.items():
            text = f"extends: {models.METHODS / name}.yaml\nname: {name}\nmethod: {{{lengths}}}\n"
            (root / "methods" / f"{name}.yaml").write_text(text)
        patch.setattr(models, "METHODS", root / "methods")
        return measured(root / "run", generators=("base", "syn-only", "realiz3d"), seeds=(1,))


@pytest.mark.slow
@pytest.mark.parametrize("which", ["shipped", "trained"])
def test_realism_is_lost_by_synthetic_tuning_and_kept_in_part_by_realiz3d(
    which: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(which)[REALISM]
    assert found["base"] + 0.02 < found["realiz3d"]  # .05 apart on all 40 objects
    assert found["realiz3d"] < 0.8 * found["syn-only"]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["shipped", "trained"])
def test_consistency_is_gained_most_by_synthetic_tuning(which: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(which)[CONSISTENCY]
    assert found["syn-only"] > found["realiz3d"] > found["base"] + 0.6


@pytest.mark.slow
@pytest.mark.parametrize("which", ["shipped", "trained"])
def test_control_is_followed(which: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(which)[CONTROL]
    assert min(found["syn-only"], found["realiz3d"]) > found["base"] + 0.03


@pytest.mark.slow
def test_models_stay_below_renders_of_their_size_and_mixing_does_not_do_what_realiz3d_does(shipped: Values) -> None:
    assert shipped[CONSISTENCY]["ceiling-32px"] > shipped[CONSISTENCY]["syn-only"]
    assert shipped[REALISM]["ceiling-32px"] < shipped[REALISM]["base"] + 0.02 < shipped[REALISM]["syn-real"]
    assert shipped[REALISM]["realiz3d"] < 0.8 * shipped[REALISM]["syn-real"]
