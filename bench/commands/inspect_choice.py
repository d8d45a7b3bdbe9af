"""What `inspect` proposes beside an order: a program's layout, and other views where the suite's do not fit."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError
from bench.suite.views import Views

if TYPE_CHECKING:
    from bench.layouts.order import Reading
    from bench.layouts.presets import Preset
    from bench.layouts.shape import Shape
    from bench.suite.schema import Suite

_FITS = 0.9  # of the outlines, by which the suite's own cameras are believed rather than a program's
_USUAL = 4  # views, which a suite that says nothing else has


@dataclass(frozen=True)
class Choice:
    """`program`: by name, and whether its own patterns read the folder. `views`: the suite's, where it needs others.

    `take` is which of the program's views are the suite's, `said` is why; `fits`: its cameras are the suite's.
    """

    program: tuple[str, bool] | None = None
    take: tuple[int, ...] = ()
    views: Views | None = None
    said: tuple[str, ...] = ()
    fits: bool = True


def choose(shape: Shape, side: int, programs: dict[str, Preset], suite: Suite | None) -> Choice:
    """The program that has the suite's views among its own, else the likeliest with its views; none: the size alone."""
    from bench.layouts.likeness import read_by

    for name, program in programs.items():
        take = None if suite is None else _taken(name, program, suite)
        if take is not None and suite is not None:
            said = f"order: as {program.program} writes it; the suite's views are among its own"
            return Choice((name, read_by(shape, program)), take, _sized(suite.views, side), (said,))
    for name, program in programs.items():
        views = Views.model_validate_json(json.dumps(program.fields()))
        views = views if suite is None else views.model_copy(update={"background": suite.views.background})
        said = f"views: those of {program.program}" + ("" if suite is None else ", which the suite's are not")
        return Choice(
            (name, read_by(shape, program)), tuple(range(len(program.azimuths))), views, (said,), suite is None
        )
    if suite is not None:
        return Choice(views=_sized(suite.views, side))
    if shape.count == _USUAL:
        said = "views: taken for 0, 90, 180 and 270 degrees, level: change `azimuths` and `elevation` if they are not"
        return Choice(views=Views(azimuths=Views().azimuths, resolution=side), said=(said,))
    return Choice(
        said=(f"views: not known; say which {shape.count} they are (azimuths, elevation, resolution: {side})",)
    )


def by_the_suite(suite: Suite, side: int, found: list[Reading]) -> Choice | None:
    """The choice without the program, where the meshes fit the pictures by the suite's own cameras; else None."""
    from bench.layouts.order import settled

    if not found or not settled(found) or found[0].outline < _FITS:
        return None
    return Choice(views=_sized(suite.views, side))


def held_against(choice: Choice, found: list[Reading]) -> Choice:
    """The choice, less the program where the meshes settle that the pictures lie otherwise."""
    if choice.program is None or not found:
        return choice
    from bench.layouts.order import settled

    best = found[0]
    if not settled(found):
        return choice
    if best.take == choice.take and not best.mirror and not best.turn:
        return choice
    said = f"the names say {choice.program[0]}, the meshes another order, which is the one to paste"
    return replace(choice, program=None, said=(*choice.said[:-1], said))


def views_to_paste(views: Views | dict[str, Any] | None, suite: Suite | None) -> str:
    """`views: {...}`; empty where the suite has these already, or nothing is known of them."""
    from bench.layouts.yaml_flow import flow

    if views is None:
        return ""
    if isinstance(views, Views):
        if suite is not None and views == suite.views:
            return ""
        return f"views: {flow(views.model_dump(mode='json', exclude_unset=True))}"
    told = Views.model_validate_json(json.dumps(views))
    if suite is not None and told.model_dump(exclude={"background"}) == suite.views.model_dump(exclude={"background"}):
        return ""
    return f"views: {flow(views)}"


def _sized(views: Views, side: int) -> Views:
    return views if views.resolution == side else views.model_copy(update={"resolution": side})


def _taken(name: str, program: Preset, suite: Suite) -> tuple[int, ...] | None:
    """Which of the program's views are the suite's; None where it looks through other cameras."""
    from bench.layouts.fit import check_cameras, views_of
    from bench.suite.cameras import cameras_of

    cameras = cameras_of(suite.views)
    try:
        check_cameras(program, name, cameras)
        return views_of(program, name, cameras)
    except UsageError:
        return None
