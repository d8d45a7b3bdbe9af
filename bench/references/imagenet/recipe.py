"""The reference of FID_I, as a recipe: prompts, their ImageNet classes, the photographs that CLIP likes best, cut out.

Everything on the way is kept in a working folder beside the set (CLIP's embeddings, the cut-outs), so that the same
command resumes where it stopped, and the chosen pictures can be looked at. What was chosen, and by which networks, is
written into the set's provenance.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from bench.errors import ImageError, ReferenceSetError
from bench.extractors.clip import ClipModel
from bench.extractors.protocol import Extractor, Features
from bench.references.build import build_reference
from bench.references.imagenet.choice import ScoredPhoto, class_embeddings, nearest_classes, score_photos, templates
from bench.references.imagenet.classes import ImagenetClass
from bench.references.imagenet.photos import Photos
from bench.references.provenance import Provenance, check_name
from bench.references.segmenter import Segmenter
from groundwork.files import write_atomically
from groundwork.hashing import hash_array, hash_file
from groundwork.pictures import RGB, PictureRGBA, read_picture, read_rgba

RECIPE = "imagenet-v1"  # raised when the same photographs would give another set
FAINT = 16  # of 255: less object than this is none, else a haze at the picture's rim would be its outline
MINIMUM_OBJECT = 0.01  # share of the picture below which nothing was found


class Stage(Protocol):
    """A stage of known length that is under way."""

    def advance(self, steps: int = 1) -> None:
        """Some of it is done."""
        ...


Stages = Callable[[str, int], AbstractContextManager[Stage]]  # a name and a total


@dataclass(frozen=True)
class ImagenetTask:
    """What is asked for: `prompts` by case, the photographs by synset, all classes, and how many a class.

    `mapped` holds the classes of each case when a person gave them; None leaves them to CLIP.
    """

    prompts: Mapping[str, str]
    photos: Photos
    classes: Sequence[ImagenetClass]
    mapped: Mapping[str, Sequence[ImagenetClass]] | None = None
    per_class: int = 4


def build_imagenet_reference(
    name: str,
    task: ImagenetTask,
    clip: ClipModel,
    segmenter: Segmenter,
    extractors: Sequence[Extractor],
    background: RGB,
    out: Path,
    stages: Stages,
) -> Provenance:
    """Write the set `name` into `out`, with `<name>.work/` beside it (safe to delete afterwards).

    Raises `ReferenceSetError` when a class has too few photographs that can be read and cut out; the rest as
    `build_reference`.
    """
    check_name(name)
    work = out / f"{name}.work"
    chosen, vectors = _choose_classes(task, clip, work, stages)
    wanted = {entry: task.photos.get(entry.synset, ()) for entry in vectors}
    _check_enough({entry: len(paths) for entry, paths in wanted.items()}, task.per_class, "there")
    with stages("score photographs", sum(map(len, wanted.values()))) as stage:
        scored, unreadable = score_photos(clip, wanted, vectors, work / "features", stage.advance)
    _check_enough({entry: len(photos) for entry, photos in scored.items()}, task.per_class, "readable")

    pictures = work / "chosen"
    shutil.rmtree(pictures, ignore_errors=True)  # those of an earlier choice
    records = []
    with stages("cut objects out", len(scored) * task.per_class) as stage:
        for entry, photos in scored.items():
            kept, empty = _cut_out(entry, photos, task.per_class, segmenter, work / "cutouts", pictures, stage)
            cases = [{"case": case, "prompt": task.prompts[case]} for case, some in chosen.items() if entry in some]
            records.append(_record(entry, cases, kept, empty))
    recipe: dict[str, Any] = {
        "recipe": RECIPE,
        "clip": {"name": clip.name, "weights_sha256": clip.weights_sha256, "templates": list(templates())},
        "segmenter": {"name": segmenter.name, "weights_sha256": segmenter.sha256},
        "chosen_by": "a table" if task.mapped is not None else "CLIP",
        "per_class": task.per_class,
        "classes": records,
        "unreadable": {path.name: reason for path, reason in sorted(unreadable.items())},
    }
    source = (
        f"ImageNet validation photographs: of each of {len(records)} classes the {task.per_class} that are most like"
        f" its name to {clip.name}, cut out by {segmenter.name}"
    )
    with stages("features", len(records) * task.per_class) as stage:
        return build_reference(
            name, pictures, extractors, background, out, source, work / "features", stage.advance, recipe
        )


def _choose_classes(
    task: ImagenetTask, clip: ClipModel, work: Path, stages: Stages
) -> tuple[Mapping[str, Sequence[ImagenetClass]], dict[ImagenetClass, Features]]:
    """The classes of each case, and the CLIP vector of each class that is chosen."""
    given = task.mapped
    asked = task.classes if given is None else list(dict.fromkeys(entry for some in given.values() for entry in some))
    with stages("read class names", len(asked)) as stage:
        embeddings = class_embeddings(clip, asked, work, stage.advance)
    vectors = dict(zip(asked, embeddings, strict=True))
    if given is not None:
        return given, vectors
    found = {case: (entry,) for case, entry in nearest_classes(clip, task.prompts, asked, embeddings).items()}
    return found, {entry: vectors[entry] for entry in dict.fromkeys(one for (one,) in found.values())}


def _check_enough(counts: Mapping[ImagenetClass, int], needed: int, kind: str) -> None:
    short = {entry: count for entry, count in counts.items() if count < needed}
    if short:
        entry, count = next(iter(short.items()))
        raise ReferenceSetError(
            f"{len(short)} of {len(counts)} classes have too few photographs: of {entry.synset} ({entry.name})"
            f" {count} {'is' if count == 1 else 'are'} {kind}",
            expected=f"at least {needed} of each class; the whole validation set has 50",
            hint="complete the photographs, lower --per-class, or choose other classes with --classes-map",
        )


def _cut_out(
    entry: ImagenetClass,
    photos: Sequence[ScoredPhoto],
    needed: int,
    segmenter: Segmenter,
    cache: Path,
    into: Path,
    stage: Stage,
) -> tuple[list[ScoredPhoto], list[ScoredPhoto]]:
    """Write the cut-outs of the `needed` best photographs in which an object is found; these and the ones passed over.

    The file names carry class and rank, so that the folder can be read by eye.
    """
    kept: list[ScoredPhoto] = []
    empty: list[ScoredPhoto] = []
    for photo in photos:
        if len(kept) == needed:
            break
        cutout = _segmented(photo.path, segmenter, cache)
        if np.mean(cutout[..., 3] >= 128) < MINIMUM_OBJECT:
            empty.append(photo)
            continue
        kept.append(photo)
        _write(into / entry.synset / f"{len(kept)}-{photo.path.stem}.png", cutout)
        stage.advance()
    _check_enough({entry: len(kept)}, needed, "with an object to cut out")
    return kept, empty


def _segmented(path: Path, segmenter: Segmenter, cache: Path) -> PictureRGBA:
    """The photograph with its object's alpha, from the cache when the same pixels were cut out before."""
    picture = read_picture(path)
    stored = cache / f"{hash_array(picture)[:20]}-{segmenter.sha256[:12]}.png"
    try:
        return read_rgba(stored)
    except ImageError:  # not there yet
        pass
    alpha = segmenter.alpha(picture)
    if alpha.shape != picture.shape[:2] or alpha.dtype != np.uint8:
        raise ReferenceSetError(
            f"the segmenter '{segmenter.name}' answered a picture {picture.shape} with {alpha.dtype} {alpha.shape}",
            expected=f"uint8 {picture.shape[:2]}",
        )
    cutout = np.dstack([picture, np.where(alpha < FAINT, 0, alpha).astype(np.uint8)])
    _write(stored, cutout)
    return cutout


def _write(path: Path, rgba: PictureRGBA) -> None:
    encoded = io.BytesIO()
    Image.fromarray(rgba).save(encoded, format="PNG", compress_level=3)
    write_atomically(path, encoded.getvalue())


def _record(
    entry: ImagenetClass, cases: list[dict[str, Any]], kept: Sequence[ScoredPhoto], empty: Sequence[ScoredPhoto]
) -> dict[str, Any]:
    return {
        "synset": entry.synset,
        "number": entry.number,
        "name": entry.name,
        "cases": cases,
        "photos": [
            {"file": photo.path.name, "sha256": hash_file(photo.path), "score": round(photo.score, 6)} for photo in kept
        ],
        "without_object": [photo.path.name for photo in empty],
    }
