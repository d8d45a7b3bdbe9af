"""One feature level of a backbone as an extractor of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bench.extractors.forward import run_backbones
from bench.extractors.protocol import Backbone, Features, Picture, Vector


class LevelExtractor:
    """An extractor that shares its forward pass with the other levels of `backbone`.

    `fingerprint` is the SHA-256 (hex) of weights and preprocessing, `resize` the word for the preprocessing in
    signatures.
    """

    def __init__(self, name: str, dimension: int, backbone: Backbone, fingerprint: str, resize: str) -> None:
        self.name, self.dimension, self.backbone = name, dimension, backbone
        self._fingerprint, self._resize = fingerprint, resize

    def fingerprint(self) -> str:
        """SHA-256 (hex) of weights and preprocessing."""
        return self._fingerprint

    def signature(self) -> str:
        """`extractor=NAME@sha256:<first 12 digits of the fingerprint> resize=...`."""
        return f"extractor={self.name}@sha256:{self._fingerprint[:12]} resize={self._resize}"

    def extract(self, pictures: Iterable[Picture]) -> Features:
        """Features of each picture, in order, float32 (N, dimension)."""
        rows: dict[int, Vector] = {}
        for index, features in run_backbones(self._load(picture) for picture in pictures):
            rows[index] = features[self.name]
        return np.stack([rows[i] for i in range(len(rows))]) if rows else np.zeros((0, self.dimension), np.float32)

    def _load(self, picture: Picture) -> Callable[[], Sequence[tuple[Backbone, Picture]]]:
        return lambda: [(self.backbone, picture)]
