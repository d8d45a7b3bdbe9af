"""The reference pictures nearest to what a generator painted, as a run stored them: names, distances, small copies."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.results.nearest import THUMBNAIL, Nearest, read_nearest, thumbnail_file, thumbnail_folder
from bench.results.numbers import format_value
from bench.results.read import RunResults
from groundwork.texts import visible
from reports.gallery import shot
from reports.table import Column

_MOST_NAME = 60  # letters


@dataclass(frozen=True)
class Neighbour:
    """The picture nearest to one view: its name, how far it lies, and a small copy as a data URI ('' without one)."""

    name: str
    distance: float
    thumbnail: str


@dataclass(frozen=True)
class Neighbourhood:
    """What a run knows of one reference under one extractor. `apart`: how far its own pictures usually lie apart."""

    reference: str
    extractor: str
    unit: str
    apart: float | None
    lines: Mapping[tuple[str, str, int], Mapping[int, Nearest]] = field(repr=False)
    run: RunResults = field(repr=False)

    @property
    def pictured(self) -> bool:
        """Whether the run holds small copies of the reference's pictures."""
        return thumbnail_folder(self.run.layout.thumbnails, self.reference).is_dir()

    @property
    def about(self) -> str:
        """What stands beneath the views, in words."""
        opening = f"Beneath each view stands its nearest picture of {self.reference}, with the distance"
        if not self.pictured:
            opening = (
                f"The run holds no copies of the pictures of {self.reference}: those nearest to the views are named "
                "beneath, with their distance"
            )
        scale = ""
        if self.apart is not None:
            usual = format_value(self.apart, self.unit)
            scale = f" For scale: from a picture of the reference to its nearest one of another object it is {usual}."
        return f"{opening}: the root mean square difference of {self.extractor} features.{scale}"

    def of(self, generator: str, case: str, seed: int) -> tuple[Neighbour, ...]:
        """The nearest picture of each view of a sample, in view order; none where any is not known."""
        views = self.lines.get((generator, case, seed), {})
        if sorted(views) != list(range(len(views))):
            return ()
        return tuple(self._neighbour(views[view]) for view in sorted(views))

    def _neighbour(self, line: Nearest) -> Neighbour:
        path = thumbnail_file(self.run.layout.thumbnails, self.reference, line.pictures[0])
        return Neighbour(_short(line.pictures[0]), line.distances[0], self._thumbnail(path))

    def _thumbnail(self, path: Path) -> str:
        return shot(path, THUMBNAIL, self.run.path, with_full=False).thumbnail if path.is_file() else ""


def neighbourhood(run: RunResults, column: Column) -> Neighbourhood | None:
    """What the run stored of the reference of a distance; None where it stored nothing (older runs, other metrics)."""
    _, at, reference = column.metric.name.rpartition("@")
    if column.metric.axis != "realism" or not at:
        return None
    named = re.search(r"\[([^\]]+)\]", column.metric.name)
    lines = [
        line
        for line in read_nearest(run.layout.nearest)
        if line.reference == reference and line.pictures and (named is None or line.extractor == named[1])
    ]
    if not lines:
        return None
    extractor = lines[0].extractor
    found: dict[tuple[str, str, int], dict[int, Nearest]] = {}
    for line in lines:
        if line.extractor == extractor:
            found.setdefault((line.generator, line.case, line.seed), {})[line.view] = line
    apart = lines[0].apart
    return Neighbourhood(reference, extractor, column.metric.unit, apart if math.isfinite(apart) else None, found, run)


def _short(name: str) -> str:
    """A name as a caption: its end says more than its folders."""
    name = visible(name)
    return name if len(name) <= _MOST_NAME else f"…{name[1 - _MOST_NAME :]}"
