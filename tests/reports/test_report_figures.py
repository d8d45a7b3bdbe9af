"""Figures for a paper: text that stays text, no Type 3 fonts, letters of 8 pt, the same bytes each time."""

from __future__ import annotations

import builtins
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_run import PRIMARY, FakeRun
from PIL import Image

from bench.errors import UsageError
from reports import write_reports

pypdf = pytest.importorskip("pypdf", reason="no pypdf: pip install '.[test]'")
pytest.importorskip("matplotlib", reason="no matplotlib: pip install '.[figures]'")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generators = [
        {"name": "realiz3d", "use": "realiz3d"},
        {"name": "costs $5 and $6", "use": "folder"},  # would be mathematics
        {"name": "other", "use": "folder"},
        {"name": "ceiling", "use": "ceiling", "calibration": True},
    ]
    return FakeRun(n_cases=3, generators=generators).write(tmp_path_factory.mktemp("figures") / "run")


def fonts(page: Any) -> list[tuple[str, str]]:
    """(kind, embedded file) of every font."""
    found = []
    for entry in page["/Resources"]["/Font"].values():
        font = entry.get_object()
        inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        found.append((str(inner["/Subtype"]), str("/FontFile2" in inner["/FontDescriptor"].get_object())))
    return found


def test_pdfs_hold_words_in_embedded_truetype(run: Path, tmp_path: Path) -> None:
    written = write_reports([run], tmp_path / "out", ["pdf"])
    assert [path.name for path in written] == ["tradeoff.pdf", "primary.pdf"]
    for path in written:
        (page,) = pypdf.PdfReader(path).pages
        assert float(page.mediabox.width) == pytest.approx(6.75 * 72, abs=0.1)
        assert fonts(page) and set(fonts(page)) <= {("/CIDFontType2", "True"), ("/TrueType", "True")}
        text = page.extract_text()
        assert "costs $5 and $6" in text and "ceiling" in text and "higher is better" in text
        assert not page["/Resources"].get("/XObject", {}).keys() - {"/M0", "/M1", "/M2", "/M3"}  # marks, no pictures
        for line in page.get_contents().get_data().decode("latin-1").splitlines():
            if line.endswith(" Tf"):
                assert float(line.split()[-2]) == 8.0
    again = write_reports([run], tmp_path / "again", ["pdf"])
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_pngs_have_the_pixels_that_print_asks_for(run: Path, tmp_path: Path) -> None:
    tradeoff, primary = write_reports([run], tmp_path, ["png"])
    for path in (tradeoff, primary):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            assert image.width == 2025 and round(image.info["dpi"][0]) == 300
    assert len(PRIMARY) == 3  # a row of three panels
    with Image.open(primary) as image:
        assert image.height < 600


def test_without_matplotlib_the_way_to_it_is_said(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r"realiz3d-bench\[figures\]"):
        write_reports([run], tmp_path, ["pdf"])
