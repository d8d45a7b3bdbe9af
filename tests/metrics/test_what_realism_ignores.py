"""Realism and identity look at what the object is painted with: not at its size, outline, grain, resolution, ground."""

from __future__ import annotations

import numpy as np
import pytest
from invariance import CHANGES, Change, Found, measured

OBJECTS = 6
DISTANCE = {"512 px": 0.03, "1024 px": 0.03}  # sharper pictures of the same; the others move it by no more than
ELSE = 0.02
"""Standard deviations of photographs; a blur of 2 px moves it by .2."""


@pytest.fixture(scope="module")
def plain() -> Found:
    return measured(CHANGES["none"], OBJECTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CHANGES if name != "none"])
def test_numbers_do_not_change_with_what_they_are_not_about(name: str, plain: Found) -> None:
    found = measured(CHANGES[name], OBJECTS)
    assert abs(found.distance - plain.distance) < DISTANCE.get(name, ELSE)
    assert np.abs(found.identity - plain.identity).max() < 0.11  # an object's: one prompt of five more or less, halved
    assert abs(found.identity.mean() - plain.identity.mean()) < 0.04


@pytest.mark.slow
def test_they_do_change_with_the_paint(plain: Found) -> None:
    def grey(views: np.ndarray, alpha: np.ndarray, change: Change) -> np.ndarray:
        return alpha[..., None] * 0.5 + (1 - alpha[..., None]) * np.asarray(change.background)

    found = measured(Change(after=grey), OBJECTS)
    assert found.distance > plain.distance + 1 and found.identity.mean() < plain.identity.mean() - 0.1
