"""A small suite, and a finished run of it."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="module", autouse=True)
def plug_ins_work_here() -> Iterator[None]:
    """Tests of this room reach into the plug-ins that they bring along; tests/faults lets them work elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REALIZ3D_BENCH_ISOLATE", "none")
        yield
