"""Which real pictures the generated ones lie nearest to: stored for the page, beside the distances that decide realism.

Names and distances are kept of every picture, small copies of the few that the page shows (`bench.results.deciding`),
and only where the reference's pictures are at hand: a folder's on this disk, or renders. A reference that ships as
features has names alone, and one that is a generator of the run has its pictures in the run folder already.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import BenchError, InputError
from bench.extractors.protocol import Picture
from bench.metrics.declaration import SetMetric
from bench.metrics.nearest import nearest, usual_distance
from bench.references.build import relative_names
from bench.references.pictures import picture_paths, reference_picture
from bench.results.deciding import gains_of_distances, loudest, ranked
from bench.results.layout import RunLayout
from bench.results.nearest import THUMBNAIL, Nearest, thumbnail_file, write_nearest
from bench.results.summary import GeneratorInfo, Row
from bench.run.plan import Plan
from bench.run.references import rendered_pictures
from bench.run.score_sets import SetScores
from bench.suite.schema import FolderReference, MiniworldReference
from groundwork.files import write_atomically

KEPT = 3  # nearest pictures of each
_QUALITY = 80


def keep_nearest(
    plan: Plan, found: SetScores, rows: Sequence[Row], generators: Sequence[GeneratorInfo], layout: RunLayout
) -> None:
    """Write `nearest.parquet` and `nearest/` anew; neither where no realism primary has a reference of its own."""
    metrics = _asked(plan)
    lines = [line for metric in metrics for line in _lines(metric, found)]
    if layout.thumbnails.is_symlink():  # what it leads to is not ours
        layout.thumbnails.unlink()
    shutil.rmtree(layout.thumbnails, ignore_errors=True)
    if not lines:
        layout.nearest.unlink(missing_ok=True)
        return
    write_nearest(layout.nearest, lines)
    for metric in metrics:
        shown = _shown(metric, found, rows, generators)
        wanted = {
            line.pictures[0]
            for line in lines
            if (line.reference, line.extractor) == (metric.reference, metric.extractor)
            and line.seed == plan.seeds[0]
            and (line.generator, line.case) in shown
        }
        _keep(metric.reference, sorted(wanted), plan, layout.thumbnails)


def _asked(plan: Plan) -> list[SetMetric]:
    """The primary distances that judge realism, one for each reference and extractor."""
    primary = [m for m in plan.set_metrics if m.result().name in plan.suite.primary and m.result().axis == "realism"]
    return list({(m.reference, m.extractor): m for m in reversed(primary)}.values())[::-1]


def _lines(metric: SetMetric, found: SetScores) -> Iterable[Nearest]:
    reference = found.references.get((metric.reference, metric.extractor))
    if reference is None or not reference.names:
        return
    real = np.asarray(reference.features)
    apart = usual_distance(real, reference.clusters)
    for (generator, extractor), shown in found.features.items():
        if extractor != metric.extractor:
            continue
        try:
            rows, distances = nearest(shown.features, real, KEPT)
        except InputError:  # numbers that are not finite: its distance is a row that says so
            continue
        for (key, view), near, far in zip(found.shown[generator], rows, distances, strict=True):
            pictures = tuple(reference.names[row] for row in near)
            yield Nearest(
                metric.reference, extractor, generator, key.case, key.seed, view, pictures, tuple(far.tolist()), apart
            )


def _shown(
    metric: SetMetric, found: SetScores, rows: Sequence[Row], generators: Sequence[GeneratorInfo]
) -> set[tuple[str, str]]:
    """(generator, case) of what the page shows as the evidence of a metric."""
    name = metric.result().name
    best = ranked(rows, generators, name)[:2]
    if len(best) < 2:
        return set()
    without = found.leave_one_out()
    a, b = (without.get((generator, name), {}) for generator in best)
    values = {row.generator: row.value for row in rows if row.metric == name and row.value is not None}
    sign = 1.0 if metric.result().direction == "up" else -1.0
    deciding = loudest(gains_of_distances(a, b, sign * (values[best[0]] - values[best[1]]), sign))
    return {(generator, item.case) for generator in best for item in deciding}


def _keep(reference: str, names: Sequence[str], plan: Plan, folder: Path) -> None:
    """Small copies of these pictures, where they are at hand. One that cannot be read again is left out."""
    if not names:
        return
    at_hand = _pictures(reference, plan)
    for name in names:
        try:
            picture = at_hand[name]() if name in at_hand else None
        except (BenchError, OSError):
            picture = None
        if picture is not None:
            write_atomically(thumbnail_file(folder, reference, name), _small(picture))


def _pictures(name: str, plan: Plan) -> Mapping[str, Callable[[], Picture]]:
    """How to see a reference's pictures, by name; nothing for references that are features."""
    reference = plan.suite.references[name]
    if isinstance(reference, FolderReference):
        folder = plan.suite.folder / reference.folder
        paths = picture_paths(folder)
        return {
            one: partial(reference_picture, path, plan.suite.views.rgb)
            for one, path in zip(relative_names(paths, folder), paths, strict=True)
        }
    if isinstance(reference, MiniworldReference):
        rendered = rendered_pictures(reference, plan)
        return dict(zip(rendered.names, rendered.pictures.values(), strict=True))
    return {}


def _small(picture: Picture) -> bytes:
    image = Image.fromarray(picture)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    image.save(encoded, format="WEBP", quality=_QUALITY, method=4)
    return encoded.getvalue()
