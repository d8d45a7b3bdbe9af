"""Scoring on the device: pictures through an Inception-sized network, object metrics, distances of large sets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.gpu_day.findings import NO_GPU, Notes, Planned, planned_of_each
from bench.gpu_day.inputs import inception_extractor, object_metrics, scene_of
from bench.gpu_day.settings import Settings

SIDE = 512  # pixels of a scored picture


def plan_pictures(settings: Settings) -> Sequence[Planned]:
    """Names of what `pictures` finds."""
    units = {"decoding, resizing, network": "s", "decoding alone": "s", "the network alone": "s", "bound by": ""}
    return planned_of_each([f"{count} pictures" for count in settings.pictures], units)


def pictures(settings: Settings, notes: Notes) -> None:
    """PNG files of 512 px through the way that FID's features take, with random weights of the same architecture."""
    from bench.extractors.feature_cache import features_of
    from groundwork.pictures import read_picture

    extractor = inception_extractor(settings.device)
    with TemporaryDirectory() as folder:
        files = _write(Path(folder), max(settings.pictures), 64 if settings.tiny else SIDE)
        features_of([partial(read_picture, files[0])] * extractor.backbone.batch, [extractor])  # not counted
        for count in settings.pictures:
            loads = [partial(read_picture, file) for file in files[:count]]
            whole = _timed(partial(features_of, loads, [extractor]), settings)
            notes.number(
                f"{count} pictures: decoding, resizing, network", whole, text=f"{count / whole:.0f} pictures/s"
            )
            decode = _timed(partial(_decode, loads), settings)
            notes.number(f"{count} pictures: decoding alone", decode, text=f"{os.cpu_count()} threads")
            forward = _timed(partial(_forward, extractor.backbone, count), settings)
            notes.number(f"{count} pictures: the network alone", forward, text=extractor.backbone.engine)
            notes.fact(f"{count} pictures: bound by", "decoding" if decode > forward else "the network")


def _decode(loads: Sequence[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda load: load(), loads):
            pass


def _forward(backbone: Any, count: int) -> None:
    import numpy as np

    from bench.extractors.inception import IMAGE_SIZE

    ready = [np.zeros((3, IMAGE_SIZE, IMAGE_SIZE), np.float32)] * backbone.batch
    for _ in range(-(-count // len(ready))):
        backbone.forward(ready)


def _write(folder: Path, count: int, side: int) -> list[Path]:
    """Pictures that compress about as photographs do: smooth, with a little noise."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    smooth = [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse]
    noise = rng.integers(0, 12, (side, side, 3))
    found = []
    for index in range(count):
        shifted = np.roll(noise, index, axis=0)
        picture = np.clip(smooth[index % len(smooth)] + shifted, 0, 255).astype(np.uint8)
        found.append(folder / f"{index:05}.png")
        Image.fromarray(picture).save(found[-1], compress_level=1)
    return found


def plan_objects(settings: Settings) -> Sequence[Planned]:
    """Names of what `objects` finds."""
    return (
        Planned("geometry of an object", "s"),
        *(Planned(f"object metrics, {device}", "s") for device in ("host", "device")),
    )


def objects(settings: Settings, notes: Notes) -> None:
    """All object metrics that need no downloaded weights on one object of four views, on the host and on the device."""
    sides = (("host", "cpu"), ("device", settings.device)) if settings.cuda else (("host", "cpu"),)
    for name, device in sides:
        sample = scene_of(settings, device)
        object_metrics(sample)  # kernels compile, and geometry is kept
        seconds = _timed(partial(object_metrics, sample), settings)
        notes.number(f"object metrics, {name}", seconds, text=f"4 views of {settings.resolution} px, geometry known")
    if not settings.cuda:
        notes.skipped("object metrics, device", NO_GPU)
    notes.number("geometry of an object", _timed(lambda: scene_of(settings, settings.device), settings))


def plan_distances(settings: Settings) -> Sequence[Planned]:
    """Names of what `distances` finds."""
    rows, columns = settings.features
    return tuple(Planned(f"{name}, {rows:,} x {columns:,}", "s") for name in ("Fréchet distance", "kernel distance"))


def distances(settings: Settings, notes: Notes) -> None:
    """The distances of two sets of features, by the code that scores: on the host, whatever the device."""
    import numpy as np

    from bench.metrics.frechet import frechet_distance
    from bench.metrics.kernel import kernel_distance

    rows, columns = settings.features
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((rows, columns), dtype=np.float32) + shift for shift in (0.0, 0.1))
    for name, distance in (("Fréchet distance", frechet_distance), ("kernel distance", kernel_distance)):
        seconds = _timed(partial(distance, x, y), settings)
        notes.number(f"{name}, {rows:,} x {columns:,}", seconds, text=f"on the host, {os.cpu_count()} cores")


def _timed(work: Callable[[], object], settings: Settings) -> float:
    start = time.perf_counter()
    work()
    if settings.cuda:
        import torch

        torch.cuda.synchronize(settings.device)
    return time.perf_counter() - start
