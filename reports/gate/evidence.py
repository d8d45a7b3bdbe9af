"""The objects that got worse, as pictures: before, after, and where.

Pictures come from the two run folders, where these still hold them; a baseline directory has none. "Where" is the
candidate's error map of the result in question; without one, the change of each pixel itself.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.gate.document import GatedResult, GatePage, ObjectHarm
from bench.heat import colours
from bench.results.layout import RunLayout, is_name, map_file, sample_folder, stored_views
from groundwork.errors import ImageError
from groundwork.files import leads_out
from groundwork.pictures import read_picture

SHOWN = 10
VIEWS = 4
_SIDE = 176  # px of a view in a strip
_QUALITY = 80
_MAX_MAP_BYTES = 1_000_000
_TOP = 0.25  # of the largest change that a pixel can have: the end of the colour scale
_ORDER = ("regression", "missing", "inconclusive", "incomparable", "pass", "improved")

Strip = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """Where one side's pictures lie: a run folder, the generator's name there, and the seed that is shown."""

    root: Path
    generator: str
    seed: int


@dataclass(frozen=True)
class Exhibit:
    """One object: data URIs of its strips ('' where there is no picture), and what it adds to each result's harm."""

    case: str
    harms: tuple[tuple[GatedResult, ObjectHarm], ...]
    before: str
    after: str
    where: str
    where_title: str


def worst_objects(page: GatePage, limit: int = SHOWN) -> list[str]:
    """The objects that got worse, of the worst results first; results of one verdict take turns."""
    found: dict[str, None] = {}
    for verdict in _ORDER:
        lists = [[one.case for one in result.worst] for result in page.results if result.verdict == verdict]
        for place in range(max(map(len, lists), default=0)):
            found |= {cases[place]: None for cases in lists if place < len(cases)}
    return list(found)[:limit]


def exhibits(page: GatePage, before: Pictures | None, after: Pictures | None) -> list[Exhibit]:
    """What can be shown of the objects that got worse; nothing when the candidate's pictures are gone."""
    if after is None:
        return []
    return [_exhibit(page, case, before, after) for case in worst_objects(page) if is_name(case)]


def _exhibit(page: GatePage, case: str, before: Pictures | None, after: Pictures) -> Exhibit:
    harms = [(result, one) for result in page.results for one in result.worst if one.case == case]
    old, new = (_views(side, case) if side is not None else [] for side in (before, after))
    where, title = _map(after, case, [result.metric for result, _ in harms])
    if not where and old and len(old) == len(new):
        where, title = _uri(np.concatenate([_change(a, b) for a, b in zip(old, new, strict=True)], axis=1)), "change"
    return Exhibit(case, tuple(harms), _strip(old), _strip(new), where, title)


def _views(side: Pictures, case: str) -> list[Strip]:
    folder = sample_folder(RunLayout(side.root).samples, side.generator, case, side.seed)
    views = []
    for path in stored_views(folder)[:VIEWS]:
        if leads_out(side.root, path):
            return []
        try:
            picture = Image.fromarray(read_picture(path))
        except ImageError:
            return []
        views.append(np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)))
    return views


def _strip(views: Sequence[Strip]) -> str:
    return _uri(np.concatenate(list(views), axis=1)) if views else ""


def _uri(strip: Strip) -> str:
    encoded = io.BytesIO()
    Image.fromarray(strip).save(encoded, "WEBP", quality=_QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _map(side: Pictures, case: str, metrics: Sequence[str]) -> tuple[str, str]:
    maps = RunLayout(side.root).maps
    for metric in metrics:
        path = map_file(maps, side.generator, case, side.seed, metric)
        try:
            if not leads_out(side.root, path) and path.is_file() and path.stat().st_size <= _MAX_MAP_BYTES:
                read_picture(path)  # what is no picture is not shown as one
                return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii"), metric
        except (OSError, ImageError):
            continue
    return "", ""


def _change(before: Strip, after: Strip) -> Strip:
    """How much each pixel changed, on the scale of the error maps."""
    change = np.abs(after.astype(np.float64) - before).mean(axis=2) / 255.0
    scale = colours()
    level = np.round(np.sqrt(np.clip(change / _TOP, 0.0, 1.0)) * (len(scale) - 1)).astype(np.intp)
    painted: Strip = scale[level]
    return painted
