"""Cutting objects out of photographs: a small interface, and rembg behind it with pinned networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.errors import UsageError, nearest
from bench.extractors.hub import needed_package
from bench.extractors.protocol import Picture
from bench.extractors.weights import WeightsFile, weights_path

Alpha = npt.NDArray[np.uint8]  # (H, W)

_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
_INSTEAD = "or cut the photographs out with another tool and build the set from that folder"

# networks under licences that allow any use; their session classes differ in how they prepare a picture
REMBG_NETWORKS = {
    "isnet-general-use": (
        "rembg.sessions.dis_general_use:DisSession",
        WeightsFile(
            name="isnet-general-use.onnx",
            url=_RELEASE + "isnet-general-use.onnx",
            sha256="60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
            instead=_INSTEAD,
        ),
    ),
    "u2net": (
        "rembg.sessions.u2net:U2netSession",
        WeightsFile(
            name="u2net.onnx",
            url=_RELEASE + "u2net.onnx",
            sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
            instead=_INSTEAD,
        ),
    ),
}


class Segmenter(Protocol):
    """Tells an object from what is behind it. `name` and the SHA-256 (hex) of its weights go into the provenance."""

    name: str
    sha256: str

    def alpha(self, picture: Picture) -> Alpha:
        """How much of each pixel of a uint8 (H, W, 3) picture is object: uint8 (H, W), 255 for all of it."""
        ...


def rembg_segmenter(network: str = "isnet-general-use", offline: bool = False) -> Segmenter:
    """rembg with one of `REMBG_NETWORKS`, on the CPU. Its own downloads and their places are not used.

    Raises `UsageError` for an unknown name, `WeightsMissing` without the package or the weights.
    """
    if network not in REMBG_NETWORKS:
        raise UsageError(f"unknown segmentation network '{network}'", hint=nearest(network, REMBG_NETWORKS))
    # rembg ends the whole process when onnxruntime is not installed, so that is asked first
    onnxruntime = needed_package("onnxruntime", "imagenet", "cutting objects out")
    rembg = needed_package("rembg", "imagenet", "cutting objects out")
    target, file = REMBG_NETWORKS[network]
    module, _, attribute = target.partition(":")
    kind = getattr(needed_package(module, "imagenet", "cutting objects out"), attribute)
    path = weights_path(file, offline)
    session = _at(kind, path)(network, onnxruntime.SessionOptions(), providers=["CPUExecutionProvider"])
    return RembgSegmenter(f"rembg:{network}", file.sha256, rembg, session)


class RembgSegmenter:
    """A `Segmenter`: rembg's mask by one of its sessions, as it comes."""

    def __init__(self, name: str, sha256: str, rembg: Any, session: Any) -> None:
        self.name, self.sha256 = name, sha256
        self._rembg, self._session = rembg, session

    def alpha(self, picture: Picture) -> Alpha:
        """See `Segmenter`."""
        mask = self._rembg.remove(Image.fromarray(picture), session=self._session, only_mask=True)
        return np.asarray(mask.convert("L"), dtype=np.uint8)


def _at(kind: Any, path: Path) -> Any:
    """The session class with its weights at `path`, which was checked, in place of what it would fetch."""
    return type(kind.__name__, (kind,), {"download_models": classmethod(lambda cls, *args, **kwargs: str(path))})
