"""The course of a day with steps that do as they are told, its findings, its page, and what is carried there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench.gpu_day import steps as all_steps
from bench.gpu_day.day import Day
from bench.gpu_day.findings import Book, Finding, Notes, Planned
from bench.gpu_day.pack import lay_out
from bench.gpu_day.page import UNMEASURED, write_page
from bench.gpu_day.settings import Settings
from bench.gpu_day.steps import STEPS, Step
from groundwork.errors import UserError
from suites.miniworld.kit import _parser

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
name, out = sys.argv[sys.argv.index("--only") + 1], sys.argv[sys.argv.index("--out") + 1]
with open(out + "/findings.jsonl", "a") as book:
    book.write('{"step": "%s", "name": "a", "status": "measured", "value": 2.0, "unit": "s"}\\n' % name)
if name == "hangs":
    time.sleep(60)
if name == "breaks":
    print("no such device")
    sys.exit(7)
"""


def step(name: str, seconds: float = 30.0, least: float = 0.0) -> Step:
    return Step(name, name, "nowhere:nothing", seconds, least)


def day(tmp_path: Path, seconds: float = 100.0) -> Day:
    return Day(tmp_path, Settings("cpu", tiny=True), seconds, (sys.executable, "-c", PROGRAM))


def ends(tmp_path: Path) -> dict[str, Finding]:
    return {one.step: one for one in Book(tmp_path / "findings.jsonl").read() if not one.name}


def test_a_step_that_hangs_or_breaks_takes_nothing_with_it(tmp_path: Path) -> None:
    said: list[str] = []
    day(tmp_path).spend([step("hangs", 3.0), step("breaks"), step("works"), step("long", least=1000.0)], said.append)
    found = ends(tmp_path)
    assert found["hangs"].status == "failed" and found["hangs"].text.startswith("stopped after 3 s")
    assert found["breaks"].text == "no such device (exit status 7)"
    assert found["works"].status == "measured"
    assert found["long"].status == "skipped" and "it needs 1000" in found["long"].text
    kept = [one.step for one in Book(tmp_path / "findings.jsonl").read() if one.name == "a"]
    assert kept == ["hangs", "breaks", "works"]  # what each had found by then
    assert len(said) == 4 and said[3].startswith("long: skipped")


def test_a_day_goes_on_where_it_was_cut_short(tmp_path: Path) -> None:
    day(tmp_path).spend([step("works"), step("breaks")], lambda line: None)
    said: list[str] = []
    day(tmp_path).spend([step("works"), step("breaks")], said.append)
    assert said[0] == "works: done before" and said[1].startswith("breaks: failed")


def test_findings_survive_a_kill_and_name_only_what_was_planned(tmp_path: Path) -> None:
    book = Book(tmp_path / "f.jsonl")
    notes = Notes(book, "sampling", (Planned("speed", "s"), Planned("name")))
    notes.number("speed", 1.0)
    notes.number("speed", 1234.5678, low=1200.0, high=1300.0, text="warm")
    notes.fact("name", "a card")
    with book.file.open("a") as out:
        out.write('{"step": "sampling", "name": "na')
    assert [one.words for one in book.read()] == ["1235 [1200, 1300] s (warm)", "a card"]
    with pytest.raises(KeyError):
        notes.number("speeed", 1.0)
    with pytest.raises(KeyError, match="nobody planned 'x'"):
        notes.failed("x", "why")
    with pytest.raises(ValueError, match="nan"):
        notes.number("speed", float("nan"))


def test_every_step_plans_without_any_package() -> None:
    program = "import sys; sys.modules['torch'] = sys.modules['numpy'] = None\n"
    program += "from bench.gpu_day.page import write_page; print(write_page([]), end='')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (ROOT / "docs" / "gpu.md").read_text() == done.stdout, (
        "run: python -m bench.gpu_day page [DIR] > docs/gpu.md"
    )


def test_names_of_steps_are_planned_once_and_lead_to_functions() -> None:
    for settings in (Settings("cpu", tiny=True), Settings("cuda", tiny=False)):
        for one in STEPS:
            names = [planned.name for planned in one.plan(settings)]
            assert names and len(set(names)) == len(names) and callable(one.run), one.name
    assert all(0 < one.least <= one.seconds for one in STEPS)
    assert all_steps.step_named("twins").title


def test_the_page_shows_what_was_found_and_calls_the_rest_unmeasured() -> None:
    kind = Finding("day", "kind", text="a GPU, full sizes")
    found = [
        kind,
        Finding("facts", "device", text="NVIDIA H100 | 80GB"),
        Finding("distances", "Fréchet distance, 10,000 x 2,048", value=3.25, unit="s"),
        Finding("training", "", "failed", text="out of memory"),
    ]
    page = write_page(found)
    assert "**Hardware**: NVIDIA H100 \\| 80GB" in page
    assert "| Fréchet distance, 10,000 x 2,048 | 3.25 s |" in page
    assert f"| kernel distance, 10,000 x 2,048 | {UNMEASURED} |" in page
    assert "## Training at PixArt-XL's size\n\n*Failed: out of memory*" in page
    nothing = write_page([])
    planned = sum(len(one.plan(Settings("cuda", tiny=False))) for one in STEPS)
    assert nothing.count(f"| {UNMEASURED} |") == planned and f"**Hardware**: {UNMEASURED}" in nothing


def test_the_mini_world_is_tuned_from_the_base_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        return subprocess.CompletedProcess(
            command, 0, "kit: realiz3d: 40 s\nkit: 41 s; done: realiz3d; in 1 tar files\n", ""
        )

    monkeypatch.setattr(subprocess, "run", run)
    settings = Settings("cuda", tiny=False, world=tmp_path / "world.safetensors")
    notes = Notes(book := Book(tmp_path / "f.jsonl"), "world", all_steps.step_named("world").plan(settings))
    all_steps.step_named("world").run(settings, notes, out=tmp_path / "out", seconds=12.0)
    parsed = _parser().parse_args(asked[3:])
    assert (parsed.base / "model_index.json").is_file() and parsed.seconds == 20.0 and parsed.device == "cuda"
    assert [one.text for one in book.read()] == ["realiz3d: 40 s; 41 s; done: realiz3d; in 1 tar files"]


@pytest.mark.parametrize("kind", ["a CPU, full sizes", "a GPU, tiny sizes"])
def test_the_page_refuses_what_is_of_no_gpu(kind: str) -> None:
    with pytest.raises(UserError, match=f"these findings are of {kind}"):
        write_page([Finding("day", "kind", text=kind), Finding("facts", "device", text="EPYC")])
    with pytest.raises(UserError, match="an unknown day"):
        write_page([Finding("facts", "device", text="EPYC")])


def wheel(folder: Path, name: str, size: int) -> Path:
    """A wheel of a module with so many bytes of data."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as out:
        out.writestr(f"{name}.py", f"DATA = '{'x' * size}'\n")
        out.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file


def test_wheels_travel_in_parts_and_are_put_together(tmp_path: Path) -> None:
    small, large = wheel(tmp_path, "small_one", 100), wheel(tmp_path, "large_one", 50_000)
    out, limit = tmp_path / "carry", 20_000
    parts = lay_out([small, large], out, limit)
    assert len(parts) == 4 and all(sum(f.stat().st_size for f in part.iterdir()) <= limit + 10 for part in parts)
    last = next(parts[-1].iterdir())
    later = tmp_path / last.name
    last.rename(later)

    def assembled() -> str:
        command = [sys.executable, str(out / "assemble.py"), str(tmp_path / "site")]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=200).stdout

    assert "large_one-1.0-py3-none-any.whl: 2 of 3 pieces are here, it is left out" in assembled()
    assert (tmp_path / "site" / "small_one.py").is_file() and not (tmp_path / "site" / "large_one.py").exists()
    later.rename(last)
    assert "installed: 2 wheels" in assembled()
    assert len((tmp_path / "site" / "large_one.py").read_text()) > 50_000
