"""The example board holds together, fits its schema, builds, and its workflows do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import yaml
from board_edits import rewritten

from bench.leaderboard.checking import check_board
from bench.leaderboard.entry import entry_schema
from bench.leaderboard.meta import read_meta
from bench.leaderboard.pin import read_pin
from bench.leaderboard.repository import read_repository
from bench.suite.load import load_suite
from bench.suite.schema import suite_hash
from reports.leaderboard import build_site

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "leaderboard"
WORKFLOWS = sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
AGAIN = "make it again: python docs/examples/leaderboard/make.py RUN_OF_MINIWORLD"


def test_every_entry_holds() -> None:
    found, looked_at = check_board(EXAMPLE / "entries", today=date(2027, 1, 1))
    assert [one for one in found if one.level == "error"] == [], AGAIN
    assert looked_at >= 8
    for path in EXAMPLE.glob("entries/*/*/*.json"):
        jsonschema.validate(json.loads(path.read_text()), entry_schema())
    for path in EXAMPLE.glob("meta/*.yaml"):
        read_meta(path)


def test_a_run_of_the_shipped_suite_can_be_submitted_to_it() -> None:
    pins = {pin.name: pin for file in EXAMPLE.glob("entries/*/suite.json") for pin in [read_pin(file)]}
    assert {"miniworld", "published-meshes"} <= pins.keys()
    assert pins["miniworld"].hash == suite_hash(load_suite("miniworld")), AGAIN


def test_it_shows_what_a_board_can_hold() -> None:
    entries = [stored.entry for stored in read_repository(EXAMPLE / "entries").entries]
    assert "miniworld" in {entry.suite.name for entry in entries}
    assert any(entry.state.withdrawn for entry in entries) and any(entry.state.superseded_by for entry in entries)
    assert any(entry.generator.calibration for entry in entries) and any(entry.preview for entry in entries)


def test_it_is_small_and_holds_nothing_of_others() -> None:
    files = [path for path in EXAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert not list(EXAMPLE.glob("entries/published-meshes-*/**/*.webp"))
    for pin in EXAMPLE.glob("entries/published-meshes-*/suite.json"):
        assert {case["prompt"] for case in json.loads(pin.read_text())["cases"]} == {""}
    texts = "".join(path.read_text() for path in EXAMPLE.glob("entries/**/*.json"))
    commands = [json.loads(path.read_text())["command"] for path in EXAMPLE.glob("entries/*/*/*.json")]
    assert commands and not [one for one in commands if re.search(r"(^|[\s=])/", one)]  # no path of whoever made it
    assert "/tmp/" not in texts and "/home/" not in texts


def test_its_site_is_built(tmp_path: Path) -> None:
    pages = build_site(EXAMPLE / "entries", tmp_path / "site", "An example board")
    page = next(path for path in pages if path.parent.name.startswith("miniworld-")).read_text()
    assert "cannot be told apart from it" in page and 'class="withdrawn"' in page and 'class="calibration"' in page
    said = dict(re.findall(r'class="says">(.*?)</span><code>(\w+)', page.replace("<wbr>", "")))
    assert said.pop("All have the same value.") == "repeated_views"  # nobody leads there
    assert len(said) == 4 and all("has the best value" in words for words in said)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_its_workflows_fit_the_service_s_schema_and_run_no_stranger_s_text(workflow: Path) -> None:
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    steps = [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]
    assert not [step for step in steps if "${{" in step.get("run", "")]


def test_the_check_of_a_pull_request_as_it_is_printed(tmp_path: Path) -> None:
    """In a git repository of the example, with a change: the workflow's own line, in a shell."""
    root = tmp_path / "board"
    shutil.copytree(EXAMPLE / "entries", root / "entries")

    def git(*words: str) -> str:
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *author, *words], cwd=root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "as it is")
    base = git("rev-parse", "HEAD")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "realiz3d-bench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    (tools / "realiz3d-bench").chmod(0o755)
    steps = yaml.safe_load((EXAMPLE / ".github/workflows/check.yml").read_text())["jobs"]["check"]["steps"]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "BASE": base, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": paths}

    def checked() -> subprocess.CompletedProcess[str]:
        command = ["bash", "-eo", "pipefail", "-c", steps[-1]["run"]]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)

    assert checked().returncode == 0  # nothing changed, nothing to check
    entry = next(root.glob("entries/miniworld-*/*__base/*.json"))
    rewritten(entry, lambda document: document["rows"][0].update(value=0.999), seal=False)
    git("commit", "-qam", "better")
    done = checked()
    assert done.returncode != 0
    assert "::error file=entries/miniworld-" in done.stdout and "title=leaderboard%3A rows" in done.stdout
