"""A reference set as the metrics see it: features of real pictures, with their origin."""

from __future__ import annotations

from dataclasses import dataclass

from bench.extractors.protocol import Features


@dataclass(frozen=True)
class ReferenceFeatures:
    """Features of one reference set under one extractor.

    `clusters` holds one id a picture: pictures of the same id show the same object (every photo its own id when nothing
    else is known). When ids are case ids of the suite, `shares_objects` is True and kernel distances leave out
    same-object pairs across the sets too. `digest` is the SHA-256 (hex) that pins the pictures.
    """

    name: str
    features: Features
    clusters: tuple[str, ...]
    digest: str
    extractor: str
    shares_objects: bool = False

    def __len__(self) -> int:
        return len(self.features)
