"""One finished run that tests of faults copy and break."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import go, write_suite


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, mesh_folder: Path) -> Path:
    """A folder with `suite.yaml` and its finished `run`."""
    folder = tmp_path_factory.mktemp("whole")
    go(write_suite(folder / "suite.yaml", mesh_folder), folder / "run")
    return folder
