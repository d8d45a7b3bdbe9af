"""The cameras that a suite's views mean. Apart from the schema, which must not wait for torch."""

from __future__ import annotations

from bench.geometry.cameras import Cameras, view_cameras
from bench.suite.schema import Views


def cameras_of(views: Views, resolution: int | None = None) -> Cameras:
    """The cameras of all objects, in view order; with a `resolution` for pictures of that many pixels a side."""
    v = views
    side = v.resolution if resolution is None else resolution
    return view_cameras(v.azimuths, v.elevation, v.projection, v.fov, side, v.distance, v.frame)
