"""`compare` and `baseline` as people type them, on real runs."""

import json
import shutil
import subprocess
import sys
import time

import pandas as pd
import pytest
from gate_models import REALISM, paint

from bench.cli import main


def text_of(capfd, *words):
    code = main([str(word) for word in words])
    out, err = capfd.readouterr()
    return code, out, err


@pytest.fixture
def accepted(painted, tmp_path):
    assert main(["baseline", "accept", str(painted.first), "--out", str(tmp_path / "b"), "--reason", "first"]) == 0
    return tmp_path / "b" / "gated" / "mine"


def test_from_a_run_to_a_baseline_to_a_red_build(painted, accepted, tmp_path, capfd):
    capfd.readouterr()
    code, out, err = text_of(capfd, "compare", accepted, painted.again)
    assert code == 0 and "pass: 2 passed of 2 gated" in err
    code, out, err = text_of(
        capfd, "compare", accepted, painted.worse, "--out", tmp_path / "page", "--junit", tmp_path / "j.xml",
        "--markdown", tmp_path / "m.md",
    )  # fmt: skip
    assert code == 1 and "regression" in out and out.splitlines()[-1] == str(tmp_path / "page" / "index.html")
    assert "loo_psnr" in out and "worse by" in out
    assert (tmp_path / "j.xml").read_text() == (tmp_path / "page" / "junit.xml").read_text()
    assert (tmp_path / "m.md").read_text() == (tmp_path / "page" / "gate.md").read_text()
    page = (tmp_path / "page" / "index.html").read_text()
    assert page.count("data:image/webp") >= 1 and "a baseline in git holds numbers only" in page


def test_json_is_the_page_and_nothing_else(painted, accepted, capfd):
    capfd.readouterr()
    code, out, _ = text_of(capfd, "compare", accepted, painted.worse, "--json")
    found = json.loads(out)
    assert code == found["exit_code"] == 1 and found["verdict"] == "regression"
    assert {one["metric"] for one in found["results"]} == {"loo_psnr", "silhouette_iou"}


def test_a_distance_between_sets_is_gated_without_features(painted, tmp_path, capfd):
    """The accepted state and two folders without pictures, features or maps are enough."""
    for name in ("first", "worse"):
        shutil.copytree(
            getattr(painted, name), tmp_path / name,
            ignore=shutil.ignore_patterns("samples", "features", "maps", "report"),
        )  # fmt: skip
    _, out, _ = text_of(
        capfd, "compare", tmp_path / "first", tmp_path / "worse", "--delta", f"{REALISM}=0.001", "--json"
    )
    found = {one["metric"]: one for one in json.loads(out)["results"]}[REALISM]
    assert found["n_objects"] == 6 and found["harm"] > 0 and found["p_worse"] < 0.5
    assert found["harm_low"] < found["harm"] < found["harm_high"]


def test_what_adds_to_a_distance_comes_from_the_run(painted):
    """The stored distances without each object are those that the interval of the row was made of."""
    from bench.results.leave_one_out import read_leave_one_out
    from bench.results.read import read_run
    from bench.stats.intervals import jackknife_interval

    run = read_run(painted.first)
    (row,) = [row for row in run.summary.rows if row.metric == REALISM]
    without = read_leave_one_out(run.layout.leave_one_out)["mine", REALISM]
    assert list(without) == [case.id for case in run.summary.cases]
    assert jackknife_interval(row.value, list(without.values())) == pytest.approx((row.ci_low, row.ci_high))


def test_two_generators_of_one_run(painted, tmp_path, capfd):
    both = shutil.copytree(painted.first, tmp_path / "both")
    paint(painted.suite, both, "generators=[{name: mine, use: 'gate_models:Painter'}, "
          "{name: soft, use: 'gate_models:Painter', blur: 2.0}]")  # fmt: skip
    assert text_of(capfd, "compare", both, both, "--map", "mine=soft")[0] == 1
    assert text_of(capfd, "compare", both, both, "--map", "soft=mine")[0] == 0
    for words, message in (
        ((), "which generator is meant is not stated"),
        (("--generator", "mine"), "with itself"),
        (("--generator", "mime"), "did you mean 'mine'"),
        (("--map", "mine"), "--map needs two names"),
        (("--map", "mine=soft", "--generator", "mine"), "both say which generator"),
    ):
        code, _, err = text_of(capfd, "compare", both, both, *words)
        assert code == 2 and message in err


def test_more_failures_than_before_are_missing_and_count_as_the_floor(painted, tmp_path, capfd):
    case = json.loads((painted.first / "summary.json").read_text())["cases"][0]["id"]
    paint(painted.suite, tmp_path / "run", f"generators.mine.broken=[{case}]")
    code, out, _ = text_of(capfd, "compare", painted.first, tmp_path / "run")
    assert code == 3 and "1 sample has no value, 0 of the baseline's" in out and "counted as the floor" in out


def test_fewer_objects_or_another_suite_are_not_compared(painted, accepted, tmp_path, capfd):
    capfd.readouterr()
    paint(painted.suite, tmp_path / "few", limit=3)
    code, out, _ = text_of(capfd, "compare", accepted, tmp_path / "few")
    assert code == 2 and "cases: 6, 3 of them its own" in out
    paint(painted.suite, tmp_path / "version", "version=2", limit=2)
    code, out, _ = text_of(capfd, "compare", accepted, tmp_path / "version")
    assert code == 2 and "version of the suite: 1 in the baseline, 2 in the candidate" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--delta", "loo_psnr"), "this is not a gate"),
        (("--delta", "loo_psnr=-1"), "this is not a gate"),
        (("--delta", "loo_psnr=nan"), "this is not a gate"),
        (("--delta", "lo_psnr=1"), "did you mean 'loo_psnr'"),
        (("--rescore",), "the baseline's pictures are not at hand"),
        (("--assay",), "the baseline's pictures are not at hand"),
        (("--generator", "yours"), "the baseline is of the generator 'mine', not of 'yours'"),
    ],
)
def test_what_cannot_be_asked_is_said(painted, accepted, capfd, words, message):
    capfd.readouterr()
    code, _, err = text_of(capfd, "compare", accepted, painted.again, *words)
    assert code == 2 and message in err and "Traceback" not in err


def test_folders_that_are_no_input_are_said(painted, accepted, tmp_path, capfd):
    (tmp_path / "empty").mkdir()
    for folder, message in (
        (tmp_path / "empty", "neither a run folder nor a baseline directory"),
        (tmp_path / "nowhere", "there is no such folder"),
        (accepted.parents[1], f"did you mean {accepted}?"),
    ):
        capfd.readouterr()
        code, _, err = text_of(capfd, "compare", folder, painted.again)
        assert code == 2 and message in err


def test_an_empty_run_is_said(painted, accepted, tmp_path, capfd):
    """No generators and no rows, as a run whose every generator was refused leaves it; and generators without rows."""
    empty = shutil.copytree(painted.first, tmp_path / "empty", ignore=shutil.ignore_patterns("samples", "*.parquet"))
    summary = json.loads((empty / "summary.json").read_text())
    (empty / "summary.json").write_text(json.dumps({**summary, "rows": [], "generators": [], "comparisons": []}))
    capfd.readouterr()
    for words in (
        ("compare", accepted, empty),
        ("compare", empty, painted.first),
        ("baseline", "accept", empty, "--out", tmp_path / "other", "--reason", "first"),
    ):
        code, _, err = text_of(capfd, *words)
        assert code == 2 and "the run is empty" in err and "give the run command again" in err
    code, _, err = text_of(capfd, "compare", accepted, empty, "--generator", "mine")
    assert code == 2 and "the run has no generator 'mine'" in err
    (empty / "summary.json").write_text(json.dumps({**summary, "rows": [], "comparisons": []}))
    code, out, err = text_of(capfd, "compare", accepted, empty)
    assert code == 3 and out.count("the candidate has no such result") == 2 and "2 not measured of 2 gated" in err
    assert text_of(capfd, "baseline", "accept", empty, "--out", tmp_path / "other", "--reason", "first")[0] == 2


def test_nothing_gated_is_said(painted, tmp_path, capfd):
    run = shutil.copytree(painted.first, tmp_path / "run", ignore=shutil.ignore_patterns("samples"))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["suite"].pop("gates")
    (run / "manifest.json").write_text(json.dumps(manifest))
    code, out, err = text_of(capfd, "compare", painted.again, run)
    assert code == 2 and not out and "nothing is gated" in err and "--delta" in err


def test_accepting_needs_a_reason_and_says_what_it_replaces(painted, accepted, capfd):
    capfd.readouterr()
    out = accepted.parents[1]
    assert text_of(capfd, "baseline", "accept", painted.worse, "--out", out, "--reason", "  ")[0] == 2
    assert text_of(capfd, "baseline", "accept", painted.worse, "--out", out)[0] == 2
    code, _, err = text_of(capfd, "baseline", "accept", painted.worse, "--out", out, "--reason", "softer is wanted")
    assert code == 0 and "(first)" in err and "loo_psnr:" in err and "->" in err
    code, shown, _ = text_of(capfd, "baseline", "show", accepted)
    assert code == 0 and "softer is wanted" in shown and "loo_psnr" in shown
    assert text_of(capfd, "compare", accepted, painted.worse)[0] == 0
    assert text_of(capfd, "baseline", "accept", accepted, "--out", out, "--reason", "no run")[0] == 2


def test_a_baseline_edited_by_hand_is_refused(painted, accepted, capfd):
    text = (accepted / "baseline.json").read_text()
    (accepted / "baseline.json").write_text(text.replace('"loo_psnr": 1.0', '"loo_psnr": 9.0'))
    for words in (("compare", accepted, painted.again), ("baseline", "show", accepted)):
        capfd.readouterr()
        code, _, err = text_of(capfd, *words)
        assert code == 2 and "changed after it was accepted" in err


def test_a_gate_is_quick_and_loads_no_torch(tmp_path):
    """Two stored runs of 40 objects and 2 generators, as a CI job compares them."""
    from stored_runs import store_runs

    before, after = store_runs(tmp_path, objects=40)
    program = "import sys; from bench.cli import main; code = main(sys.argv[1:]); print(len(sys.modules), *sorted(" \
        "{name.partition('.')[0] for name in sys.modules}))"  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, "compare", str(before), str(after), "--generator", "mine",
         "--out", str(tmp_path / "page")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    count, *loaded = done.stdout.splitlines()[-1].split()
    assert not {"torch", "sklearn", "skimage", "diffusers", "warp", "trimesh", "onnxruntime"} & set(loaded)
    assert int(count) < 1_600, count
    assert "pass" in done.stdout and len(pd.read_parquet(after / "scores.parquet")) == 40 * 2 * 4 * 3
    assert seconds < 20, f"{seconds:.1f} s, and 2 s on an idle core"
