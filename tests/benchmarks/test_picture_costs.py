"""What is told of each stage is what the whole job takes."""

from __future__ import annotations

from pathlib import Path

import jobs
import pytest
from picture_costs import measured


@pytest.mark.slow
def test_the_network_takes_most_and_every_stage_takes_something(tmp_path: Path) -> None:
    jobs.prepare(tmp_path / "made", 6)
    spent = measured(tmp_path / "made")
    assert [*spent] == ["reading", "preparing", "network", "the rest"]
    assert min(spent.values()) > 0 and max(spent, key=lambda stage: spent[stage]) == "network"
