"""The page of ratios: its tables, its pictures, and that what is compared agrees."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import peers
import pytest
from made_pictures import write_photos, write_renders
from peers import PAGE, run_job, run_rounds, sized, stopped_beyond, store, stored
from peers_page import (
    BEGIN,
    END,
    WHOLE_JOBS,
    Runs,
    Session,
    Table,
    aims,
    page_of,
    replaced,
    statistics_table,
    where,
    whole_job_table,
)
from PIL import Image


def _runs(wall: float, **answer: float) -> Runs:
    return Runs([wall, 2 * wall, wall], [answer] * 3, [1000.0, 1100.0, 1200.0], cpu_seconds=[2 * wall] * 3)


def _session(load: float, *tables: Table, command: str = "peers.py") -> Session:
    return Session(command, "2026-01-01", "a CPU, 2 cores", "1 core", [load, 2.0], "Python 3", "abc1234", [*tables])


def test_tables_are_ratios_to_ours_and_absent_tools_stay_visible() -> None:
    found = {job: Runs(failure="not installed: No module named x") for job in WHOLE_JOBS}
    found["ours"] = _runs(10.0, fid=1.5, kid=0.25)
    found["clean_fid"] = _runs(35.0, fid=1.5, kid=0.25)
    found["bare_forward"] = _runs(8.0, forward=4.0)
    table = whole_job_table(Table("images", 160, found))
    assert "160 PNG (512 x 512) against 168 JPEG" in table
    assert (
        "| clean-fid, shared features | 70 (70, 70, 70) | 3.50 | 35 (35, 70, 35) | 3.50 | 1100 | 1.5 | 0.25 |" in table
    )
    assert "| pytorch-fid (FID only) | not installed: No module named x |" in table
    for words in ("1.25 times as long", "1.25 times the CPU-seconds", "82.0 pictures a second in our engine"):
        assert words in table
    jobs = {"frechet_ours": _runs(9.0, seconds=0.1), "frechet_sqrtm": _runs(9.0, seconds=5.0)}
    table = statistics_table(Table("features", 160, jobs))
    assert "| Fréchet distance, `scipy.linalg.sqrtm` | 5 (5, 5, 5) | 50 |" in table


def test_tables_without_some_jobs_say_what_the_others_took() -> None:
    table = whole_job_table(Table("images", 160, {"torch_forward": _runs(20.0, forward=10.0)}))
    assert "| eager torch's forward pass alone | 40 (40, 40, 40) |  | 20 (20, 40, 20) |  | 1100 |  |  |" in table
    assert table.endswith("\n\nThe network alone ran at 32.8 pictures a second in eager torch.")
    failed = Runs(failure="failed: no memory")
    table = whole_job_table(Table("images", 160, {"ours": failed, "clean_fid": _runs(35.0, fid=1.5, kid=0.25)}))
    assert "| realiz3d-bench | failed: no memory |" in table
    assert table.endswith("| 70 (70, 70, 70) |  | 35 (35, 70, 35) |  | 1100 | 1.5 | 0.25 |")


def test_a_run_that_was_cut_off_shows_what_it_had_and_no_nan() -> None:
    jobs = {"ours": _runs(10.0, fid=1.5), "bare_forward": Runs(), "torchmetrics": Runs()}
    page = page_of([_session(0.0, Table("images", 160, jobs), Table("features", 8, {"frechet_ours": Runs()}))])
    assert page.count("not measured: the run ended before") == 3
    assert "| 160 | 2026-01-01 | seconds | not measured | none ran |" in page
    assert "nan" not in page and "The network alone" not in page


def test_beside_other_work_cpu_seconds_are_compared() -> None:
    jobs = {"ours": _runs(10.0), "bare_forward": Runs([8.0] * 3, [{"forward": 4.0}] * 3, [900.0] * 3, [16.0] * 3)}
    quiet, busy = (_session(load, Table("images", 160, jobs)) for load in (0.1, 3.0))
    assert "Compare the CPU-seconds" in where(busy) and "Compare" not in where(quiet)
    assert "load average 3.0 and 2.0 at the start and the end" in where(busy)
    (_, rows) = aims([quiet, busy])
    assert "| 160 | 2026-01-01 | seconds | 1.250 (1.250, 2.500, 1.250) | none ran |" in rows
    assert "| 160 | 2026-01-01 | CPU-seconds | 1.250 (1.250, 1.250, 1.250) | none ran |" in rows


def test_a_tool_that_was_stopped_as_slower_shows_a_lower_bound() -> None:
    stopped = Runs(failure="stopped after 25 CPU-seconds and 30 s", stopped_at=25.0)
    table = Table("images", 160, {"ours": _runs(10.0), "clean_fid": stopped})
    assert "| clean-fid, shared features | stopped after 25 CPU-seconds and 30 s | over 1.25 |" in whole_job_table(
        table
    )
    (_, quiet), (_, busy) = (aims([_session(load, table)]) for load in (0.1, 3.0))
    assert "| clean-fid, shared features over 1.25 in CPU-seconds |" in quiet
    assert "| clean-fid, shared features over 1.25 |" in busy


def test_a_job_is_stopped_with_its_workers_once_they_have_used_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LOOK_EVERY", 0.02)
    busy = (
        "from multiprocessing import Process as P; w = P(target=lambda: [0 for i in iter(int, 1)]); w.start(); w.join()"
    )
    with subprocess.Popen([sys.executable, "-c", busy]) as process:  # only its worker computes
        assert 0.3 < stopped_beyond(0.3, process.pid) < 3.0
        assert process.wait() == -signal.SIGKILL
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process:
        assert stopped_beyond(60.0, process.pid) == 0.0
        assert process.wait() == 3


def test_other_tools_get_so_many_times_what_ours_used(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[str, list[float]] = {}

    def ran(job: str, folder: Path, count: int, runs: Runs, limit: float) -> None:
        limits.setdefault(job, []).append(limit)
        runs.seconds.append(1.0)
        runs.cpu_seconds.append(10.0 * len(limits[job]))

    monkeypatch.setattr(peers, "run_job", ran)
    jobs = {job: Runs() for job in ("ours", "bare_forward", "clean_fid")}
    run_rounds(Table("images", 8, jobs), Path(), 2, at_most=1.25)
    assert limits == {"ours": [math.inf] * 2, "bare_forward": [math.inf] * 2, "clean_fid": [12.5, 25.0]}


def test_what_is_stored_is_read_again_and_replaced_by_the_same_command(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    first, other = _session(0.0, Table("images", 8, {"ours": _runs(1.0, fid=2.0)})), _session(0.0, command="other")
    store(first, path)
    store(other, path)
    assert stored(path) == [first, other]
    store(again := _session(1.0), path)
    assert stored(path) == [other, again]


def test_the_page_shows_what_is_stored() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page, page_of(stored())) == page, "run `python tests/benchmarks/peers.py --page`"


def test_jobs_without_ours_are_measured_and_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ran(job: str, folder: Path, count: int, runs: Runs, limit: float = math.inf) -> None:
        runs.seconds, runs.cpu_seconds, runs.peak_mib, runs.answers = [3.0], [5.0], [900.0], [{"fid": 1.5}]

    monkeypatch.setattr(peers, "run_job", ran)
    monkeypatch.setattr(sys, "argv", ["peers.py", "--images", "8", "--features", "--jobs", "pytorch_fid"])
    peers.main()
    assert "| pytorch-fid (FID only) | 5 |  | 3 |  | 900 | 1.5 |  |" in capsys.readouterr().out


def test_only_the_measured_part_of_the_page_is_replaced() -> None:
    page = PAGE.read_text(encoding="utf-8")
    changed = replaced(page, "new numbers")
    assert changed.count("new numbers") == changed.count(BEGIN) == changed.count(END) == 1
    assert changed.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert changed.partition(END)[2] == page.partition(END)[2]
    with pytest.raises(ValueError, match="no place"):
        replaced("a page", "new numbers")


def test_sizes_say_how_often() -> None:
    assert sized("160x3") == (160, 3) and sized("1000") == (1000, 1)


def test_pictures_are_the_same_everywhere(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_renders(tmp_path / folder / "renders", 2)
        write_photos(tmp_path / folder / "photos", 2)
    for name, size in (("renders/00001.png", (512, 512)), ("photos/00001.jpg", (500, 375))):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert Image.open(tmp_path / "a" / name).size == size
    assert (tmp_path / "a/renders/00000.png").read_bytes() != (tmp_path / "a/renders/00001.png").read_bytes()


@pytest.mark.slow
def test_whole_jobs_agree_with_clean_fid(tmp_path: Path) -> None:
    pytest.importorskip("cleanfid")
    found = {job: Runs() for job in ("prepare", "ours", "clean_fid")}
    for job, runs in found.items():
        run_job(job, tmp_path, 8, runs)
        assert not runs.failure
    ours, theirs = found["ours"].answers[0], found["clean_fid"].answers[0]
    assert ours["fid"] == pytest.approx(theirs["fid"], rel=1e-4)
    assert ours["kid"] == pytest.approx(theirs["kid"], rel=1e-4)
