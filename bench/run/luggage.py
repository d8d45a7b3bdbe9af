"""What travels with tasks to machines that see none of this one's files, and comes back with the answers.

A mesh goes as its arrays, a sample as its pixels. Samples and error maps come back as the bytes of their files, so that
the encoding is done where the work is, and this process alone writes to the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from bench.cases.case import Case, MeshHandle
from bench.cases.mesh_file import MeshFile, wearing_handle
from bench.errors import BenchError, MeshError
from bench.geometry.mesh import Mesh
from bench.run.error_maps import MapStore
from bench.run.samples import EncodedSample, SampleKey, SampleStore, Views

_NEAR = 8  # meshes that are kept while several generators' tasks carry them


@dataclass(frozen=True)
class CarriedMesh:
    """A mesh file that was read where it lies, or why it could not be."""

    fingerprint: str
    notes: tuple[str, ...]
    where: str
    read: Mesh | MeshError

    def load(self, texture_of: MeshHandle | None = None) -> Mesh:
        """As `MeshFile.load`."""
        if isinstance(self.read, MeshError):
            raise self.read
        return wearing_handle(self.read, texture_of, self.where)


def carried(case: Case) -> Case:
    """The case with its mesh in it, where that is a file."""
    if not isinstance(case.mesh, MeshFile):
        return case
    return replace(case, mesh=_carried(case.mesh, case.mesh.fingerprint))


@lru_cache(maxsize=_NEAR)
def _carried(handle: MeshFile, fingerprint: str) -> CarriedMesh:
    try:
        read: Mesh | MeshError = handle.load()
    except MeshError as error:
        read = error
    return CarriedMesh(fingerprint, handle.notes, str(handle.path), read)


class SampleParcel(SampleStore):
    """Takes samples, and holds them until they are sent."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.samples: dict[SampleKey, EncodedSample] = {}

    def put(self, key: SampleKey, encoded: EncodedSample) -> None:
        """Hold a sample."""
        self.samples[key] = encoded


class CarriedSamples(SampleStore):
    """Samples of these digests that were read where they lie, or why they could not be."""

    def __init__(self, store: SampleStore, digests: Mapping[SampleKey, str]) -> None:
        super().__init__(Path())
        self._found: dict[SampleKey, Views | BenchError] = {}
        for key, digest in digests.items():
            try:
                self._found[key] = store.read(key, digest)
            except BenchError as error:
                self._found[key] = error

    def read(self, key: SampleKey, digest: str) -> Views:
        """As in the store."""
        found = self._found[key]
        if isinstance(found, BenchError):
            raise found
        return found


class MapParcel(MapStore):
    """Takes error maps, and holds them until they are sent."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.strips: dict[tuple[SampleKey, str], bytes] = {}

    def put(self, key: SampleKey, result: str, strip: bytes) -> None:
        """Hold a strip."""
        self.strips[key, result] = strip

    def has(self, key: SampleKey, result: str, identity: str) -> bool:
        """What travels was asked for because it is missing."""
        return False
