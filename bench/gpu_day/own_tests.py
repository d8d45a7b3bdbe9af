"""The project's own tests that need CUDA, where pytest and a checkout are at hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.gpu_day.findings import NO_GPU, Notes, Planned
from bench.gpu_day.settings import Settings

ROOT = Path(__file__).parents[2]
_WHERE = ("tests/geometry", "tests/throughput")


def plan_own_tests(settings: Settings) -> Sequence[Planned]:
    """Names of what `own_tests` finds."""
    return (Planned("tests marked for CUDA"),)


def own_tests(settings: Settings, notes: Notes) -> None:
    """pytest on those whose names say CUDA; its last line, and whether it passed."""
    name = "tests marked for CUDA"
    if not settings.cuda:
        notes.skipped(name, NO_GPU)
    elif find_spec("pytest") is None:
        notes.skipped(name, "the package pytest is absent")
    elif not (ROOT / "tests").is_dir():
        notes.skipped(name, "this is no checkout of the sources")
    else:
        command = [sys.executable, "-m", "pytest", "-q", "-k", "cuda", "-p", "no:cacheprovider", *_WHERE]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        said = (done.stdout.strip().splitlines() or ["it said nothing"])[-1]
        notes.failed(name, said) if done.returncode else notes.fact(name, said)
