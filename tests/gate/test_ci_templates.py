"""The CI templates: valid for their services, safe for forks, and their commands do what a job needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "ci-templates"
ACTION = yaml.safe_load((TEMPLATES / "github/action.yml").read_text())
WORKFLOWS = {name: yaml.safe_load((TEMPLATES / f"github/{name}.yml").read_text()) for name in ("gate", "gate-comment")}
GITLAB = yaml.safe_load((TEMPLATES / "gitlab/realiz3d-gate.yml").read_text())[".realiz3d-gate"]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "github/action.yml"),
        ("vendor.github-workflows", "github/gate.yml"),
        ("vendor.github-workflows", "github/gate-comment.yml"),
        ("vendor.gitlab-ci", "gitlab/realiz3d-gate.yml"),
    ],
)
def test_each_file_fits_its_service_s_schema(schema, file):
    pytest.importorskip("check_jsonschema")
    words = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *words, str(TEMPLATES / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def steps(document: dict) -> list[dict]:
    jobs = document.get("jobs", {"": document.get("runs", {})})
    return [step for job in jobs.values() for step in job.get("steps", [])]


@pytest.mark.parametrize("document", [ACTION, *WORKFLOWS.values()], ids=["action", *WORKFLOWS])
def test_no_text_of_strangers_is_part_of_a_command(document):
    """Names of branches and titles are strangers': they reach a shell as variables, never as its text."""
    assert [step["run"] for step in steps(document) if "${{" in step.get("run", "")] == []


def test_forks_get_no_secret_and_what_holds_a_token_runs_no_code_of_theirs():
    gate, comment = WORKFLOWS["gate"], WORKFLOWS["gate-comment"]
    # YAML 1.1 reads the key `on` as true
    assert gate[True] == "pull_request" and gate["permissions"] == {"contents": "read"}
    assert "secrets" not in (TEMPLATES / "github/gate.yml").read_text().replace("holds no secret", "")
    assert set(comment[True]) == {"workflow_run"} and comment[True]["workflow_run"]["workflows"] == [gate["name"]]
    assert not [step for step in steps(comment) if "uses" in step]
    assert comment["permissions"] == {"actions": "read", "pull-requests": "write"}


@pytest.fixture
def shell(painted, tmp_path, monkeypatch):
    """Runs commands of a template where the suite lies, with `realiz3d-bench` and a false `gh` on the path."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "realiz3d-bench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    (tools / "gh").write_text(
        '#!/bin/sh\necho "$@" >> gh.log\nif [ "$1" = api ]; then echo "$NUMBER"; fi\n'
        'if [ "$1" = run ]; then mkdir -p gate && cp "$PAGE" gate/gate.md; fi\n'
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    here = tmp_path / "checkout"
    here.mkdir()
    (here / "suite.yaml").write_text(painted.suite.read_text())
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests/helpers")])

    def run(command: str, shell: str = "bash -e", **variables: str) -> subprocess.CompletedProcess:
        found = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path, **variables}
        words = [*shell.split(), "-c", command]
        return subprocess.run(words, cwd=here, env=found, capture_output=True, text=True, check=False)

    return here, run


@pytest.mark.slow
def test_the_action_runs_compares_and_reports(painted, shell, capfd):
    from bench.cli import main

    here, run = shell
    assert main(["baseline", "accept", str(painted.first), "--out", str(here / "b"), "--reason", "first"]) == 0
    _, make, compare = [step["run"] for step in steps(ACTION) if "run" in step]
    files = {name: str(here / name.lower()) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    common = {"SUITE": "suite.yaml", "GENERATOR": "mine", "BASELINE": "b/gated/mine", "OUT": "realiz3d-gate", **files}
    made = run(make, RUN=str(painted.again), MORE="--set generators.mine.draw=1 --set cases.count=6", **common)
    assert made.returncode == 0, made.stderr
    done = run(compare, RUN=str(painted.again), MORE="--strict", **common)
    assert done.returncode == 0, done.stderr
    assert (here / "github_output").read_text() == "exit-code=0\n"
    done = run(compare, RUN=str(painted.worse), MORE="", **common)
    assert done.returncode == 1 and (here / "github_output").read_text().endswith("exit-code=1\n")
    summary = (here / "github_step_summary").read_text()
    assert "✅ Gate: pass" in summary and "❌ Gate: regression" in summary


def test_gitlab_s_job_does_the_same(painted, shell):
    from bench.cli import main

    here, run = shell
    assert main(["baseline", "accept", str(painted.first), "--out", str(here / "b"), "--reason", "first"]) == 0
    values = GITLAB["variables"] | {"GATE_BASELINE": "b/gated/mine", "GATE_INSTALL": "", "GATE_GENERATOR": "mine"}
    values |= {"GATE_RUN": str(painted.worse), "CI_PROJECT_DIR": str(here)}
    assert run("\n".join(GITLAB["before_script"]), **values).returncode == 0
    _, compare = GITLAB["script"]
    done = run(compare, **values)
    assert done.returncode == 1, done.stderr
    assert (here / GITLAB["artifacts"]["reports"]["junit"]).is_file()
    assert (here / GITLAB["artifacts"]["paths"][0] / "index.html").is_file()


def test_the_note_goes_to_the_pull_request_that_the_event_names(shell, tmp_path):
    here, run = shell
    fetch, write = [step["run"] for step in steps(WORKFLOWS["gate-comment"])]
    (tmp_path / "long.md").write_text("x" * 70_000)
    common = {"REPOSITORY": "us/models", "RUN_ID": "7", "PAGE": str(tmp_path / "long.md")}
    evil = 'main"; touch pwned; echo "'
    assert run(fetch, **common).returncode == 0
    assert run(write, HEAD_OWNER="them", HEAD_BRANCH=evil, NUMBER="12", **common).returncode == 0
    log = (here / "gh.log").read_text()
    assert "run download 7 --repo us/models" in log and f"head=them:{evil}" in log and "pr comment 12" in log
    assert not (here / "pwned").exists() and (here / "note.md").stat().st_size == 60_000
    (here / "gh.log").unlink()
    done = run(write, HEAD_OWNER="them", HEAD_BRANCH="gone", NUMBER="", **common)
    assert done.returncode == 0 and "comment" not in (here / "gh.log").read_text()
