"""The cameras that a suite's views mean. Apart from the schema, which must not wait for torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.cases.case import Case
from bench.errors import UsageError
from bench.geometry.cameras import Cameras, view_cameras
from bench.suite.views import Views


def cameras_of(views: Views, resolution: int | None = None) -> Cameras:
    """The cameras of all objects, in view order; with a `resolution` for pictures of that many pixels a side.

    Raises `UsageError` where each object has its own.
    """
    v = views
    if v.cameras is not None:
        raise UsageError(
            "each case of this suite has cameras of its own",
            where="views.cameras",
            expected="a suite with one set of views for all cases: azimuths, elevation, projection, fov",
        )
    side = v.resolution if resolution is None else resolution
    return view_cameras(v.azimuths, v.elevation, v.projection, v.fov, side, v.distance, v.frame)


def with_cameras(cases: Sequence[Case], views: Views) -> tuple[Case, ...]:
    """The cases, each with its own cameras where the suite's views are told by files.

    A case whose files are missing or broken carries the reason. Raises `InputError` where there are no files at all.
    """
    told = views.cameras
    if told is None:
        return tuple(cases)
    from bench.layouts.case_cameras import read_case_cameras

    found = read_case_cameras(
        told.path,
        [case.id for case in cases],
        views.resolution,
        convention=told.convention,
        up=told.up,
        size=told.size,
        fov=told.fov,
        take=told.take,
    )
    return tuple(replace(case, cameras=found[case.id]) for case in cases)
