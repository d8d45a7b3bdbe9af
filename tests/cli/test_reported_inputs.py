"""Inputs that users of neighbouring tools reported: each is read right, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from reported_inputs import CASES, outcome


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reported")


@pytest.mark.filterwarnings("ignore::groundwork.notes.Note")
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_people_bring(name: str, shared_data: Path, scratch: Path) -> None:
    cases = shared_data.parent / "cases"
    if not (cases / name).is_dir():
        pytest.skip("the folder of reported inputs is not here")
    found = outcome(cases, name, scratch)
    assert found.right, found.said
