"""Pictures for the page: which objects to show, and how many of them fit.

All objects of a large run do not fit into one file. Objects are ranked by the first primary metric that has a value per
object (mean over the generators that compete) and shown spread evenly over that ranking, worst, best and median first:
the reader sees the range, not the lucky end. Without such a metric they come in suite order.
"""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import ImageError
from groundwork.pictures import SUFFIXES, read_picture
from reports.maps import ErrorMap, Legend, legends, read_maps
from reports.run_folder import CaseInfo, MetricInfo
from reports.table import Source, Table

THUMBNAIL, LARGE_THUMBNAIL = 144, 256  # px, about twice the size that they are shown at
FEW = 4  # generators that share a line of the page, and so have room for large thumbnails
FULL = 768
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


@dataclass(frozen=True)
class Gallery:
    """The objects shown, worst first (or in suite order), of `total`; `ranked_by` is None in suite order."""

    exhibits: tuple[Exhibit, ...]
    total: int
    ranked_by: MetricInfo | None
    seed: int | None
    views: tuple[str, ...]
    legends: tuple[Legend, ...] = ()

    @property
    def size(self) -> int:
        """Characters that it adds to the page."""
        return sum(strip.size for exhibit in self.exhibits for strip in exhibit.strips)


def build_gallery(table: Table, budget: int) -> Gallery:
    """As many objects as fit into `budget` characters of data URIs and `MAX_PICTURES`; none when no sample is left."""
    cases = list({case.id: case for run in table.runs for case in run.cases}.values())
    seeds = [seed for run in table.runs for seed in run.summary.seeds]
    seed = seeds[0] if seeds else None
    values = _values_per_case(table, seed)
    ranking = _ranking(table, cases, values)
    ranked_by, scores = ranking if ranking else (None, {})
    if ranked_by is not None:
        sign = 1.0 if ranked_by.direction == "up" else -1.0
        cases.sort(key=lambda case: (case.id not in scores, sign * scores.get(case.id, 0.0)))
        order: Iterable[int] = spread(len(cases))
    else:
        order = range(len(cases))

    side = LARGE_THUMBNAIL if len(table.sources) <= FEW else THUMBNAIL
    chosen: dict[int, Exhibit] = {}
    left, pictures = budget, 0
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for position in order:
            case = cases[position]
            files = {source.label: _views_of(source, case.id, seed) for source in table.sources}
            count = sum(map(len, files.values()))
            if not count:
                continue
            pictures += count
            if chosen and pictures > MAX_PICTURES:
                break
            strips = tuple(
                Strip(
                    source,
                    tuple(pool.map(partial(_shot, side=side), files[source.label])),
                    _primary_values(table, source, case, values),
                    _maps_of(source, files[source.label]),
                    values.get((source.label, case.id, ranked_by.name)) if ranked_by else None,
                )
                for source in table.sources
            )
            left -= sum(strip.size for strip in strips)
            if left < 0:
                break
            case = case.model_copy(update={"prompt": shortened(case.prompt)})
            chosen[position] = Exhibit(case, scores.get(case.id), strips)
    exhibits = tuple(chosen[position] for position in sorted(chosen))
    drawn = {item.metric for exhibit in exhibits for strip in exhibit.strips for item in strip.maps}
    shown = tuple(legend for legend in legends(table.runs) if legend.metric in drawn)
    return Gallery(exhibits, len(cases), ranked_by, seed, _view_names(table, exhibits), shown)


def shortened(prompt: str) -> str:
    """A prompt as a caption: prompts are strangers', and a page has room for some hundred letters."""
    return prompt if len(prompt) <= MAX_PROMPT else prompt[:MAX_PROMPT].rstrip() + " …"


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
    """Object values of the seed that is shown. Rows of the pooled views (view -1 or none) win over single views."""
    found: dict[tuple[str, str, str], float] = {}
    for run in table.runs:
        scores = run.scores
        names = [name for name in run.summary.primary if name in set(scores["metric"])]
        kept = scores[scores["metric"].isin(names) & (scores["status"] == "ok") & scores["case"].fillna("").ne("")]
        if seed is not None:
            kept = kept[kept["seed"] == seed]
        pooled = kept["view"].isna() | (kept["view"] == -1)
        labels = {source.generator.name: source.label for source in table.sources if source.run is run}
        for part in (kept[~pooled], kept[pooled]):
            means = part.groupby(["generator", "case", "metric"], observed=True, as_index=False)["value"].mean()
            columns = (means[name].tolist() for name in ("generator", "case", "metric", "value"))
            for generator, case, metric, value in zip(*columns, strict=True):
                if generator in labels and math.isfinite(value):
                    found[labels[generator], case, metric] = value
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


def _views_of(source: Source, case: str, seed: int | None) -> list[Path]:
    """The sample's picture files in view order; none when the folder is gone or a name would leave the run folder."""
    folder = source.run.path / "samples"
    for part in (source.generator.name, case):
        if part in ("", ".", "..") or Path(part).name != part or "\\" in part:
            return []
        folder /= part
    if seed is not None:
        folder /= f"seed_{seed}"
    views = {}
    if folder.is_dir():
        for path in folder.glob("view_*"):
            number = path.stem.removeprefix("view_")
            if path.suffix.lower() in SUFFIXES and number.isdecimal():
                views[int(number)] = path
    return [views[number] for number in sorted(views)]


def _maps_of(source: Source, views: list[Path]) -> tuple[ErrorMap, ...]:
    return read_maps(source.run, views[0].parent, len(views)) if views else ()


def _shot(path: Path, side: int) -> Shot:
    try:
        picture = Image.fromarray(read_picture(path))
    except ImageError as error:
        return Shot("", "", error.message)
    picture.thumbnail((FULL, FULL), Image.Resampling.LANCZOS)
    full = _data_uri(picture, _FULL_QUALITY)
    picture.thumbnail((side, side), Image.Resampling.BICUBIC)
    return Shot(_data_uri(picture, _THUMBNAIL_QUALITY), full)


def _data_uri(picture: Image.Image, quality: int) -> str:
    encoded = io.BytesIO()
    picture.save(encoded, format="WEBP", quality=quality, method=_FAST)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _view_names(table: Table, exhibits: tuple[Exhibit, ...]) -> tuple[str, ...]:
    """'azimuth 90°' where the suite lists azimuths, 'azimuth 90°, elevation 20°' of its own, else 'view 2'."""
    count = max((len(strip.shots) for exhibit in exhibits for strip in exhibit.strips), default=0)
    azimuths = table.runs[0].summary.views.get("azimuths")
    if isinstance(azimuths, list) and len(azimuths) == count:
        elevation = table.runs[0].summary.views.get("elevation")
        heights = elevation if isinstance(elevation, list) and len(elevation) == count else [None] * count
        return tuple(", ".join(_angles(*pair)) for pair in zip(azimuths, heights, strict=True))
    return tuple(f"view {number + 1}" for number in range(count))


def _angles(azimuth: object, elevation: object) -> Iterator[str]:
    yield f"azimuth {str(azimuth).removesuffix('.0')}°"
    if elevation is not None:
        yield f"elevation {str(elevation).removesuffix('.0')}°"
