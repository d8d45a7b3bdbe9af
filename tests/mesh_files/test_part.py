"""Rows of whole numbers, told apart as numpy does it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.mesh_files.part import distinct


@pytest.mark.parametrize("span", [3, 1000, 2**40])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_distinct_rows(span, columns):
    rng = np.random.default_rng(columns)
    rows = rng.integers(-span, span, (300, columns))[rng.integers(0, 300, 500)]
    unique, inverse = np.unique(rows, axis=0, return_inverse=True)
    first, which = distinct(rows)
    np.testing.assert_array_equal(rows[first], unique)
    np.testing.assert_array_equal(which, inverse.ravel())
