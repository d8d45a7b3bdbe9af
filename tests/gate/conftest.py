"""Three runs of one model, made once a session: as it is, drawn again, and worse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from gate_models import paint, write_suite


@dataclass(frozen=True)
class Painted:
    """Run folders: `again` has other noise, `worse` is blurred by 2 px. Tests copy what they change."""

    suite: Path
    first: Path
    again: Path
    worse: Path


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Painted:
    root = tmp_path_factory.mktemp("painted")
    suite = write_suite(root)
    return Painted(
        suite,
        paint(suite, root / "first"),
        paint(suite, root / "again", "generators.mine.draw=1"),
        paint(suite, root / "worse", "generators.mine.draw=1", "generators.mine.blur=2.0"),
    )
