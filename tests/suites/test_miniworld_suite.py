"""The calibration suite does what it is for: each corruption ranks below the ceiling on the metric that sees it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite, shipped_suites
from groundwork.progress import Reporter

TEXTURE = "kd_cluster[efficientnet_lite0_texture]@photos"
POOLED = "kd_cluster[efficientnet_lite0]@photos"


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    options = RunOptions(out=tmp_path_factory.mktemp("run") / "calibration", limit=12, offline=True)
    return run(load_suite("miniworld-calibration"), options, Reporter(Console(file=io.StringIO()))).summary.to_json()


def values(summary, metric: str) -> dict[str, float]:
    return {row["generator"]: row["value"] for row in summary["rows"] if row["metric"] == metric}


@pytest.mark.slow
def test_nothing_fails_and_nothing_but_lpips_is_missing(summary):
    assert summary["failures"] == []
    status = {row["metric"]: row["status"] for row in summary["rows"]}
    lpips = {name for name in status if "lpips" in name}
    assert {status[name] for name in lpips} <= {"ok", "weights_missing"}
    assert {status[name] for name in status.keys() - lpips} == {"ok"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "corruption", ["shift-1px", "shift-2px", "shift-4px", "swapped-views", "colour-cast", "noise", "floor"]
)
def test_consistency_sees_what_breaks_consistency(summary, corruption):
    found = values(summary, "loo_psnr")
    assert found[corruption] < found["ceiling"] - 4


@pytest.mark.slow
def test_more_shift_is_worse(summary):
    found = values(summary, "loo_psnr")
    assert found["ceiling"] > found["shift-1px"] > found["shift-2px"] > found["shift-4px"]


@pytest.mark.slow
@pytest.mark.parametrize("metric", [TEXTURE, POOLED])
def test_realism_sees_blur_and_flat_colours(summary, metric):
    found = values(summary, metric)
    assert found["ceiling"] < found["blur-2px"] < found["blur-5px"]
    assert found["ceiling"] < found["synthetic-look"]


@pytest.mark.slow
def test_consistent_detail_does_not_pay_for_blur_or_flatness(summary):
    found = values(summary, "cde")
    assert found["ceiling"] > found["blur-2px"] > found["blur-5px"]
    assert found["ceiling"] > found["synthetic-look"] + 0.2
    assert found["ceiling"] > found["floor"] + 0.2


@pytest.mark.slow
def test_colour_drift_sees_the_cast(summary):
    found = values(summary, "colour_drift")
    assert found["colour-cast"] > found["ceiling"] + 1


@pytest.mark.slow
def test_control_sees_what_leaves_the_outline(summary):
    found = values(summary, "silhouette_iou")
    for corruption in ("shift-1px", "shift-2px", "shift-4px", "swapped-views", "blur-5px"):
        assert found[corruption] < found["ceiling"]


@pytest.mark.slow
def test_the_papers_psnr_rewards_blur_and_ours_does_not(summary):
    compat, ours = values(summary, "reprojection_psnr_white"), values(summary, "loo_psnr")
    assert compat["blur-2px"] > compat["ceiling"]
    assert ours["blur-2px"] < ours["ceiling"]


@pytest.mark.parametrize("name", sorted(shipped_suites()))
def test_shipped_suites_are_valid(name):
    suite = load_suite(name)
    assert suite.name == name
    assert suite.primary
