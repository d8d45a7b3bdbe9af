"""The page of ratios: its tables, its pictures, and that what is compared agrees."""

from __future__ import annotations

import sys
from pathlib import Path

import peers
import pytest
from made_pictures import write_photos, write_renders
from peers import BEGIN, END, WHOLE_JOBS, Runs, replaced, run_job, sized, statistics_table, whole_job_table
from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def _runs(wall: float, **answer: float) -> Runs:
    return Runs([wall, 2 * wall, wall], [answer] * 3, [1000.0, 1100.0, 1200.0], cpu_seconds=[2 * wall] * 3)


def test_tables_are_ratios_to_ours_and_absent_tools_stay_visible() -> None:
    found = {job: Runs(failure="not installed: No module named x") for job in WHOLE_JOBS}
    found["ours"] = _runs(10.0, fid=1.5, kid=0.25)
    found["clean_fid"] = _runs(35.0, fid=1.5, kid=0.25)
    found["bare_forward"] = _runs(8.0, forward=4.0)
    table = whole_job_table(160, found)
    assert "160 PNG (512 x 512) against 168 JPEG" in table
    assert "| clean-fid, shared features | 35 (35, 70, 35) | 3.50 | 70 | 3.50 | 1100 | 1.5 | 0.25 |" in table
    assert "| pytorch-fid (FID only) | not installed: No module named x |" in table
    for words in ("1.25 times as long", "1.25 times its CPU-seconds", "82.0 pictures a second in our engine"):
        assert words in table
    table = statistics_table(160, {"frechet_ours": _runs(9.0, seconds=0.1), "frechet_sqrtm": _runs(9.0, seconds=5.0)})
    assert "| Fréchet distance, `scipy.linalg.sqrtm` | 5 (5, 5, 5) | 50 |" in table


def test_tables_without_some_jobs_say_what_the_others_took() -> None:
    table = whole_job_table(160, {"torch_forward": _runs(20.0, forward=10.0)})
    assert "| eager torch's forward pass alone | 20 (20, 40, 20) |  | 40 |  | 1100 |  |  |" in table
    assert table.endswith("\n\nThe network alone ran at 32.8 pictures a second in eager torch.")
    failed = Runs(failure="failed: no memory")
    table = whole_job_table(160, {"ours": failed, "clean_fid": _runs(35.0, fid=1.5, kid=0.25)})
    assert "| realiz3d-bench | failed: no memory |" in table
    assert table.endswith("| clean-fid, shared features | 35 (35, 70, 35) |  | 70 |  | 1100 | 1.5 | 0.25 |")


def test_jobs_without_ours_are_measured_and_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ran(job: str, folder: Path, count: int, runs: Runs) -> None:
        runs.seconds, runs.cpu_seconds, runs.peak_mib, runs.answers = [3.0], [5.0], [900.0], [{"fid": 1.5}]

    monkeypatch.setattr(peers, "run_job", ran)
    monkeypatch.setattr(sys, "argv", ["peers.py", "--images", "8", "--features", "--jobs", "pytorch_fid"])
    peers.main()
    assert "| pytorch-fid (FID only) | 3 (3) |  | 5 |  | 900 | 1.5 |  |" in capsys.readouterr().out


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
