"""Pictures for the page: which objects to show, and how many of them fit.

All objects of a large run do not fit into one file. Objects are ranked by the first primary metric that has a value per
object (mean over the generators that compete) and shown spread evenly over that ranking, worst, best and median first:
the reader sees the range, not the lucky end. Without such a metric they come in suite order.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import ImageError
from bench.results.layout import is_name, sample_folder, stored_views
from bench.results.scores import object_values
from bench.results.summary import CaseInfo, MetricInfo
from groundwork.files import leads_out
from groundwork.pictures import read_picture
from groundwork.texts import visible
from reports.maps import ErrorMap, Legend, legends, read_maps
from reports.table import Source, Table

THUMBNAIL, LARGE_THUMBNAIL = 144, 256  # px, about twice the size that they are shown at
FEW = 4  # generators that share a line of the page, and so have room for large thumbnails
FULL = 768
OPENED = 5  # objects that open the page and stand open here: worst, best, three between; the others are folded away
MAX_PICTURES = 640  # more is a slow page and a long wait, not more insight
MAX_PROMPT = 600  # letters
_THUMBNAIL_QUALITY, _FULL_QUALITY = 72, 82
_FAST = 2  # WebP effort: a third of the default's time for a few per cent more bytes


@dataclass(frozen=True)
class Shot:
    """One view, as data URIs. Both are '' when the file is unreadable; `problem` then says why."""

    thumbnail: str
    full: str
    problem: str = ""

    @property
    def size(self) -> int:
        """Characters that it adds to the page."""
        return len(self.thumbnail) + len(self.full)


@dataclass(frozen=True)
class Strip:
    """What one generator made of one object: its views, its values on the primary metrics, its error maps.

    `rank` is its value of what the gallery is ranked by.
    """

    source: Source
    shots: tuple[Shot, ...]
    values: tuple[tuple[MetricInfo, float | None], ...]
    maps: tuple[ErrorMap, ...] = ()
    rank: float | None = None

    @property
    def size(self) -> int:
        """Characters that it adds to the page."""
        return sum(shot.size for shot in self.shots) + sum(len(item.strip) for item in self.maps)


@dataclass(frozen=True)
class Exhibit:
    """One object with everything that was made of it. `score` is what it was ranked by."""

    case: CaseInfo
    score: float | None
    strips: tuple[Strip, ...]

    @property
    def full(self) -> list[list[str]]:
        """Full-size pictures by generator and view, as data URIs."""
        return [[shot.full for shot in strip.shots] for strip in self.strips]

    @property
    def views(self) -> tuple[str, ...]:
        """What its views are called, where it has cameras of its own."""
        if len(self.case.views) < max((len(strip.shots) for strip in self.strips), default=0):
            return ()
        return own_view_names(self.case)


@dataclass(frozen=True)
class Gallery:
    """The objects shown, of `total`: the first `OPENED` span the range, then all others; each part worst first.

    `ranked_by` is None in suite order.
    """

    exhibits: tuple[Exhibit, ...]
    total: int
    ranked_by: MetricInfo | None
    seed: int | None
    views: tuple[str, ...]
    legends: tuple[Legend, ...] = ()

    @property
    def size(self) -> int:
        """Characters that it adds to the page."""
        return sum(_size(exhibit.strips, opens=place < OPENED) for place, exhibit in enumerate(self.exhibits))

    @property
    def opened(self) -> int:
        """How many of the exhibits stand open."""
        return OPENED


def build_gallery(table: Table, budget: int, wanted: Sequence[str] = ()) -> Gallery:
    """As many objects as fit into `budget` characters of data URIs and `MAX_PICTURES`; none when no sample is left.

    Those that span the range come first, then the `wanted` cases, then what fits between.
    """
    cases = list({case.id: case for run in table.runs for case in run.cases}.values())
    total = len(cases)
    seeds = [seed for run in table.runs for seed in run.summary.seeds]
    seed = seeds[0] if seeds else None
    cases = [case for case in cases if any(views_of(source, case.id, seed) for source in table.sources)]
    values = _values_per_case(table, seed)
    ranking = _ranking(table, cases, values)
    ranked_by, scores = ranking if ranking else (None, {})
    evenly: list[int] = [*range(len(cases))]
    if ranked_by is not None:
        sign = 1.0 if ranked_by.direction == "up" else -1.0
        cases.sort(key=lambda case: (case.id not in scores, sign * scores.get(case.id, 0.0)))
        evenly = [*spread(len(scores)), *evenly[len(scores) :]]
    places = {case.id: position for position, case in enumerate(cases)}
    asked = [places[case] for case in wanted if case in places]
    order = dict.fromkeys((*evenly[:OPENED], *asked, *evenly))

    chosen: dict[int, Exhibit] = {}
    left, pictures = budget, 0
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for position in order:
            case = cases[position]
            files = {source.label: views_of(source, case.id, seed) for source in table.sources}
            pictures += sum(map(len, files.values()))
            if chosen and pictures > MAX_PICTURES:
                break
            side = LARGE_THUMBNAIL if len(chosen) < OPENED or len(table.sources) <= FEW else THUMBNAIL
            strips = tuple(
                Strip(
                    source,
                    tuple(pool.map(partial(shot, side=side, root=source.run.path), files[source.label])),
                    _primary_values(table, source, case, values),
                    _maps_of(source, case.id, seed, len(files[source.label])),
                    values.get((source.label, case.id, ranked_by.name)) if ranked_by else None,
                )
                for source in table.sources
            )
            left -= _size(strips, opens=len(chosen) < OPENED)
            if left < 0:
                break
            case = case.model_copy(update={"prompt": shortened(case.prompt)})
            chosen[position] = Exhibit(case, scores.get(case.id), strips)
    first, others = sorted(list(chosen)[:OPENED]), sorted(list(chosen)[OPENED:])
    exhibits = tuple(chosen[position] for position in (*first, *others))
    drawn = {item.metric for exhibit in exhibits for strip in exhibit.strips for item in strip.maps}
    shown = tuple(legend for legend in legends(table.runs) if legend.metric in drawn)
    return Gallery(exhibits, total, ranked_by, seed, _view_names(table, exhibits), shown)


def _size(strips: Sequence[Strip], *, opens: bool) -> int:
    """Characters; thumbnails of objects that open the page count twice, for they may stand there too."""
    twice = sum(len(shot.thumbnail) for strip in strips for shot in strip.shots) if opens else 0
    return sum(strip.size for strip in strips) + twice


def shortened(prompt: str, most: int = MAX_PROMPT) -> str:
    """A prompt as a caption: prompts are strangers', and a page has room for some hundred letters."""
    prompt = visible(prompt)
    return prompt if len(prompt) <= most else prompt[:most].rstrip() + " …"


def spread(n: int) -> Iterator[int]:
    """0 .. n-1 such that every beginning covers the range: the ends, the middle, then the middles of what is between.

    >>> list(spread(6))
    [0, 5, 2, 1, 3, 4]
    """
    seen: set[int] = set()
    level = 0
    while len(seen) < n:
        parts = 2**level
        for part in range(parts + 1):
            position = part * (n - 1) // parts
            if position not in seen:
                seen.add(position)
                yield position
        level += 1


ValuesPerCase = Mapping[tuple[str, str, str], float]  # (source label, case, metric) -> mean over its views


def _values_per_case(table: Table, seed: int | None) -> ValuesPerCase:
    """Object values of the seed that is shown, means over views where a metric has a value a view."""
    found: dict[tuple[str, str, str], float] = {}
    for run in table.runs:
        shown = [row for row in run.score_rows if seed is None or row.seed == seed]
        labels = {source.generator.name: source.label for source in table.sources if source.run is run}
        for metric in run.summary.primary:
            for generator, values in object_values(shown, metric).items():
                if generator in labels:
                    found |= {(labels[generator], case, metric): value for case, value in values.items()}
    return found


def _ranking(table: Table, cases: list[CaseInfo], values: ValuesPerCase) -> tuple[MetricInfo, dict[str, float]] | None:
    """The first primary metric with object values, and each object's mean over the generators that compete."""
    judges = [source for source in table.sources if not source.calibrates] or list(table.sources)
    for column in table.columns:
        if not column.primary:
            continue
        name = column.metric.name
        scores = {}
        for case in cases:
            mine = [values[key] for source in judges if (key := (source.label, case.id, name)) in values]
            if mine:
                scores[case.id] = float(np.mean(mine))
        if scores:
            return column.metric, scores
    return None


def _primary_values(
    table: Table, source: Source, case: CaseInfo, values: ValuesPerCase
) -> tuple[tuple[MetricInfo, float | None], ...]:
    shown = {column.metric.name: column.metric for column in table.columns if column.primary}
    per_object = {metric for _, _, metric in values}
    return tuple(
        (metric, values.get((source.label, case.id, name))) for name, metric in shown.items() if name in per_object
    )


def views_of(source: Source, case: str, seed: int | None) -> list[Path]:
    """The sample's picture files in view order; none when the folder is gone or a name would leave the run folder."""
    name = source.generator.name
    if seed is None or not (is_name(name) and is_name(case)):
        return []
    return stored_views(sample_folder(source.run.layout.samples, name, case, seed))


def shots(source: Source, case: str, seed: int | None, side: int) -> tuple[Shot, ...]:
    """The views of one sample as thumbnails alone, at most `side` px wide."""
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        draw = partial(shot, side=side, root=source.run.path, with_full=False)
        return tuple(pool.map(draw, views_of(source, case, seed)))


def _maps_of(source: Source, case: str, seed: int | None, views: int) -> tuple[ErrorMap, ...]:
    return read_maps(source.run, source.generator.name, case, seed, views) if views and seed is not None else ()


def shot(path: Path, side: int, root: Path, with_full: bool = True) -> Shot:
    """A picture file of a run folder, `root`, as a thumbnail of at most `side` px and a full-size picture."""
    if leads_out(root, path):
        return Shot("", "", "a link that leads out of the run folder is not followed")
    try:
        picture = Image.fromarray(read_picture(path))
    except ImageError as error:
        return Shot("", "", error.message)
    picture.thumbnail((FULL, FULL), Image.Resampling.LANCZOS)
    full = data_uri(picture, _FULL_QUALITY) if with_full else ""
    picture.thumbnail((side, side), Image.Resampling.BICUBIC)
    return Shot(data_uri(picture, _THUMBNAIL_QUALITY), full)


def data_uri(picture: Image.Image, quality: int = _THUMBNAIL_QUALITY) -> str:
    """A picture as WebP, inlined."""
    encoded = io.BytesIO()
    picture.save(encoded, format="WEBP", quality=quality, method=_FAST)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _view_names(table: Table, exhibits: tuple[Exhibit, ...]) -> tuple[str, ...]:
    """'azimuth 90°' where the suite lists azimuths, 'azimuth 90°, elevation 20°' of its own, else 'view 2'."""
    count = max((len(strip.shots) for exhibit in exhibits for strip in exhibit.strips), default=0)
    views = table.runs[0].summary.views
    if len(views.azimuths) == count:
        heights = views.elevation if isinstance(views.elevation, tuple) else [None] * count
        return tuple(", ".join(_angles(*pair)) for pair in zip(views.azimuths, heights, strict=True))
    return tuple(f"view {number + 1}" for number in range(count))


def own_view_names(case: CaseInfo) -> tuple[str, ...]:
    """What a case's views are called, where it has cameras of its own."""
    return tuple(", ".join(_angles(*pair)) for pair in case.views)


def _angles(azimuth: float, elevation: float | None) -> Iterator[str]:
    yield f"azimuth {azimuth:g}°"
    if elevation is not None:
        yield f"elevation {elevation:g}°"
