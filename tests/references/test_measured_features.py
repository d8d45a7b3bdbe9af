"""Features that come with the project: found by all that decides them, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.references.measured import measured_features, write_measured

KEYS = ("a", "b", "c")
ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_rows_come_in_the_order_of_the_keys(tmp_path: Path) -> None:
    write_measured(tmp_path / "set.npz", KEYS, {"weights": ROWS, "others": ROWS + 10})
    found = measured_features("weights", ("c", "a"), tmp_path)
    assert found is not None and found.dtype == np.float32 and found.tolist() == [[4, 5], [0, 1]]
    others = measured_features("others", KEYS, tmp_path)
    assert others is not None and np.array_equal(others, ROWS + 10)


def test_a_picture_or_weights_that_were_not_measured_are_not_found(tmp_path: Path) -> None:
    write_measured(tmp_path / "set.npz", KEYS, {"weights": ROWS})
    assert measured_features("weights", ("a", "new"), tmp_path) is None
    assert measured_features("other weights", ("a",), tmp_path) is None
    assert measured_features("weights", ("a",), tmp_path / "nowhere") is None
