"""Pictures of an earlier run as a generator, as they are or with a known corruption: what the gate's proofs score."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import GeneratorError
from bench.generators import corruptions
from bench.generators.base import SingleCaseGenerator
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.results.layout import sample_folder, stored_views
from groundwork.errors import UsageError, nearest
from groundwork.hashing import hash_json
from groundwork.pictures import read_picture

KNOWN: dict[str, tuple[type[corruptions.Corruption], str]] = {
    "shift": (corruptions.Shift, "pixels"),
    "blur": (corruptions.Blur, "sigma"),
    "cast": (corruptions.ColourCast, "strength"),
    "noise": (corruptions.Noise, "sigma"),
}
"""Name -> the corruption and what its size is called."""

_FOREGROUND = 8 / 255  # from the background, in any channel


class StoredPicturesOptions(BaseModel):
    """Options of `StoredPictures`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    samples: Path = Field(description="the samples/ folder of the run")
    generator: str = Field(description="whose pictures, as the run calls it")
    digest: str = Field(description="hash of the digests of these pictures")
    corruption: str = Field("", description="shift, blur, cast or noise; none: as they are")
    size: float = Field(0.0, ge=0, description="pixels, or a fraction")


class StoredPictures(SingleCaseGenerator):
    """Pictures of an earlier run, as they are or with a known corruption."""

    Options: ClassVar[type[BaseModel]] = StoredPicturesOptions
    timed: ClassVar[bool] = False

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        self.corruption: corruptions.Corruption | None = None
        if options.corruption:
            self.corruption = known_corruption(options.corruption, options.size, context)

    def fingerprint(self) -> str:
        """Of the pictures and the corruption; where the run lies does not matter."""
        asked = self.options
        return hash_json(["stored", self.version, asked.generator, asked.digest, asked.corruption, asked.size])

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """Raises `GeneratorError` for a sample that is gone."""
        folder = sample_folder(self.options.samples, self.options.generator, request.case.id, request.seed)
        paths = stored_views(folder)
        if len(paths) != len(request.cameras):
            raise GeneratorError(
                f"the stored sample has {len(paths)} of {len(request.cameras)} views", where=str(folder)
            )
        stored = np.stack([read_picture(path) for path in paths])
        if self.corruption is None:
            return stored
        views = stored / 255.0
        painted = (np.abs(views - np.asarray(request.background)) > _FOREGROUND).any(axis=-1, keepdims=True)
        broken = self.corruption.corrupt(views, painted.astype(np.float64), request)
        return np.round(np.clip(broken, 0.0, 1.0) * 255.0).astype(np.uint8)


def known_corruption(name: str, size: float, context: GeneratorContext) -> corruptions.Corruption:
    """A corruption by its name and size. Raises `UsageError` for an unknown name, or a size that it cannot have."""
    if name not in KNOWN:
        raise UsageError(f"unknown corruption '{name}'", hint=nearest(name, KNOWN))
    kind, parameter = KNOWN[name]
    value: float | int = int(size) if parameter == "pixels" and size == int(size) else size
    try:
        return kind(name, kind.Options.model_validate({parameter: value}), context)
    except ValueError as error:
        raise UsageError(f"'{name}' cannot have the size {size:g}", where="--corruptions") from error


def read_corruptions(text: str) -> list[tuple[str, float]]:
    """`shift:1,blur:2` as names and sizes. Raises `UsageError` for anything else."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, size = part.partition(":")
        if name not in KNOWN:
            raise UsageError(f"unknown corruption '{name}'", where=f"--corruptions {text}", hint=nearest(name, KNOWN))
        try:
            found.append((name, float(size)))
        except ValueError as error:
            raise UsageError(
                f"the corruption '{part}' has no size", where=f"--corruptions {text}", expected="NAME:SIZE, ..."
            ) from error
    return found
