"""A generator that takes its worker along: it kills the actor that its process belongs to, as a lost machine would."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from bench.generators.protocol import MultiviewImage


class Options(BaseModel, extra="forbid"):
    folder: str  # where it notes whom it killed
    times: int = 0  # how often it kills, on the case `disc`
    sleeps: bool = False


class Painter:
    """Draws a gradient of the noise seeds beside the size of the mesh, so that every sample is its own."""

    Options = Options

    def __init__(self, name: str, options: Options, context: Any) -> None:
        self.name, self.options = name, options
        self._note("built")

    def fingerprint(self) -> str:
        return "painter"

    def _note(self, what: str) -> None:
        with (Path(self.options.folder) / f"{self.name}-{what}").open("a") as notes:
            notes.write(f"{os.getpid()} {os.getppid()}\n")

    def _noted(self, what: str) -> int:
        file = Path(self.options.folder) / f"{self.name}-{what}"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def generate(self, requests: Any) -> Any:
        for request in requests:
            if request.case.id == "disc" and self._noted("killed") < self.options.times:
                self._note("killed")
                os.kill(os.getppid(), signal.SIGKILL)
                signal.pause()  # until this process is taken along
            size = request.cameras.resolution
            mesh = request.case.mesh.load()
            rows = np.linspace(0, 255, size, dtype=np.uint8)[:, None]
            views = [
                np.stack(np.broadcast_arrays(rows, rows.T, np.uint8((seed + len(mesh.faces)) % 251)), axis=-1)
                for seed in request.noise_seeds
            ]
            yield MultiviewImage(request.case.id, request.seed, np.stack(views))
