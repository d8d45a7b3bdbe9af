"""CI ends in time on a slow machine: what would begin too late is skipped, and said to be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICK = "tests/groundwork/test_lock.py::test_the_second_is_told_who_is_in"


@pytest.mark.parametrize(("left", "expected"), [(-1, "1 skipped"), (3600, "1 passed")])
def test_what_begins_too_late_is_skipped_and_said_to_be(left: int, expected: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", QUICK]
    environment = os.environ | {"REALIZ3D_BENCH_TEST_UNTIL": str(time.time() + left)}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert expected in found.stdout
    assert ("would have begun after" in found.stdout) == (left < 0)
