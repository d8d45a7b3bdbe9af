"""CMMD (Jayasumana et al. 2024): a Gaussian kernel distance on CLIP's embeddings, by its authors' definition.

The network is CLIP ViT-L/14 at 336 px with embeddings of length 1, sigma is 10, and MMD^2 is multiplied by 1000. The
published code takes the biased estimate (a picture's pair with itself counts), so it stays above 0 and falls as sets
grow: compare equal sample sizes only. Here it has the jackknife and the test of the kernel distances.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bench.metrics.feature_pair import Matrix, feature_pair, unit_rows
from bench.metrics.kernel import ObjectGram
from bench.metrics.set_distances import KernelDistance, ReferenceOptions

SIGMA = 10.0
SCALE = 1000.0


def cmmd(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """1000 MMD^2 of the rows of x (n1, d) and y (n2, d), scaled to length 1, under exp(-|a - b|^2 / 200), biased.

    At least 0, and 0 for equal sets up to rounding. Raises `InputError` as `feature_pair` does.

    >>> round(cmmd([[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]]), 3)
    19.9
    """
    rows, reference = (unit_rows(features) for features in feature_pair(x, y))
    ids = [""] * len(rows), [""] * len(reference)
    gram = ObjectGram.fold(
        rows, ids[0], reference, ids[1], clustered=False, shared=False, kernel=scaled_gaussian_kernel, biased=True
    )
    return gram.distance()


def scaled_gaussian_kernel(x: Matrix, y: Matrix) -> Matrix:
    """1000 (exp(-|x - y|^2 / (2 * 10^2)) - 1) for all rows of x (n, d) and y (m, d), (n, m).

    MMD^2 does not move with a constant. Without the 1 its terms are as small as their differences, so that hardly any
    digits cancel: on vectors of length 1 this kernel lies between 0.98 and 1.
    """
    squares = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1) - 2.0 * (x @ y.T)
    values: Matrix = SCALE * np.expm1(-squares / (2.0 * SIGMA**2))
    return values


class Cmmd(KernelDistance):
    """CMMD on the features of `clip_336`. Lower is better; no unit."""

    Options = ReferenceOptions
    symbol = "cmmd"
    title = "CLIP maximum mean discrepancy"
    network = "clip_336"
    limits = (0.0, math.inf)
    biased = True

    @staticmethod
    def kernel(x: Matrix, y: Matrix) -> Matrix:
        """See `scaled_gaussian_kernel`."""
        return scaled_gaussian_kernel(x, y)

    @staticmethod
    def prepared(features: Matrix) -> Matrix:
        """Features of length 1."""
        return unit_rows(features)

    def parameters(self) -> str:
        """The authors' choices."""
        return f"kernel=gaussian sigma={SIGMA:g} scale={SCALE:g} features=unit estimator=biased clusters=none v1"
