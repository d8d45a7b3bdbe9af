"""What every shipped generator has in common: a name, checked options, the context, one case at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bench import __version__
from bench.generators.protocol import GenerationRequest, Generator, MultiviewImage
from groundwork.hashing import hash_json


class SingleCaseGenerator(Generator):
    """A generator without batches: subclasses write `views` for one request."""

    version: ClassVar[int] = 1  # raise it when the pictures change; it is part of the fingerprint

    def fingerprint(self) -> str:
        """Hash of the class, its version, its options and the device's kind (CPU and GPU may round differently)."""
        kind = f"{type(self).__module__}:{type(self).__qualname__}"
        return hash_json(
            [kind, __version__, self.version, self.options.model_dump(mode="json"), self.context.device.split(":")[0]]
        )

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[MultiviewImage]:
        """One answer per request, in order."""
        for request in requests:
            yield MultiviewImage(request.case.id, request.seed, self.views(request))

    @abstractmethod
    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """uint8 (V, H, W, 3) sRGB."""
