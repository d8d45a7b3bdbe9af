"""A case: one object to generate, with its prompt and, for texturing, its mesh."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from bench.cases.cameras import OwnCameras
from bench.geometry.mesh import Mesh

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SAFE_ID_WORDS = "letters, digits, '.', '_' and '-', starting with a letter or digit, at most 128"


class MeshHandle(Protocol):
    """Where a mesh comes from. Small and picklable: the arrays are made in the process that needs them."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything that decides the mesh and its textures."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading the mesh leaves out, one line each."""
        ...

    def load(self, texture_of: MeshHandle | None = None) -> Mesh:
        """The normalised mesh; with `texture_of`, this geometry wearing the other handle's appearance (for floors).

        Raises `MeshError` when the file is unreadable or the appearance cannot be worn.
        """
        ...


@dataclass(frozen=True)
class Case:
    """One object of a suite. `id` is a safe file name (`SAFE_ID`); `cameras` None: it is seen as all others are."""

    id: str
    prompt: str
    mesh: MeshHandle | None
    cameras: OwnCameras | None = None
