"""A board of four entries, made once from a small run; tests copy what they change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from board_runs import GENERATORS, write_meta, write_run

from bench.cli import main


@pytest.fixture(scope="session")
def painted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("board-run"))


@pytest.fixture(scope="session")
def made_board(painted_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of entries of `GENERATORS`."""
    root = tmp_path_factory.mktemp("board")
    meta = write_meta(root / "meta.yaml")
    for name in GENERATORS:
        words = ["leaderboard", "entry", painted_run, "--generator", name, "--meta", meta, "--out", root / "entries"]
        assert main([str(word) for word in words]) == 0
    return root / "entries"


@pytest.fixture
def board(made_board: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(made_board, tmp_path / "entries"))
