"""Geometry compressed with Draco, through the package DracoPy."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MeshError
from bench.mesh_files.part import Indices


@dataclass(frozen=True)
class Decoded:
    """A Draco stream: `faces` int64 (F, 3), attributes by the ids of the stream."""

    faces: Indices
    attributes: dict[int, npt.NDArray[Any]]

    def attribute(self, identity: int, place: str) -> npt.NDArray[Any]:
        """The array (N, components) of an attribute. Raises `MeshError` where the stream has none."""
        if identity not in self.attributes:
            raise MeshError(f"the Draco stream has no attribute {identity}", where=place)
        return self.attributes[identity]


def can_decode() -> bool:
    """Whether the package is there."""
    return find_spec("DracoPy") is not None


def decode_draco(data: bytes, place: str) -> Decoded:
    """Raises `MeshError` for a damaged stream, or without the package."""
    try:
        import DracoPy
    except ImportError as error:
        raise MeshError(
            "the geometry is compressed with KHR_draco_mesh_compression",
            where=place,
            hint="pip install 'realiz3d-bench[draco]', or export without compression",
        ) from error
    try:
        mesh: Any = DracoPy.decode(data)
        faces = np.asarray(mesh.faces, dtype=np.int64).reshape(-1, 3)
        attributes = {int(one["unique_id"]): np.asarray(one["data"]) for one in mesh.attributes}
    except Exception as error:  # the decoder raises whatever a broken stream makes it raise
        raise MeshError(
            f"the Draco stream is damaged ({type(error).__name__}: {str(error)[:100]})",
            where=place,
            hint="export or download the mesh again",
        ) from error
    return Decoded(faces, {k: v.reshape(len(v), -1) for k, v in attributes.items()})
