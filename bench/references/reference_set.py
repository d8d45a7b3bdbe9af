"""A reference set as the metrics see it: features of real pictures, with their origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.extractors.protocol import Features
from bench.references.shards import FeatureShards
from groundwork.hashing import hash_array, hash_strings

FEW = 50
"""Pictures below which distances between sets have intervals as wide as what they measure."""


@dataclass(frozen=True, eq=False)
class ReferenceFeatures:
    """Features of one reference set under one extractor.

    `clusters` holds one id a picture: pictures of the same id show the same object (every photo its own id when nothing
    else is known). When ids are case ids of the suite, `shares_objects` is True and kernel distances leave out
    same-object pairs across the sets too. A large set has its features in shards, and each picture is an object of its
    own (`EachItsOwn`). `digest` is the SHA-256 (hex) that pins the pictures, `names` what each is
    called (empty where nobody says).
    """

    name: str
    features: Features | FeatureShards
    clusters: Sequence[str]
    digest: str
    extractor: str
    shares_objects: bool = False
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def identity(self) -> str:
        """SHA-256 (hex) of all that distances can depend on."""
        if isinstance(self.features, FeatureShards):
            return hash_strings([self.features.digest])
        return hash_strings([hash_array(self.features), str(self.shares_objects), *self.clusters])


def feature_key(extractor: str) -> str:
    """Under which name a set's `.npz` holds the features of an extractor; `pixels` holds the hashes of the pictures."""
    return f"features_{extractor}"


def digest_of(pixels: Sequence[str]) -> str:
    """What pins a set: SHA-256 (hex) of the sorted hashes of its framed pictures, so names and order do not matter."""
    return hash_strings(sorted(pixels))
