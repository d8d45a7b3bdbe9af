"""Tensors that are costly to make and never change (latents of pictures, embeddings of captions), kept by content.

A key is the hash of everything that decides the tensors: the bytes that were encoded and the encoder's fingerprint. A
changed picture or another VAE is another key, so the cache never has to be emptied to stay right; delete it any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from groundwork.files import write_atomically
from realiz3d.data.packages import needed
from realiz3d.errors import UsageError


class TensorCache:
    """Named tensors by key, one safetensors file each, below `folder`. Safe for several processes.

    Raises `DependencyMissing` without safetensors.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        _ = self._safetensors  # absent: say so now

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors kept under a key, on the CPU; None when there are none, or the file is broken."""
        from safetensors import SafetensorError

        try:
            found: dict[str, Tensor] = self._safetensors.load_file(self._path(key))
        except (FileNotFoundError, SafetensorError):
            return None
        return found

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors under a key; readers see all of them or none."""
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_atomically(self._path(key), self._safetensors.save(plain))

    @property
    def _safetensors(self) -> Any:  # not kept: modules do not travel to worker processes
        return needed("safetensors.torch", "keeping encoded tensors")

    def _path(self, key: str) -> Path:
        if len(key) != 64 or not all(letter in "0123456789abcdef" for letter in key):
            raise UsageError(
                "this is not a key of the cache", where=ascii(key)[:80], expected="what content_key returns"
            )
        return self.folder / key[:2] / f"{key}.safetensors"
