"""What the README shows works as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_example_generator_runs_as_printed(tmp_path, mesh_folder, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    (suite,) = re.findall(r"```yaml\n(.*?)```", README, re.S)
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "adapter.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my-suite.yaml").write_text(suite.replace("resolution: 512", "resolution: 96"))
    arguments = ["--set", f"cases.path={mesh_folder}", "--set", f"cases.prompts={mesh_folder}/prompts.csv"]
    arguments += ["--out", str(tmp_path / "run"), "--generators", "mine"]
    assert main(["run", str(tmp_path / "my-suite.yaml"), *arguments, "--offline"]) == 0
    assert len(list((tmp_path / "run/samples/mine").rglob("*.png"))) == 3 * 4


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


def test_ci_finds_the_test_command():
    lines = [line for line in README.splitlines() if re.match(r"python3 -m venv .*pytest", line)]
    assert len(lines) == 1
