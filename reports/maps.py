"""Error maps for the gallery: read from the run folder as they are, with the legend of their fixed colour scale."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import ImageError
from bench.heat import UNSCORED, colours, position
from bench.results.layout import map_file
from bench.results.read import RunResults
from bench.results.summary import ErrorMapInfo
from groundwork.files import leads_out
from groundwork.pictures import decode_rgba

MAX_BYTES = 1_000_000
_TICKS = (0.0, 0.04, 0.2, 0.6, 1.0)  # of the scale's end; drawn at the square root of it


@dataclass(frozen=True)
class Legend:
    """What the colours of a metric's maps mean. `ticks`: (error, place from 0 to 100 along the bar)."""

    metric: str
    unit: str
    gradient: str
    unscored: str
    ticks: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ErrorMap:
    """The maps of all views of one sample, left to right, in one picture (a data URI)."""

    metric: str
    strip: str


def legends(runs: Sequence[RunResults]) -> tuple[Legend, ...]:
    """A legend for each metric whose maps the runs hold."""
    drawn = {info.metric: info for run in runs for info in run.summary.error_maps}
    return tuple(_legend(info) for info in drawn.values())


def read_maps(run: RunResults, generator: str, case: str, seed: int, views: int) -> tuple[ErrorMap, ...]:
    """The maps of a sample of `views` pictures.

    A map that is gone, unreadable or not of so many square views is left out.
    """
    found = []
    for info in run.summary.error_maps:
        path = map_file(run.layout.maps, generator, case, seed, info.metric)
        strip = "" if leads_out(run.path, path) else _strip(path, views)
        if strip:
            found.append(ErrorMap(info.metric, strip))
    return tuple(found)


def _strip(path: Path, views: int) -> str:
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return ""
        content = path.read_bytes()
        height, width = decode_rgba(content, str(path)).shape[:2]
    except (OSError, ImageError):
        return ""
    if width != views * height:
        return ""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _legend(info: ErrorMapInfo) -> Legend:
    scale = ", ".join(_hex(colour) for colour in colours().tolist())
    ticks = tuple((f"{share * info.top:.2g}", round(100 * position(share * info.top, info.top), 1)) for share in _TICKS)
    return Legend(info.metric, info.unit, f"linear-gradient(to right, {scale})", _hex(UNSCORED), ticks)


def _hex(colour: Sequence[int]) -> str:
    return "#" + bytes(colour).hex()
