"""Features of many pictures under several extractors: cached by content, computed once, decoded meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError, ExtractorError, UsageError
from bench.extractors.feature_store import FeatureStore, stored_under
from bench.extractors.forward import run_backbones
from bench.extractors.level import LevelExtractor
from bench.extractors.object_frame import cut_out
from bench.extractors.protocol import Backbone, Extractor, Features, Picture, Vector
from groundwork.hashing import hash_array
from groundwork.pictures import RGB, PictureRGBA, composite

COMMIT_EVERY = 64  # pictures whose features a kill may lose
PLUG_IN_BATCH = 32


def features_of(
    pictures: Sequence[Callable[[], Picture]],
    extractors: Sequence[Extractor],
    cache: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
    background: RGB = (1.0, 1.0, 1.0),
) -> dict[str, Features]:
    """Features of each picture, float32 (N, D) in the pictures' order, by the name of the extractor.

    `pictures` are called in worker threads and give uint8 (H, W, 3), or (H, W, 4) with the object's outline as alpha.
    Extractors that see the object alone get the outline, estimated against `background` (sRGB in [0, 1]) where a
    picture has none; the others get the picture on `background`. `cache` is a folder (safe to delete) or None.
    `progress` is called with 1 for each picture that is done. Raises what a picture raises, first in order, and
    `ExtractorError` for what an extractor does.
    """
    backbones = _by_backbone(extractors)
    fingerprints = {extractor.name: stored_under(extractor) for extractor in extractors}
    results = {e.name: np.empty((len(pictures), e.dimension), dtype=np.float32) for e in extractors}
    hashes: dict[int, dict[str, str]] = {}  # by extractor: those that see the object alone look at other pixels
    fresh: list[tuple[str, str, Vector]] = []

    with ExitStack() as stack:
        store = stack.enter_context(closing(FeatureStore(cache))) if cache else None
        if store:
            for name, fingerprint in fingerprints.items():
                store.call(fingerprint, name)

        def load(index: int) -> list[tuple[Backbone, Picture]]:
            """Decode one picture and take what the cache has; say which backbones still have to see it."""
            decoded = pictures[index]()
            missing = []
            hashes[index] = {}
            shown: dict[bool, tuple[Picture, str]] = {}
            for backbone, levels in backbones.items():
                object_only = bool(getattr(backbone, "object_only", False))
                if object_only not in shown:
                    seen = _object(decoded, background) if object_only else _whole(decoded, background)
                    shown[object_only] = seen, hash_array(seen) if store is not None else ""
                picture, pixels = shown[object_only]
                hashes[index] |= {e.name: pixels for e in levels}
                found = {
                    e.name: store.get(fingerprints[e.name], pixels, e.dimension) if store is not None else None
                    for e in levels
                }
                for name, vector in found.items():
                    if vector is not None:
                        results[name][index] = vector
                if any(vector is None for vector in found.values()):
                    missing.append((backbone, picture))
            return missing

        if store:
            # runs before the store closes, also when a picture raises: what is computed stays computed
            stack.callback(lambda: store.put(fresh))
        for index, computed in run_backbones(partial(load, index) for index in range(len(pictures))):
            for name in results.keys() & computed.keys():
                results[name][index] = computed[name]
                if store:
                    fresh.append((fingerprints[name], hashes[index][name], computed[name]))
            if store and len(fresh) >= COMMIT_EVERY * len(extractors):
                store.put(fresh)
                fresh.clear()
            progress(1)
    return results


def _object(picture: Picture | PictureRGBA, background: RGB) -> PictureRGBA:
    return picture if picture.shape[2] == 4 else cut_out(picture, background)


def _whole(picture: Picture | PictureRGBA, background: RGB) -> Picture:
    return picture if picture.shape[2] == 3 else composite(picture, background)


def _by_backbone(extractors: Sequence[Extractor]) -> dict[Backbone, list[Extractor]]:
    groups: dict[Backbone, list[Extractor]] = {}
    for extractor in extractors:
        backbone = extractor.backbone if isinstance(extractor, LevelExtractor) else _PlugIn(extractor)
        groups.setdefault(backbone, []).append(extractor)
    return {_Named(backbone, tuple(e.name for e in levels)): levels for backbone, levels in groups.items()}


class _Named:
    """A backbone whose errors say which extractors it serves."""

    def __init__(self, backbone: Backbone, names: tuple[str, ...]) -> None:
        self._backbone, self._names, self.batch = backbone, names, backbone.batch
        self.object_only = bool(getattr(backbone, "object_only", False))

    def prepare(self, picture: Picture) -> Any:
        try:
            return self._backbone.prepare(picture)
        except Exception as error:
            raise self._failed(error) from error

    def forward(self, inputs: Sequence[Any]) -> Mapping[str, Features]:
        try:
            return self._backbone.forward(inputs)
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> ExtractorError:
        names = ", ".join(f"'{name}'" for name in self._names)
        subject = f"extractor {names}" if len(self._names) == 1 else f"extractors {names}"
        if isinstance(error, BenchError):
            told = error.about(subject)
            failed = ExtractorError(told.message, where=told.where, expected=told.expected, hint=told.hint)
        else:
            failed = ExtractorError(f"{subject} failed: {type(error).__name__}: {error}")
        failed.names = self._names
        return failed


class _PlugIn:
    """An extractor that shares its pass with none: it gets the pictures as they are, on one thread."""

    batch = PLUG_IN_BATCH

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self.object_only = bool(getattr(extractor, "object_only", False))

    def prepare(self, picture: Picture) -> Picture:
        return picture

    def forward(self, inputs: Sequence[Picture]) -> Mapping[str, Features]:
        found: Any = self._extractor.extract(inputs)
        wanted = (len(inputs), self._extractor.dimension)
        fits = isinstance(found, np.ndarray) and found.shape == wanted and found.dtype.kind == "f"
        if not fits or not np.isfinite(found).all():
            got = "numbers that are not finite"
            if not isinstance(found, np.ndarray):
                got = f"a {type(found).__name__}"
            elif not fits:
                got = f"an array {found.dtype} {found.shape}"
            raise UsageError(
                f"extractor '{self._extractor.name}' answered {len(inputs)} pictures with {got}",
                expected=f"finite float32 numbers {wanted}: (pictures, its `dimension`)",
            )
        return {self._extractor.name: found.astype(np.float32)}
