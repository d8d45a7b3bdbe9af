"""The pictures of the objects that decide: what the two best generators made of them, and where each went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from bench.errors import ImageError
from bench.results.deciding import Decider
from bench.results.layout import is_name
from bench.results.summary import CaseInfo
from bench.suite.views import srgb
from groundwork.pictures import WHITE, read_picture
from reports.deciders import Duel, duels
from reports.gallery import Gallery, Shot, data_uri, own_view_names, shortened, shots, views_of
from reports.maps import ErrorMap, read_maps
from reports.nearest_pictures import Neighbour, Neighbourhood, neighbourhood
from reports.reference_pictures import Beside, beside
from reports.silhouettes import asked_masks, overlay
from reports.table import Source, Table

SIDE = 192  # px of a thumbnail and an overlay
MOST_PROMPT = 160  # letters: the gallery has more of them


@dataclass(frozen=True)
class Side:
    """One generator's answer: its views, its silhouettes against the asked ones (control metrics), its error maps.

    `nearest`: the reference's picture nearest to each view (realism), where the run stored which.
    """

    source: Source
    value: float | None
    shots: tuple[Shot, ...]
    silhouettes: tuple[str, ...]
    maps: tuple[ErrorMap, ...]
    nearest: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Exhibit:
    """One object that decides. `place` is its number in the gallery, None where the gallery does not show it.

    `beside` is what the two are to be held against, where the metric is a distance to a reference.
    """

    case: CaseInfo
    decider: Decider
    sides: tuple[Side, Side]
    place: int | None
    beside: Side | None = None

    @property
    def views(self) -> tuple[str, ...]:
        """What its views are called, where it has cameras of its own."""
        return own_view_names(self.case)


@dataclass(frozen=True)
class Evidence:
    """A duel with its pictures; none where the samples are gone."""

    duel: Duel
    exhibits: tuple[Exhibit, ...]
    beside: Beside | None = None
    nearby: Neighbourhood | None = None

    @property
    def overlaid(self) -> bool:
        """Whether silhouettes are drawn."""
        return any(side.silhouettes for exhibit in self.exhibits for side in exhibit.sides)


def deciding_cases(table: Table) -> tuple[str, ...]:
    """Cases that decide a primary metric, each once, the loudest of every metric first."""
    found = [duel.objects for duel in duels(table)]
    longest = max(map(len, found), default=0)
    return tuple(dict.fromkeys(some[i].case for i in range(longest) for some in found if i < len(some)))


def evidence(table: Table, gallery: Gallery) -> tuple[Evidence, ...]:
    """The evidence of each primary metric, in the table's order."""
    cases = {case.id: case for run in table.runs for case in run.cases}
    places = {exhibit.case.id: number for number, exhibit in enumerate(gallery.exhibits)}
    found = []
    for duel in duels(table):
        exhibits = []
        nearby = neighbourhood(table.runs[0], duel.column)
        against = beside(table, duel.column, nearby)
        for decider in duel.objects:
            case = cases.get(decider.case, CaseInfo(id=decider.case))
            case = case.model_copy(update={"prompt": shortened(case.prompt, MOST_PROMPT)})
            first, second = decider.values or (None, None)
            sides = (
                _side(duel, duel.a, first, decider.case, gallery.seed, nearby),
                _side(duel, duel.b, second, decider.case, gallery.seed, nearby),
            )
            third = against.source if against is not None else None
            held = _side(duel, third, None, decider.case, gallery.seed) if third is not None else None
            exhibits.append(Exhibit(case, decider, sides, places.get(decider.case), held))
        found.append(Evidence(duel, tuple(exhibits), against, nearby))
    return tuple(found)


def _side(
    duel: Duel, source: Source, value: float | None, case: str, seed: int | None, nearby: Neighbourhood | None = None
) -> Side:
    if seed is None or not is_name(case):
        return Side(source, value, (), (), ())
    made = shots(source, case, seed, SIDE)
    silhouettes = _silhouettes(source, case, seed, made) if duel.column.metric.axis == "control" else ()
    maps = () if silhouettes else read_maps(source.run, source.generator.name, case, seed, len(made))
    if duel.column.metric.axis not in ("consistency", "control"):
        maps = ()  # they say where views disagree, which is not what this metric judges
    near = nearby.of(source.generator.name, case, seed) if nearby is not None else ()
    return Side(source, value, made, silhouettes, maps, near if len(near) == len(made) else ())


def _silhouettes(source: Source, case: str, seed: int, made: Sequence[Shot]) -> tuple[str, ...]:
    masks = asked_masks(source.run, case, seed, len(made))
    drawn = []
    for path, shot, mask in zip(views_of(source, case, seed), made, masks, strict=False):
        try:
            picture = None if shot.problem else read_picture(path)
        except ImageError:
            picture = None
        drawn.append(
            "" if picture is None else data_uri(Image.fromarray(overlay(picture, mask, _ground(source), SIDE)))
        )
    return tuple(drawn)


def _ground(source: Source) -> tuple[float, float, float]:
    try:
        return srgb(source.run.summary.views.background)
    except ValueError:  # a stranger's word
        return WHITE
