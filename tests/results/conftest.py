from pathlib import Path

import pytest
from fake_run import FakeRun


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FakeRun().write(tmp_path_factory.mktemp("stored") / "fake")
