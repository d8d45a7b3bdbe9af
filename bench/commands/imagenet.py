"""`reference build imagenet`: everything that the recipe needs, found or refused before anything long begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.cases.prompt_file import read_prompts
from bench.errors import UsageError
from bench.extractors.catalogue import load_extractor
from bench.extractors.clip import load_clip
from bench.references.imagenet.classes import imagenet_classes, read_classes_map
from bench.references.imagenet.photos import validation_photos
from bench.references.imagenet.recipe import ImagenetTask, build_imagenet_reference
from bench.references.provenance import Provenance, check_name
from bench.references.segmenter import rembg_segmenter
from groundwork.pictures import RGB
from groundwork.progress import Reporter


def build_imagenet(
    name: str,
    folder: Path,
    prompts: Path | None,
    per_class: int,
    classes_map: Path | None,
    labels: Path | None,
    segmenter: str,
    extractors: Sequence[str],
    background: RGB,
    out: Path,
    device: str,
    offline: bool,
) -> Provenance:
    """Run the recipe on the validation set in `folder`, with progress on standard error.

    Raises `UsageError` without prompts, `WeightsMissing` for absent packages and weights, `InputError` for tables that
    cannot be used, and what `build_imagenet_reference` raises.
    """
    check_name(name)
    if prompts is None:
        raise UsageError(
            "the recipe imagenet chooses classes by prompts, and there are none",
            expected="--prompts CSV, with the columns case and prompt",
            hint="name a suite's table of prompts; a plain folder of pictures needs another NAME than imagenet",
        )
    said = {line.case: line.prompt for line in read_prompts(prompts)}
    if not said:
        raise UsageError("the table of prompts has no cases", where=str(prompts))
    classes = imagenet_classes()
    task = ImagenetTask(
        prompts=said,
        photos=validation_photos(folder, classes, labels),
        classes=classes,
        mapped=read_classes_map(classes_map, tuple(said), classes) if classes_map else None,
        per_class=per_class,
    )
    loaded = [load_extractor(extractor, device, offline) for extractor in extractors]
    clip, cutter = load_clip("ViT-L-14", device, offline), rembg_segmenter(segmenter, offline)
    return build_imagenet_reference(name, task, clip, cutter, loaded, background, out, Reporter().stage)
