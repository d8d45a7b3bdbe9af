"""The extractor protocol: pictures in, features out, pinned by the hash of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from groundwork.pictures import Picture as Picture

Features = npt.NDArray[np.float32]  # (N, D)
Vector = npt.NDArray[np.float32]  # (D,)


class Extractor(Protocol):
    """A frozen network. Features of a picture depend on that picture alone: not on batch, neighbours or threads.

    Networks that are to see the object alone say so by an attribute `object_only = True`: they are given cut-outs,
    uint8 (H, W, 4), whose alpha is the object's outline, in place of pictures (H, W, 3).
    """

    name: str
    dimension: int

    def fingerprint(self) -> str:
        """SHA-256 (hex) of weights and preprocessing; raises `WeightsMissing` when the weights are not available."""
        ...

    def signature(self) -> str:
        """The part of a metric's signature that names extractor and resize: `extractor=NAME@sha256:... resize=...`."""
        ...

    def extract(self, pictures: Iterable[Picture]) -> Features:
        """Features of each picture, in order. Pictures may differ in size; decoding (a lazy iterable) overlaps."""
        ...


class Backbone(Protocol):
    """A network whose one forward pass serves several extractors, in the two halves that can run at the same time.

    With `batch` 1, `forward` is called from several threads at once, each with one computing thread of its own. With
    more, it is called from one thread, with `batch` inputs or, at the end, fewer. `object_only` as for extractors.
    """

    batch: int

    def prepare(self, picture: Picture) -> Any:
        """Resize and the like: what `forward` wants of one picture. Called from several threads."""
        ...

    def forward(self, inputs: Sequence[Any]) -> Mapping[str, Features]:
        """Features (n, D) of n prepared pictures, by the name of the extractor that they belong to."""
        ...
