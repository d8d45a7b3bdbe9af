"""Commands that only look answer at once: what they import is counted, because seconds differ between machines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fake_run import FakeRun

from bench.estimators.catalogue import ESTIMATORS
from bench.extractors.catalogue import EXTRACTORS
from bench.generators.catalogue import GENERATORS
from bench.metrics.catalogue import METRICS
from bench.vqa.catalogue import VQA_MODELS

COUNTED = "import sys; from bench.cli import main; code = main(sys.argv[1:]); print(code, *sys.modules)"
# each takes from a third of a second to several seconds of processor time
HEAVY = {
    "accelerate", "diffusers", "kornia", "onnxruntime", "pandas", "pyarrow", "scipy", "skimage", "torch",
    "torchmetrics", "transformers", "trimesh", "warp",
}  # fmt: skip


def imported(*words: str) -> set[str]:
    """The modules that a command imports."""
    done = subprocess.run([sys.executable, "-c", COUNTED, *words], capture_output=True, text=True, check=True)
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code == "0", done.stderr
    return set(modules)


@pytest.mark.parametrize(
    ("command", "most"),
    [
        ("--help", 500),
        ("list suites", 550),
        ("list metrics", 550),
        ("list generators", 550),
        ("doctor --quick", 550),
        ("validate miniworld", 750),
        ("validate published-meshes", 800),
    ],
)
def test_commands_that_only_look_import_little(command: str, most: int) -> None:
    modules = imported(*command.split())
    assert not modules & HEAVY and len(modules) < most, (len(modules), modules & HEAVY)


@pytest.mark.parametrize("suite", ["miniworld", "text-to-multiview"])
def test_a_suite_is_checked_without_the_libraries_that_run_it(suite: str) -> None:
    modules = imported("validate", suite)
    assert not modules & (HEAVY - {"torch"}) and len(modules) < 1700, (len(modules), modules & HEAVY)


def test_a_report_is_made_without_what_made_the_run(tmp_path: Path) -> None:
    modules = imported("report", str(FakeRun().write(tmp_path / "run")))
    assert not modules & (HEAVY - {"pandas", "pyarrow"}) and len(modules) < 1100, len(modules)


@pytest.mark.parametrize("registry", [GENERATORS, METRICS, EXTRACTORS, ESTIMATORS, VQA_MODELS], ids=lambda r: r.kind)
def test_descriptions_are_read_without_importing(registry) -> None:
    from groundwork.registry import _docstring

    for name, target in registry.built_in.items():
        module, _, attribute = target.partition(":")
        assert _docstring(module, attribute), name
        assert registry.describe(name) == (registry.load(name).__doc__ or "").split("\n")[0].strip()


def test_a_plug_in_that_cannot_be_read_is_loaded_or_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from groundwork.registry import Registry

    (tmp_path / "made_elsewhere.py").write_text('def _make():\n    """Made."""\n\n\nmade = _make\n')
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("metric", "no.such.group", {"mine": "made_elsewhere:made", "gone": "nowhere.at.all:X"})
    assert registry.describe("mine") == "Made."
    assert "could not be imported" in registry.describe("gone")
