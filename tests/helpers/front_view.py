"""What a mesh looks like from the front, at a few places."""

from __future__ import annotations

from pathlib import Path

from bench.cases.mesh_file import MeshFile
from bench.geometry.cameras import view_cameras
from bench.geometry.rendering import render_albedo

RESOLUTION = 64
SIDE = RESOLUTION / 1.1  # pixels of the longest side of a mesh


def colours_at(path: Path, *places: tuple[float, float]) -> list[list[int]]:
    """Colours of the front view; places count from the top left of the mesh's box, whose longest side is 1."""
    cameras = view_cameras((0.0,), 0.0, "orthographic", 40.0, RESOLUTION)
    picture = render_albedo(MeshFile(path).load(), cameras, (1.0, 1.0, 1.0))[0]
    pixels = [(int(RESOLUTION / 2 + (y - 0.5) * SIDE), int(RESOLUTION / 2 + (x - 0.5) * SIDE)) for x, y in places]
    return [picture[row, column].tolist() for row, column in pixels]


QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
