"""A small suite, and a finished run of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import go, write_suite


@pytest.fixture
def suite_file(tmp_path: Path, mesh_folder: Path) -> Path:
    return write_suite(tmp_path / "suite.yaml", mesh_folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, mesh_folder) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    go(write_suite(folder / "suite.yaml", mesh_folder), folder / "run")
    return folder
