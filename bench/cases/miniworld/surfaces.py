"""Surfaces that the mini-world's shapes are made of: grids of points, one texture chart each.

A grid's columns run to the right and its rows upwards as seen from outside, so that every surface knows its outside and
maps to a rectangle of the texture atlas. Grids meet in equal positions; poles are rows of equal points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.geometry.mesh import FloatArray

Vector = Sequence[float] | FloatArray

SEGMENTS = 48  # round a full turn

# right, up and outward (axis, sign) of a box's faces; right x up = outward
_BOX_FACES = (
    ((0, 1), (1, 1), (2, 1)),
    ((0, -1), (1, 1), (2, -1)),
    ((2, -1), (1, 1), (0, 1)),
    ((2, 1), (1, 1), (0, -1)),
    ((0, 1), (2, -1), (1, 1)),
    ((0, 1), (2, 1), (1, -1)),
)


@dataclass(frozen=True)
class Surface:
    """`points` float64 (rows, columns, 3). A `group` shares smooth normals; `slot` 0 is the main part, 1 the accent."""

    points: FloatArray
    group: int
    slot: int = 0


def revolve(profile: Sequence[tuple[float, float]] | FloatArray, group: int, slot: int = 0) -> Surface:
    """A (radius, height) profile, bottom to top on the outside, turned round the y axis; the seam is at the back."""
    radius, height = np.asarray(profile, dtype=np.float64).T
    angle = np.pi + np.linspace(0.0, 2 * np.pi, SEGMENTS + 1)
    sine, cosine = np.sin(angle), np.cos(angle)
    sine[-1], cosine[-1] = sine[0], cosine[0]
    heights = np.broadcast_to(height[:, None], (len(height), SEGMENTS + 1))
    return Surface(np.stack([radius[:, None] * sine, heights, radius[:, None] * cosine], axis=-1), group, slot)


def bevelled(corners: Sequence[tuple[float, float]], bevel: float, spacing: float = 0.035) -> FloatArray:
    """A profile through `corners` with its inner corners rounded to `bevel` and its straights cut to `spacing`."""
    points = [np.asarray(corner, dtype=np.float64) for corner in corners]
    path = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        reach = min(bevel, 0.45 * float(np.linalg.norm(before - corner)), 0.45 * float(np.linalg.norm(after - corner)))
        start = corner + reach * (before - corner) / np.linalg.norm(before - corner)
        end = corner + reach * (after - corner) / np.linalg.norm(after - corner)
        t = np.linspace(0.0, 1.0, 6)[:, None]
        path.extend((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)  # quadratic Bezier
    path.append(points[-1])
    fine = [path[0]]
    for a, b in pairwise(path):
        steps = max(1, int(np.ceil(np.linalg.norm(b - a) / spacing)))
        fine.extend(a + (b - a) * (k / steps) for k in range(1, steps + 1))
    return np.stack(fine)


def tube(path: FloatArray, radii: FloatArray, up: Vector, group: int, slot: int = 0, ring: int = 24) -> Surface:
    """A round tube along `path` (K, 3) with `radii` (K,). `up` must never be parallel to the path."""
    tangent = np.gradient(path, axis=0)
    if np.allclose(path[0], path[-1]):  # closed: the ends share one tangent
        tangent[0] = tangent[-1] = path[1] - path[-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    first = np.cross(np.asarray(up, dtype=np.float64), tangent)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(tangent, first)
    angle = np.linspace(0.0, 2 * np.pi, ring + 1)
    sine, cosine = np.sin(angle), np.cos(angle)
    sine[-1], cosine[-1] = sine[0], cosine[0]
    spokes = first[:, None] * cosine[None, :, None] + second[:, None] * sine[None, :, None]
    return Surface(path[:, None] + radii[:, None, None] * spokes, group, slot)


def capsule(start: Vector, end: Vector, radii: tuple[float, float], group: int, slot: int = 0) -> Surface:
    """A limb from `start` to `end` with half-spheres of `radii` at its ends."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    axis = (b - a) / np.linalg.norm(b - a)
    quarter = np.linspace(0.0, np.pi / 2, 7)
    steps = np.linspace(0.0, 1.0, max(2, int(np.linalg.norm(b - a) / 0.04)))[1:-1]
    along = [a - axis * radii[0] * c for c in np.cos(quarter)]
    along += [a + (b - a) * t for t in steps] + [b + axis * radii[1] * s for s in np.sin(quarter)]
    thick = [radii[0] * s for s in np.sin(quarter)]
    thick += [radii[0] + (radii[1] - radii[0]) * t for t in steps] + [radii[1] * c for c in np.cos(quarter)]
    thick[0] = thick[-1] = 0.0
    up = (1.0, 0.0, 0.0) if abs(axis[0]) < 0.8 else (0.0, 0.0, 1.0)
    return tube(np.stack(along), np.asarray(thick), up, group, slot, ring=20)


def ellipsoid(centre: Vector, radii: Vector, group: int, slot: int = 0, pitch: float = 0.0) -> Surface:
    """An ellipsoid, tipped forwards by `pitch` degrees round the x axis."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 25)
    profile = np.stack([np.cos(latitude), np.sin(latitude)], axis=1)
    profile[[0, -1], 0] = 0.0
    points = revolve(profile, group, slot).points * np.asarray(radii, dtype=np.float64)
    c, s = np.cos(np.deg2rad(pitch)), np.sin(np.deg2rad(pitch))
    turn = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    return Surface(points @ turn.T + np.asarray(centre, dtype=np.float64), group, slot)


def rounded_box(
    centre: Vector, size: Vector, radius: float, group: int, slot: int = 0, spacing: float = 0.05
) -> list[Surface]:
    """A box whose edges are rounded to `radius`: six faces, flat inside, smooth across the edges."""
    half = np.asarray(size, dtype=np.float64) / 2
    radius = min(radius, 0.49 * float(half.min()))
    surfaces = []
    for (right, right_sign), (up, up_sign), (out, out_sign) in _BOX_FACES:
        a = _cuts(half[right], radius, spacing) * right_sign
        b = _cuts(half[up], radius, spacing) * up_sign
        points = np.empty((len(b), len(a), 3))
        points[..., right] = a[None, :]
        points[..., up] = b[:, None]
        points[..., out] = half[out] * out_sign
        inner = np.clip(points, -(half - radius), half - radius)
        away = points - inner
        away /= np.linalg.norm(away, axis=-1, keepdims=True)
        surfaces.append(Surface(inner + radius * away + np.asarray(centre, dtype=np.float64), group, slot))
    return surfaces


def _cuts(half: float, radius: float, spacing: float) -> FloatArray:
    """Coordinates from -half to half: three steps over each rounded edge, regular ones over the flat between."""
    # tangents of equal angles put the steps of the rounded edge at equal arcs
    edge = radius * np.tan(np.linspace(0.0, np.pi / 4, 4))
    flat = np.linspace(-(half - radius), half - radius, max(2, int(np.ceil(2 * (half - radius) / spacing)) + 1))
    return np.concatenate([-(half - radius) - edge[:0:-1], flat, half - radius + edge[1:]])
