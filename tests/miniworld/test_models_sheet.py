"""The contact sheet of a run shows the same objects in every row, in the order asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from groundwork.pictures import write_png
from suites.miniworld.sheet import run_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def paint(run: Path, generator: str, case: str, colour: tuple[int, int, int]) -> None:
    for view in range(2):
        picture = np.full((32, 32, 3), colour, np.uint8)
        write_png(run / "samples" / generator / case / "seed_0" / f"view_{view}.png", picture)


def test_rows_are_generators_and_columns_the_objects_that_all_of_them_have(tmp_path: Path) -> None:
    for case in ("a", "b"):
        paint(tmp_path, "first", case, RED)
    paint(tmp_path, "second", "b", BLUE)
    sheet = np.asarray(run_sheet(tmp_path, ["second", "first"]))
    assert sheet.shape[0] == 2 * 64
    blue, red = ((sheet == colour).all(axis=-1) for colour in (BLUE, RED))
    assert blue.sum() == red.sum() == 2 * 64 * 64  # two views of the one object that both have
    assert blue[:64].any() and not blue[64:].any()


def test_nothing_in_common_is_told(tmp_path: Path) -> None:
    paint(tmp_path, "first", "a", RED)
    with pytest.raises(InputError, match="no samples in common"):
        run_sheet(tmp_path, ["first", "second"])
