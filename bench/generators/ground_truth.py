"""Renders of the cases' own textured meshes: the perfect answer that calibration generators start from.

Every corruption starts from the same renders, so they are kept in memory, up to a limit, for the process' life.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.cases.case import Case
from bench.errors import MeshError
from bench.geometry.cameras import Cameras, cameras_digest
from groundwork.hashing import hash_strings
from groundwork.pictures import enlarged

MEMORY_LIMIT = 512 * 2**20  # bytes
SUPERSAMPLE = 4


@dataclass(frozen=True)
class GroundTruth:
    """`views` uint8 (V, H, W, 3) sRGB on the background; `alpha` float32 (V, H, W), the covered part of a pixel."""

    views: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.float32]


_kept: OrderedDict[str, GroundTruth] = OrderedDict()


def ground_truth(case: Case, cameras: Cameras, background: tuple[float, float, float], device: str) -> GroundTruth:
    """The case's own appearance in every view. Raises `MeshError` for a case without mesh, or a mesh without looks."""
    from bench.geometry.rendering import render_views

    if case.mesh is None:
        raise MeshError(f"case '{case.id}' has no mesh, so there is no ground truth to render")
    key = hash_strings([case.mesh.fingerprint, cameras_digest(cameras), repr(background), device])
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    mesh = case.mesh.load()
    if mesh.unpainted:
        raise MeshError(f"the mesh of case '{case.id}' cannot be painted: {mesh.unpainted}")
    if not mesh.has_appearance:
        raise MeshError(
            f"the mesh of case '{case.id}' has neither a texture with coordinates nor vertex colours",
            expected="a textured mesh (GLB, or OBJ with its MTL and picture)",
            hint="calibration generators need the objects' own look; leave them out for untextured meshes",
        )
    made = GroundTruth(*render_views(mesh, cameras, background, device, SUPERSAMPLE))
    _kept[key] = made
    while sum(g.views.nbytes + g.alpha.nbytes for g in _kept.values()) > MEMORY_LIMIT and len(_kept) > 1:
        _kept.popitem(last=False)
    return made


def small_views(
    case: Case, cameras: Cameras, background: tuple[float, float, float], device: str, size: int | None
) -> npt.NDArray[np.uint8]:
    """`views` of `ground_truth`; with a `size` rendered at that many pixels a side, then enlarged to the cameras'.

    The best that a model which paints pictures of that size can show.
    """
    if size is None:
        return ground_truth(case, cameras, background, device).views
    small = ground_truth(case, cameras.at_resolution(size), background, device).views
    return enlarged(small, cameras.resolution)
