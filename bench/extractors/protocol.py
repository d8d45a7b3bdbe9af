"""The extractor protocol: pictures in, features out, pinned by the hash of the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # (H, W, 3) sRGB
Features = npt.NDArray[np.float32]  # (N, D)


class Extractor(Protocol):
    """A frozen network. Features of a picture depend on that picture alone: not on its batch, its neighbours or threads."""

    name: str
    dimension: int

    def fingerprint(self) -> str:
        """SHA-256 (hex) of weights and preprocessing; raises `WeightsMissing` when the weights cannot be had."""
        ...

    def signature(self) -> str:
        """The part of a metric's signature that names extractor and resize: `extractor=NAME@sha256:... resize=...`."""
        ...

    def extract(self, pictures: Iterable[Picture]) -> Features:
        """Features of each picture, in order. Pictures may differ in size; decoding (a lazy iterable) overlaps."""
        ...
