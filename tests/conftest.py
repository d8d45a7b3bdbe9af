"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real inputs that are not part of the project; tests that need them skip in a plain clone."""
    root = Path(os.environ.get("REALIZ3D_BENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no real inputs here: set REALIZ3D_BENCH_TEST_DATA to their folder to run this test")
    return root
