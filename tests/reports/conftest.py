"""One written report shared by the tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import FakeRun

from reports import write_reports


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FakeRun().write(tmp_path_factory.mktemp("runs") / "fake")


@pytest.fixture(scope="session")
def report(fake_run: Path) -> Path:
    write_reports([fake_run])
    return fake_run / "report"
