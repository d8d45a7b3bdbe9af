"""The baseline's pictures scored again: drift of the stack, and whether the gate could have failed."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.metrics.silhouette_iou import SilhouetteIou


@pytest.fixture(scope="module")
def again(painted, tmp_path_factory):
    """The page of a gate that looked at both, and the folder that a second look goes on from."""
    out = tmp_path_factory.mktemp("again")
    words = ["--rescore", "--assay", "--corruptions", "noise:0.3,blur:0.4", "--suite", painted.suite]
    code = main([str(word) for word in ("compare", painted.first, painted.again, *words, "--out", out)])
    return code, json.loads((out / "gate.json").read_text()), out, words


def test_nothing_drifts_on_the_same_stack(again):
    code, page, _, _ = again
    assert code == 0 and page["verdict"] == "pass"
    assert [(one["metric"], one["drifted"], one["largest"]) for one in page["drift"]] == [
        ("loo_psnr", False, 0.0), ("silhouette_iou", False, 0.0),
    ]  # fmt: skip


def test_what_this_gate_would_have_caught(again):
    _, page, out, _ = again
    found = {one["corruption"]: one for one in page["sensitivity"]}
    assert "loo_psnr" in found["noise 0.3"]["caught_by"] and found["noise 0.3"]["verdict"] == "regression"
    assert found["blur 0.4"]["caught_by"] == []  # blur makes views agree
    assert page["could_fail"]
    assert "would have caught 1 of 2 known corruptions" in (out / "gate.md").read_text()


def test_a_pass_that_nothing_could_have_failed_is_printed_as_such(painted, again, capfd):
    _, _, out, words = again
    capfd.readouterr()
    deltas = ["--delta", "loo_psnr=50", "--delta", "silhouette_iou=1"]
    code = main([str(word) for word in ("compare", painted.first, painted.again, *words, *deltas, "--out", out)])
    assert code == 0 and "pass, and could not have failed" in capfd.readouterr().err
    assert "This gate could not have failed" in (out / "index.html").read_text()


def test_a_stack_that_moved_is_drift_and_no_regression(painted, tmp_path, monkeypatch, capfd):
    """The metric changes today: the candidate, scored today, differs from the baseline by that alone."""
    measure = SilhouetteIou.measure

    def moved(self, sample):
        found = measure(self, sample)
        return {name: type(one)(one.value - 0.3, one.status, one.coverage, tuple(v - 0.3 for v in one.per_view))
                for name, one in found.items()}  # fmt: skip

    from gate_models import paint

    monkeypatch.setattr(SilhouetteIou, "measure", moved)
    today = paint(painted.suite, tmp_path / "today", "generators.mine.draw=1")
    assert main(["compare", str(painted.first), str(today)]) == 1
    capfd.readouterr()
    words = ["--rescore", "--suite", painted.suite, "--out", tmp_path / "page"]
    code = main([str(word) for word in ("compare", painted.first, today, *words)])
    page = json.loads((tmp_path / "page" / "gate.json").read_text())
    drift = {one["metric"]: one for one in page["drift"]}
    assert code == 0 and page["verdict"] == "pass"
    assert drift["silhouette_iou"]["drifted"] and not drift["loo_psnr"]["drifted"]
    assert drift["silhouette_iou"]["today"] == pytest.approx(drift["silhouette_iou"]["stored"] - 0.3)
    assert "drift" in capfd.readouterr().err


def test_a_baseline_in_git_is_scored_again_from_the_run_that_it_came_from(painted, again, tmp_path, capfd):
    _, _, out, words = again
    assert main(["baseline", "accept", str(painted.first), "--out", str(tmp_path), "--reason", "first"]) == 0
    accepted = tmp_path / "gated" / "mine"
    ask = ["compare", accepted, painted.again, *words, "--out", out, "--pictures"]
    assert main([str(word) for word in (*ask, painted.first)]) == 0
    capfd.readouterr()
    assert main([str(word) for word in (*ask, painted.again)]) == 2
    assert "these are not the baseline's pictures: 6 of 6 samples differ" in capfd.readouterr().err


def test_pictures_that_were_changed_since_are_refused(painted, tmp_path, capfd):
    run = shutil.copytree(painted.first, tmp_path / "run")
    view = next(run.glob("samples/mine/*/seed_0/view_0.png"))
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(view)
    ask = ["compare", run, painted.again, "--rescore", "--suite", painted.suite, "--out", tmp_path / "page"]
    assert main([str(word) for word in ask]) == 2
    assert "the baseline's pictures were changed since they were scored" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("corruptions", "message"),
    [("blurr:2", "did you mean 'blur'"), ("blur", "has no size"), ("blur:x", "has no size"), ("shift:1.5", "cannot")],
)
def test_corruptions_that_mean_nothing_are_said(painted, tmp_path, capfd, corruptions, message):
    ask = ["compare", painted.first, painted.again, "--assay", "--corruptions", corruptions, "--suite", painted.suite]
    assert main([str(word) for word in (*ask, "--out", tmp_path)]) == 2
    assert message in capfd.readouterr().err
