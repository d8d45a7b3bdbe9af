"""What pairs of objects add to a distance between sets, and what that says of the jackknife of a difference.

A kernel distance is a U-statistic of order 2 over objects. Its jackknife counts what pairs of objects bring to the
variance twice over; near the reference that is most of it. The values of all pairs tell by how much, for a run's own
comparisons and, where they are stored (`bench.results.leave_one_out`), for a gate between two runs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pairs = npt.NDArray[np.float64]
"""(objects, objects), symmetric, 0 on the diagonal; the mean over pairs is that part of the distance."""

FEWEST = 4


def jackknife_excess(a: Pairs, b: Pairs) -> float:
    """By how much the jackknife overstates the variance of distance(a) - distance(b), at least 0.

    Both are of the same objects in the same order. The variance has a part for objects, which the jackknife finds, and
    2 zeta / (n (n - 1)) for pairs of objects, which it takes for 4 zeta / (n (n - 2)). The excess is
    2 zeta / ((n - 1) (n - 2)), with zeta estimated without bias: the sum of squares of the U-centred values of pairs
    over n (n - 3) (Székely and Rizzo 2014). 0 for fewer than four objects.
    """
    n = len(a)
    if n < FEWEST:
        return 0.0
    values = a - b
    rows = values.sum(axis=1)
    total = float(rows.sum())
    squares = float(np.square(values).sum()) - 2 / (n - 2) * float(rows @ rows) + total**2 / ((n - 1) * (n - 2))
    return max(2 * squares / (n * (n - 3) * (n - 1) * (n - 2)), 0.0)
