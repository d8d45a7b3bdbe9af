"""Samples on disk: written whole, recognised by what they were made from, checked when read.

A sample (see `bench.results.layout`) counts as complete when its `sample.json` carries the identity that is asked for.
Because it is written after the pictures, a kill in between leaves a sample that is simply made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import GeneratorError, ImageError
from bench.results.layout import MARKER, sample_folder, view_file
from groundwork.files import write_atomically
from groundwork.hashing import hash_array, hash_strings
from groundwork.pictures import Picture, encode_png, read_picture

Views = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SampleKey:
    """Which sample: the generator's name, the case's id, the seed."""

    generator: str
    case: str
    seed: int


@dataclass(frozen=True)
class EncodedSample:
    """A sample as its files hold it: PNGs in the views' order, the marker, and the digest of the pixels."""

    pictures: tuple[bytes, ...]
    marker: bytes
    digest: str


def encode_sample(views: Views, identity: str) -> EncodedSample:
    """Of (V, H, W, 3) pictures that were made from what `identity` says."""
    pictures = [hash_array(picture) for picture in views]
    digest = hash_strings(pictures)
    marker = {"identity": identity, "digest": digest, "pictures": pictures}
    return EncodedSample(tuple(map(encode_png, views)), json.dumps(marker).encode(), digest)


class SampleStore:
    """The `samples/` folder of a run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, key: SampleKey) -> Path:
        """Where the pictures of a sample lie."""
        return sample_folder(self.root, key.generator, key.case, key.seed)

    def write(self, key: SampleKey, views: Views, identity: str) -> str:
        """Store (V, H, W, 3) pictures, then the marker. Returns the digest of the pixels."""
        encoded = encode_sample(views, identity)
        self.put(key, encoded)
        return encoded.digest

    def put(self, key: SampleKey, encoded: EncodedSample) -> None:
        """Store what `encode_sample` made, perhaps on another machine."""
        folder = self.folder(key)
        (folder / MARKER).unlink(missing_ok=True)
        for index, picture in enumerate(encoded.pictures):
            write_atomically(view_file(folder, index), picture)
        write_atomically(folder / MARKER, encoded.marker)

    def holds(self, key: SampleKey) -> bool:
        """Whether a sample was written whole, whatever it was made from."""
        return (self.folder(key) / MARKER).is_file()

    def holds_any(self, generator: str) -> bool:
        """Whether anything of a generator is stored."""
        return (self.root / generator).is_dir()

    def stored_digest(self, key: SampleKey) -> str | None:
        """The pixels' digest of a sample as it was written, whatever it was made from; None where there is none."""
        try:
            return str(json.loads((self.folder(key) / MARKER).read_bytes())["digest"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def digest(self, key: SampleKey, identity: str) -> str | None:
        """The pixels' digest when a complete sample of this identity is there, else None."""
        folder = self.folder(key)
        try:
            marker = json.loads((folder / MARKER).read_bytes())
            found = marker["identity"] == identity
            present = all(view_file(folder, i).is_file() for i in range(len(marker["pictures"])))
            return str(marker["digest"]) if found and present else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def read(self, key: SampleKey, digest: str) -> Views:
        """The pictures, uint8 (V, H, W, 3). Raises `ImageError` when they are not the ones that were written."""
        return np.stack([self.view(key, index, digest) for index in range(len(self._pictures(key, digest)))])

    def view(self, key: SampleKey, index: int, digest: str) -> Picture:
        """One picture, uint8 (H, W, 3), of the sample with this digest. Raises `ImageError` as `read`."""
        wanted = self._pictures(key, digest)[index]
        try:
            picture = read_picture(view_file(self.folder(key), index))
        except ImageError as error:
            raise self._changed(key) from error
        if hash_array(picture) != wanted:
            raise self._changed(key)
        return picture

    def _pictures(self, key: SampleKey, digest: str) -> list[str]:
        """The hash of each picture, from the marker."""
        try:
            pictures: list[str] = json.loads((self.folder(key) / MARKER).read_bytes())["pictures"]
            if hash_strings(pictures) == digest:
                return pictures
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        raise self._changed(key)

    def _changed(self, key: SampleKey) -> ImageError:
        folder = self.folder(key)
        return ImageError(
            "the stored pictures of a sample have changed since they were written",
            where=str(folder),
            hint=f"delete {folder / MARKER} and run the same command again to make the sample again",
        )


def check_views(views: Views, count: int, resolution: int, key: SampleKey) -> None:
    """Hold a generator to its protocol. Raises `GeneratorError` for all but uint8 (V, R, R, 3) that shows something."""
    wanted = (count, resolution, resolution, 3)
    if not isinstance(views, np.ndarray) or views.dtype != np.uint8 or views.shape != wanted:
        got = f"{getattr(views, 'dtype', type(views).__name__)} {getattr(views, 'shape', '')}".strip()
        raise GeneratorError(
            f"generator '{key.generator}' answered case '{key.case}' with {got}",
            expected=f"a numpy array uint8 {wanted}: (views, height, width, RGB)",
        )
    # one blank view can be honest (a sheet of paper seen from its edge), all of them are no answer
    if (views == views[:, :1, :1]).all():
        raise GeneratorError(
            f"generator '{key.generator}' answered case '{key.case}' with blank pictures",
            expected="something to see in at least one view",
        )
