"""Every step in small on a CPU: the code that a GPU will run is known to run, and to find what it plans."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bare_environment import bare_python

from bench.gpu_day.findings import Book, Notes
from bench.gpu_day.settings import Settings
from bench.gpu_day.steps import carry_out, step_named
from bench.gpu_day.twins import largest_difference

ROOT = Path(__file__).parents[2]
TINY = Settings("cpu", tiny=True)
QUICK = ("facts", "ceilings", "training", "shifters", "batches", "distances", "objects", "tests")
OF_A_GPU = {"batches": 2, "facts": 2}  # rows that only a GPU has: peak memory of two batches; its memory and driver


@pytest.mark.parametrize("name", QUICK)
def test_a_step_finds_what_it_plans(name: str, tmp_path: Path) -> None:
    step, book = step_named(name), Book(tmp_path / "findings.jsonl")
    planned = step.plan(TINY)
    assert carry_out(step, TINY, Notes(book, name, planned)) == ""
    found = {one.name: one for one in book.read()}
    assert len({one.name for one in planned} - set(found)) == OF_A_GPU.get(name, 0)
    assert not [one for one in found.values() if one.status == "failed"]
    measured = [one.value for one in found.values() if one.status == "measured" and one.value is not None]
    assert all(value > 0 for value in measured)
    assert measured or name in ("facts", "tests")


def test_a_step_that_lacks_a_package_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bench.metrics.frechet", None)
    step = step_named("distances")
    why = carry_out(step, TINY, Notes(Book(tmp_path / "f"), step.name, step.plan(TINY)))
    assert why == "the package bench is absent"


def test_differences_are_those_of_the_worst_number() -> None:
    one = {"a": np.array([1.0, np.nan]), "b": np.array([True])}
    assert largest_difference(one, {"a": np.array([1.25, np.nan]), "b": np.array([True])}) == 0.25
    with pytest.raises(ValueError, match="not finite"):
        largest_difference(one, {"a": np.array([1.0, 2.0]), "b": np.array([True])})
    with pytest.raises(ValueError, match="shapes"):
        largest_difference(one, {"a": np.array([1.0]), "b": np.array([True])})
    with pytest.raises(ValueError, match="'b'"):
        largest_difference(one, {"a": np.array([1.0, np.nan])})


@pytest.mark.slow
def test_the_whole_day_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.gpu_day", "--out", str(tmp_path), "--device", "cpu", "--tiny"]
    done = subprocess.run([*command, "--seconds", "1500"], capture_output=True, text=True, cwd=ROOT, timeout=1600)
    found = Book(tmp_path / "findings.jsonl").read()
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one.step for one in found if not one.name} >= {*QUICK, "twins", "sampling", "pictures", "compiled"}
    twins = [one for one in found if one.step == "twins" and one.name]
    assert len(twins) == 14 and all(one.text.startswith(("agrees: 0,", "at 1 parts")) for one in twins)
    page = subprocess.run(
        [sys.executable, "-m", "bench.gpu_day", "page", str(tmp_path)], capture_output=True, text=True, cwd=ROOT
    )
    assert page.returncode == 1 and "these findings are of a CPU, tiny sizes" in page.stderr


LACKING = {
    "shifters": "the package scipy is absent",  # intervals of a ratio
    "distances": "the package scipy is absent",
    "pictures": "the package torchvision is absent",
    "objects": "the package warp is absent",
}
BARE = """
import json, sys
from pathlib import Path
from bench.gpu_day.findings import Book, Notes
from bench.gpu_day.settings import Settings
from bench.gpu_day.steps import STEPS, carry_out
settings, book = Settings("cpu", tiny=True), Book(Path(sys.argv[1]))
ends = {}
for step in STEPS:
    if step.name not in ("world", "compiled"):
        ends[step.name] = carry_out(step, settings, Notes(book, step.name, step.plan(settings)))
print(json.dumps(ends))
"""


@pytest.mark.slow
def test_a_machine_with_torch_and_diffusers_alone(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "bare_day.py").write_text(BARE)
    python = bare_python(tmp_path / "site", ["torch", "diffusers", "pydantic", "PyYAML"], ROOT, tmp_path / "code")
    command = [*python, "bare_day", str(tmp_path / "findings.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    ends = json.loads(done.stdout.splitlines()[-1])
    lacking = {name: why for name, why in ends.items() if why}
    assert lacking == LACKING
    found = {one.name: one for one in Book(tmp_path / "findings.jsonl").read()}
    for name in ("sampling, realiz3d", "training, stage2", "weights in 8 bits"):
        assert found[f"{name}: largest difference"].text.startswith("agrees")
    assert found["rasteriser: largest difference"].words == "skipped: the package warp is absent"
