"""What the generators that run a diffusion pipeline share: late loading, a fingerprint of weights, errors, noise.

Weights are read when the first sample is made, not when a suite is set up. Noise comes from the request's seeds alone,
drawn on the CPU, so that a sample is the same in every batch and, up to rounding, on every device. Code that lies in a
checkpoint is never run, and weights are read from safetensors only.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench import __version__
from bench.errors import GeneratorError
from bench.generators.protocol import GenerationRequest, Generator, GeneratorContext, MultiviewImage
from groundwork.hashing import hash_file, hash_json
from groundwork.walk import every_file

Dtype = Literal["float32", "bfloat16", "float16"]
PACKAGES = ("diffusers", "transformers")
_NEW = (("quantise", "none"), ("offload", "none"))


class PipelineGenerator(Generator):
    """A generator around a pipeline that `load` makes and `views` calls for several requests at once."""

    version = 1  # raise it when the pictures change

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        self._pipeline: Any = None
        self.precision = getattr(options, "dtype", None)

    def fingerprint(self) -> str:
        """Hash of the weights, the options, the code and the device's kind; where the weights lie does not matter."""
        kind = f"{type(self).__module__}:{type(self).__qualname__} v{self.version}"
        versions = [__version__, *(_version(package) for package in ("torch", *PACKAGES))]
        options = self.options.model_dump(mode="json", exclude=self.places())
        # options that came later: pictures from before them stay known
        options = {key: value for key, value in options.items() if (key, value) not in _NEW}
        device = self.context.device.split(":")[0]
        return hash_json([kind, versions, options, device, self.weights()])

    def pipelines(self) -> Sequence[Any]:
        """What `load` made; its parts, where it is several pipelines as one."""
        loaded = self._pipeline
        if loaded is None:
            return ()
        if isinstance(loaded, Mapping):  # generators of their own, by the seed that each is for
            return [pipeline for generator in loaded.values() for pipeline in generator.pipelines()]
        several = [part for part in (getattr(loaded, "first", None), getattr(loaded, "base", None)) if part is not None]
        return several or [loaded]

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[MultiviewImage]:
        """One answer per request, in order, all of them made in one batch."""
        if self._pipeline is None:
            self._pipeline = self.load()
        pictures = self.views(self._pipeline, requests)
        for request, views in zip(requests, pictures, strict=True):
            yield MultiviewImage(request.case.id, request.seed, views)

    @abstractmethod
    def places(self) -> set[str]:
        """Options that only say where files lie, not what they hold."""

    @abstractmethod
    def weights(self) -> Any:
        """What identifies the weights, as JSON. Raises `WeightsMissing` when they are not there."""

    @abstractmethod
    def load(self) -> Any:
        """The pipeline, on the context's device."""

    @abstractmethod
    def views(self, pipeline: Any, requests: Sequence[GenerationRequest]) -> Sequence[npt.NDArray[np.uint8]]:
        """uint8 (V, H, W, 3) for each request."""


def need_packages(name: str) -> None:
    """Raises `GeneratorError` when diffusers or transformers is not installed."""
    missing = [package for package in PACKAGES if _version(package) is None]
    if missing:
        raise GeneratorError(
            f"generator '{name}' needs {' and '.join(missing)}, not installed here",
            hint="pip install 'realiz3d-bench[realiz3d]'",
        )


def offline() -> bool:
    """Whether `--offline` was given (to this process or the one that started it)."""
    return os.environ.get("REALIZ3D_BENCH_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def hash_parts(root: Path, parts: Sequence[str]) -> dict[str, str]:
    """SHA-256 of every file of some parts (files and folders) of a checkpoint, by its path within."""
    found: dict[str, str] = {}
    for part in parts:
        path = root / part
        files = every_file(path) if path.is_dir() else (path,)
        found |= {file.relative_to(root).as_posix(): _hash_once(file) for file in files if file.is_file()}
    return found


def _hash_once(file: Path) -> str:
    state = file.stat()
    return _hash(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=65536)
def _hash(file: Path, _size: int, _changed: int) -> str:
    # several generators of a suite often share a checkpoint of many gigabytes
    return hash_file(file)


def with_suffix(request: GenerationRequest, suffix: str) -> str:
    """The case's prompt with what is appended to all prompts."""
    return request.case.prompt + suffix


def pixels(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Floats in [0, 1] to 8 bits, rounded."""
    rounded: npt.NDArray[np.uint8] = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return rounded


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
