"""The cameras of one case, where each case has its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.errors import BenchError
from bench.geometry.cameras import Cameras


@dataclass(frozen=True)
class OwnCameras:
    """What files say of the cameras of a case. `fingerprint` is a SHA-256 (hex) of all that decides where they look.

    `found` is None where the files are missing or broken, and `problem` says how. `convention` and `up` are how they
    were read. `notes` are what people should know.
    """

    fingerprint: str
    found: Cameras | None = field(default=None, compare=False, repr=False)
    problem: BenchError | None = field(default=None, compare=False, repr=False)
    convention: str = "blender"
    up: str = "z"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many views the case has; 0 where its files are missing or broken."""
        return 0 if self.found is None else len(self.found)

    def cameras(self) -> Cameras:
        """Raises `InputError` where the files are missing or broken."""
        if self.found is None:
            assert self.problem is not None
            raise self.problem
        return self.found
