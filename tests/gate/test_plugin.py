"""The pytest plugin, in sessions of their own: what it says, what it writes, and that nobody else notices it."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PLUGIN = "bench.gate.testing.plugin"
ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

SUITE, FIRST, AGAIN, WORSE = {paths!r}


def test_default_place(realiz3d_gate):
    realiz3d_gate.folder({which}).assert_not_worse_than()


def test_named_place(realiz3d_gate):
    realiz3d_gate.folder({which}).assert_not_worse_than("states/mine")


def test_run(realiz3d_gate):
    run = realiz3d_gate.run(SUITE, ["mine"], settings=["generators.mine.draw=1"], out=AGAIN)  # which is done already
    run.assert_not_worse_than("states/mine", deltas={{"silhouette_iou": 0.1}})
    assert realiz3d_gate.run(SUITE, ["mine"], settings=["generators.mine.draw=1"], out=AGAIN).found is run.found


def test_worse(realiz3d_gate):
    realiz3d_gate.folder(WORSE).assert_not_worse_than("states/mine")


def test_no_baseline(realiz3d_gate):
    realiz3d_gate.folder(AGAIN).assert_not_worse_than("nowhere")


def test_page(realiz3d_gate):
    page = realiz3d_gate.folder(WORSE).compare("states/mine", strict=True)
    assert page.exit_code == 1 and {{one.metric for one in page.results}} == {{"loo_psnr", "silhouette_iou"}}
"""


def session(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """pytest in a process of its own, with the plugin once: by its entry point where it is installed with one."""
    loaded = [] if any(point.value == PLUGIN for point in entry_points(group="pytest11")) else ["-p", PLUGIN]
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *loaded, *words]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers"), os.environ.get("PYTHONPATH", "")])
    # a worker of pytest-xdist marks its children, and pytest-benchmark then records nothing
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment | {"PYTHONPATH": path}
    )


@pytest.fixture(scope="module")
def sessions(painted, tmp_path_factory):
    """What was accepted, and then compared: the folder, and both sessions' outputs."""
    folder = tmp_path_factory.mktemp("sessions")
    paths = tuple(str(path) for path in (painted.suite, painted.first, painted.again, painted.worse))
    (folder / "pytest.ini").write_text("[pytest]\ngate_baseline_dir = kept\n")
    (folder / "test_gates.py").write_text(TESTS.format(paths=paths, which="FIRST"))
    accepted = session(folder, "--gate-accept", "-k", "place")
    (folder / "test_gates.py").write_text(TESTS.format(paths=paths, which="AGAIN"))
    compared = session(folder, "--gate-report", "pages")
    return folder, accepted, compared


def outcomes(done: subprocess.CompletedProcess) -> dict[str, str]:
    found = re.findall(r"^(PASSED|FAILED) test_gates\.py::(\w+)", done.stdout, re.MULTILINE)
    return {test: outcome for outcome, test in found}


def test_accepting_writes_baselines_where_the_ini_file_says(sessions):
    folder, accepted, _ = sessions
    assert accepted.returncode == 0, accepted.stdout
    for place in ("baselines/gated/mine", "states/mine"):
        assert (folder / "kept" / place / "baseline.json").is_file()
    assert "mine: accepted as" in accepted.stdout


def test_what_passes_says_what_and_what_fails_says_why(sessions):
    _, _, compared = sessions
    assert outcomes(compared) == {
        "test_default_place": "PASSED", "test_named_place": "PASSED", "test_run": "PASSED", "test_page": "PASSED",
        "test_worse": "FAILED", "test_no_baseline": "FAILED",
    }  # fmt: skip
    out = compared.stdout
    assert "test_default_place: mine: pass: 2 passed of 2 gated" in out
    assert "GateFailed: regression: " in out and re.search(r"regression   silhouette_iou: 0\.\d+ -> 0\.\d+: worse", out)
    assert "there is no such folder" in out and "baseline accept RUN" in out


def test_pages_are_written_where_the_option_says(sessions):
    folder, _, compared = sessions
    (page,) = folder.glob("pages/*test_worse*/index.html")
    assert f"page: {page}" in compared.stdout
    assert (page.parent / "junit.xml").is_file() and (page.parent / "gate.json").is_file()


def test_a_folder_that_holds_something_else_is_not_overwritten(painted, tmp_path):
    from bench.gate.testing.session import GateSession
    from groundwork.errors import UsageError

    (tmp_path / "mine.txt").write_text("precious")
    gate = GateSession(root=tmp_path, runs=tmp_path / "runs", baselines=tmp_path, accept=True)
    with pytest.raises(UsageError, match="holds no baseline"):
        gate.folder(painted.first).assert_not_worse_than(".")


def test_the_distribution_declares_the_plugin():
    text = (ROOT / "pyproject.toml").read_text()
    assert f'[project.entry-points.pytest11]\nrealiz3d-bench = "{PLUGIN}"' in text


def test_suites_that_do_not_use_it_load_nothing_of_it(tmp_path):
    """The plugin imports pytest alone: no part of the benchmark, and no library that pytest does not load."""
    (tmp_path / "test_plain.py").write_text("def test_nothing():\n    pass\n")
    program = (
        "import sys, pytest; code = pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[1:]]); "
        "print(*sorted(sys.modules)); sys.exit(code)"
    )

    def modules(*words):
        done = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        return set(done.stdout.splitlines()[-1].split())

    added = modules("-p", PLUGIN) - modules()
    assert added == {"bench", "bench.gate", "bench.gate.testing", PLUGIN, "groundwork", "groundwork.exports"}
