"""What CLIP says of prompts, classes and photographs: which class a prompt names, which photographs show it best."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.errors import ImageError
from bench.extractors.clip import ClipModel, unit_length
from bench.extractors.feature_cache import features_of
from bench.extractors.hub import needed_package
from bench.extractors.protocol import Features, Picture
from bench.references.imagenet.classes import ImagenetClass
from groundwork.files import write_atomically
from groundwork.hashing import hash_strings
from groundwork.pictures import read_picture

SAVE_EVERY = 50  # classes whose texts a kill may lose


@dataclass(frozen=True)
class ScoredPhoto:
    """A photograph and the cosine of its CLIP embedding with that of its class."""

    path: Path
    score: float


def templates() -> tuple[str, ...]:
    """Sentences with {} for a class's name: the seven that OpenAI found to do nearly as well as all eighty."""
    found = needed_package("open_clip", "imagenet", "the ImageNet recipe").SIMPLE_IMAGENET_TEMPLATES
    return tuple(template("{}") for template in found)


def class_embeddings(
    clip: ClipModel, classes: Sequence[ImagenetClass], cache: Path, progress: Callable[[int], None]
) -> Features:
    """A vector of length 1 for each class, (classes, D): the mean over the templates' embeddings.

    Kept in the folder `cache` as they come, so that an interrupted run resumes. `progress` is called with the number of
    classes that are done.
    """
    sentences = templates()
    key = hash_strings([clip.fingerprint, *sentences, *(entry.name for entry in classes)])
    path = cache / f"classes-{key[:16]}.npy"
    done = _stored(path, clip.dimension)[: len(classes)]
    progress(len(done))
    for start in range(len(done), len(classes), SAVE_EVERY):
        part = classes[start : start + SAVE_EVERY]
        texts = [sentence.format(entry.name) for entry in part for sentence in sentences]
        embedded = clip.encode_texts(texts).reshape(len(part), len(sentences), -1)
        done = np.concatenate([done, unit_length(embedded.mean(axis=1))])
        encoded = io.BytesIO()
        np.save(encoded, done, allow_pickle=False)
        write_atomically(path, encoded.getvalue())
        progress(len(part))
    return done


def nearest_classes(
    clip: ClipModel, prompts: Mapping[str, str], classes: Sequence[ImagenetClass], embeddings: Features
) -> dict[str, ImagenetClass]:
    """For each case the class whose embedding is nearest to the prompt's (the first of equals)."""
    cosines = clip.encode_texts(list(prompts.values())).astype(np.float64) @ embeddings.astype(np.float64).T
    return {case: classes[int(row.argmax())] for case, row in zip(prompts, cosines, strict=True)}


def score_photos(
    clip: ClipModel,
    photos: Mapping[ImagenetClass, Sequence[Path]],
    embeddings: Mapping[ImagenetClass, Features],
    cache: Path,
    progress: Callable[[int], None],
) -> tuple[dict[ImagenetClass, tuple[ScoredPhoto, ...]], dict[Path, str]]:
    """Photographs of each class from the best score down, and those that cannot be read with the reason.

    `embeddings` (D,) are those of the classes; those of the photographs are kept in the folder `cache`.
    """
    wanted = [(entry, path) for entry, paths in photos.items() for path in paths]
    unreadable: dict[Path, str] = {}

    def load(path: Path) -> Picture:
        try:
            return read_picture(path)
        except ImageError as error:  # a few of the archive's files are CMYK; one of them must not end the run
            unreadable[path] = error.message
            return np.zeros((1, 1, 3), dtype=np.uint8)

    found = features_of([partial(load, path) for _, path in wanted], [clip.images], cache, progress)
    embedded = unit_length(found[clip.images.name]).astype(np.float64)
    scored: dict[ImagenetClass, list[ScoredPhoto]] = {entry: [] for entry in photos}
    for (entry, path), vector in zip(wanted, embedded, strict=True):
        if path not in unreadable:
            scored[entry].append(ScoredPhoto(path, float(vector @ embeddings[entry].astype(np.float64))))
    return {
        entry: tuple(sorted(some, key=lambda photo: (-photo.score, photo.path.name))) for entry, some in scored.items()
    }, unreadable


def _stored(path: Path, dimension: int) -> Features:
    try:
        stored = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return np.zeros((0, dimension), np.float32)
    fits = stored.ndim == 2 and stored.shape[1] == dimension and stored.dtype == np.float32
    return stored if fits else np.zeros((0, dimension), np.float32)
