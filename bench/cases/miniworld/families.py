"""The families of shapes: what each is, which words describe it, and how its proportions are drawn.

Every family is a function of `proportion` in [0, 1] (the one parameter that words speak about: short to tall, thin to
thick) and of a generator for the details. Shapes are y up with their front towards +z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.cases.miniworld.surfaces import Surface, bevelled, capsule, ellipsoid, revolve, rounded_box, tube

Build = Callable[[float, np.random.Generator], list[Surface]]


@dataclass(frozen=True)
class Family:
    """`low` and `high` name the proportion's ends, `accent` the second part ('' where patterns are painted instead)."""

    noun: str
    low: str
    high: str
    accent: str
    build: Build
    materials: tuple[str, ...]  # photographs that suit it, see `photos.MATERIALS`


def _between(low: float, high: float, t: float) -> float:
    return low + (high - low) * t


def egg(p: float, rng: np.random.Generator) -> list[Surface]:
    """Taller from a near sphere on; the blunt end is below."""
    t = np.linspace(np.pi, 0.0, 41)
    radius = _between(0.48, 0.30, p) * np.sin(t) * (1 - rng.uniform(0.06, 0.2) * np.cos(t))
    radius[[0, -1]] = 0.0
    return [revolve(np.stack([radius, 0.5 * np.cos(t)], axis=1), group=0)]


def box(p: float, rng: np.random.Generator) -> list[Surface]:
    """A box with a lid that stands out a little."""
    width, depth, height = rng.uniform(0.7, 1.0), rng.uniform(0.5, 0.8), _between(0.35, 1.15, p)
    lid = rng.uniform(0.14, 0.24) * height
    edge = rng.uniform(0.012, 0.03)
    body = rounded_box((0, height / 2, 0), (width, height, depth), edge, group=0)
    top = (width + 0.06, lid, depth + 0.06)
    return body + rounded_box((0, height - lid / 2 + 0.01, 0), top, edge, group=1, slot=1)


def cylinder(p: float, rng: np.random.Generator) -> list[Surface]:
    """A can with rounded edges."""
    radius, bevel = _between(0.5, 0.2, p), rng.uniform(0.015, 0.05)
    height = _between(0.55, 1.0, p)
    return [revolve(bevelled([(0, 0), (radius, 0), (radius, height), (0, height)], bevel), group=0)]


def mug(p: float, rng: np.random.Generator) -> list[Surface]:
    """A mug with its handle on the side of +x."""
    height, top = _between(0.55, 1.0, p), _between(0.42, 0.30, p)
    foot, wall = top * rng.uniform(0.78, 1.0), 0.04
    inside = [(top - wall, height), (foot - wall, 0.06), (0.0, 0.06)]
    body = revolve(bevelled([(0, 0), (foot, 0), (top, height), *inside], 0.022), group=0)
    angle = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 25)
    reach, rise = rng.uniform(0.2, 0.28), height * rng.uniform(0.27, 0.36)
    level = height * 0.52 + rise * np.sin(angle)
    inside_wall = foot + (top - foot) * level / height - 0.6 * wall
    bow = np.stack([inside_wall + reach * np.cos(angle), level, np.zeros_like(angle)], axis=1)
    radii = np.full(len(bow) + 2, rng.uniform(0.04, 0.055))
    radii[[0, -1]] = 0.0  # the ends close inside the wall
    bow = np.concatenate([bow[:1] - [0.004, 0, 0], bow, bow[-1:] - [0.004, 0, 0]])
    return [body, tube(bow, radii, (0, 0, 1), group=1, slot=1)]


def ring(p: float, rng: np.random.Generator) -> list[Surface]:
    """A torus that stands upright, its hole seen from the front."""
    minor = _between(0.09, 0.22, p)
    major = 0.5 - minor
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, 73)
    circle = np.stack([major * np.cos(angle), major * np.sin(angle), np.zeros_like(angle)], axis=1)
    circle[-1] = circle[0]
    return [tube(circle, np.full(len(circle), minor * rng.uniform(0.98, 1.0)), (0, 0, 1), group=0, ring=40)]


def mushroom(p: float, rng: np.random.Generator) -> list[Surface]:
    """A domed cap on a stem."""
    cap, dome = rng.uniform(0.36, 0.5), rng.uniform(0.26, 0.4)
    stem, height = rng.uniform(0.1, 0.16), _between(0.35, 0.75, p)
    t = np.linspace(0.0, np.pi / 2, 21)[1:]
    under = bevelled([(0.0, height + 0.02), (cap * 0.6, height - 0.02), (cap, height)], 0.1)
    top = np.stack([cap * np.cos(t), height + dome * np.sin(t)], axis=1)
    top[-1, 0] = 0.0
    foot = stem * rng.uniform(1.1, 1.5)
    column = bevelled([(0, 0), (foot, 0), (stem, height * 0.5), (stem, height + 0.05), (0, height + 0.05)], 0.06)
    return [revolve(np.concatenate([under, top]), group=0), revolve(column, group=1, slot=1)]


def animal(p: float, rng: np.random.Generator) -> list[Surface]:
    """Four legs, a neck, a head that looks along +z, ears and a tail."""
    legs, long = _between(0.2, 0.46, p), rng.uniform(0.24, 0.33)
    girth = rng.uniform(0.13, 0.17)
    spine = legs + girth * 0.75
    parts = [ellipsoid((0, spine, 0), (girth * 0.92, girth, long), 0)]
    for group, (x, z) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1)), start=1):
        hip = (x * girth * 0.55, spine - girth * 0.2, z * long * 0.66)
        parts.append(capsule(hip, (x * girth * 0.6, 0.045, z * long * 0.7), (girth * 0.42, 0.045), group))
    raised = rng.uniform(0.12, 0.26)
    head = np.array([0.0, spine + girth * 0.5 + raised, long + rng.uniform(0.06, 0.12)])
    parts.append(capsule((0, spine + girth * 0.15, long * 0.72), head, (girth * 0.66, girth * 0.48), 5))
    skull = girth * rng.uniform(0.62, 0.74)
    parts.append(ellipsoid(head, (skull * 0.9, skull, skull * 1.1), 6))
    muzzle = head + np.array([0, -skull * 0.28, skull * 0.95])
    parts.append(ellipsoid(muzzle, (skull * 0.55, skull * 0.45, skull * 0.7), 7, pitch=12))
    ear = skull * rng.uniform(0.5, 0.95)
    for group, side in ((8, 1.0), (9, -1.0)):
        tip = head + np.array([side * skull * 0.75, skull * 0.7 + ear * 0.6, -skull * 0.15])
        root = head + np.array([side * skull * 0.5, skull * 0.5, -0.01])
        parts.append(capsule(root, tip, (skull * 0.32, skull * 0.14), group))
    swing = rng.uniform(0.04, 0.16)
    parts.append(capsule((0, spine + girth * 0.4, -long * 0.9), (0, spine - swing, -long - swing), (0.035, 0.024), 10))
    return parts


def chair(p: float, rng: np.random.Generator) -> list[Surface]:
    """A seat and a back on four legs; one sits facing +z."""
    width, depth, seat = rng.uniform(0.44, 0.54), rng.uniform(0.42, 0.5), rng.uniform(0.38, 0.46)
    back, thick = _between(0.28, 0.62, p), rng.uniform(0.05, 0.085)
    parts = rounded_box((0, seat, 0), (width, thick, depth), 0.022, group=0)
    parts += rounded_box((0, seat + back / 2, -depth / 2 + 0.03), (width, back, 0.06), 0.022, group=1)
    for group, (x, z) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1)), start=2):
        place = (x * (width / 2 - 0.045), (seat - 0.02) / 2, z * (depth / 2 - 0.045))
        parts += rounded_box(place, (0.055, seat - 0.02, 0.055), 0.012, group, slot=1)
    return parts


def bottle(p: float, rng: np.random.Generator) -> list[Surface]:
    """A bottle with a cap."""
    radius, height = _between(0.3, 0.16, p), 1.0
    neck, shoulder = radius * rng.uniform(0.3, 0.45), rng.uniform(0.5, 0.66)
    outline = [(0, 0), (radius, 0), (radius, shoulder), (neck, shoulder + 0.2), (neck, 0.9), (0, 0.9)]
    lid = neck * 1.18
    cap = bevelled([(0, 0.86), (lid, 0.86), (lid, height), (0, height)], 0.02)
    return [revolve(bevelled(outline, 0.06), group=0), revolve(cap, group=1, slot=1)]


def lamp(p: float, rng: np.random.Generator) -> list[Surface]:
    """A table lamp: a shade on a stem with a foot."""
    height, wide, narrow = _between(0.7, 1.0, p), rng.uniform(0.3, 0.38), rng.uniform(0.16, 0.24)
    low = height - rng.uniform(0.32, 0.4)
    rim, wall = height, 0.02
    outside = [(wide - wall, low), (wide, low), (narrow, rim), (narrow - wall, rim)]
    shade = bevelled([*outside, (wide - wall, low)], 0.012)
    foot = rng.uniform(0.17, 0.22)
    stand = [(0, 0), (foot, 0), (foot, 0.045), (0.04, 0.085), (0.028, low), (0.028, rim - 0.05), (0, rim - 0.05)]
    return [revolve(shade, group=0), revolve(bevelled(stand, 0.03), group=1, slot=1)]


def table(p: float, rng: np.random.Generator) -> list[Surface]:
    """A rectangular table on four legs."""
    width, depth, height = 1.0, rng.uniform(0.55, 0.75), _between(0.35, 0.8, p)
    thick = rng.uniform(0.05, 0.08)
    parts = rounded_box((0, height, 0), (width, thick, depth), 0.02, group=0)
    leg = rng.uniform(0.06, 0.09)
    for group, (x, z) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1)), start=1):
        top = (x * (width / 2 - 0.09), height, z * (depth / 2 - 0.09))
        foot = (x * (width / 2 - 0.06), leg * 0.4, z * (depth / 2 - 0.06))
        parts.append(capsule(foot, top, (leg * 0.4, leg * 0.55), group, slot=1))
    return parts


def tree(p: float, rng: np.random.Generator) -> list[Surface]:
    """A toy fir: three tiers on a trunk."""
    wide, trunk = _between(0.46, 0.28, p), rng.uniform(0.055, 0.08)
    start = rng.uniform(0.16, 0.24)
    parts = [revolve(bevelled([(0, 0), (trunk * 1.15, 0), (trunk, start + 0.05), (0, start + 0.05)], 0.015), 3, slot=1)]
    tier = (1.0 - start) / 3
    for k in range(3):
        low, reach = start + k * tier * 0.82, wide * (1 - 0.24 * k)
        cone = bevelled([(0, low + 0.03), (reach, low), (0, low + tier * 1.36)], 0.05)
        parts.append(revolve(cone, group=k))
    return parts


FAMILIES: dict[str, Family] = {
    "egg": Family("egg", "round", "slim", "", egg, ("glaze", "marble", "plaster", "petals")),
    "box": Family("box", "flat", "tall", "lid", box, ("wood", "brick", "fabric", "marble")),
    "cylinder": Family("cylinder", "short", "tall", "", cylinder, ("brick", "concrete", "wood", "glaze")),
    "mug": Family("mug", "short", "tall", "handle", mug, ("glaze", "plaster", "concrete", "petals")),
    "ring": Family("ring", "thin", "thick", "", ring, ("gravel", "hay", "fabric", "marble")),
    "mushroom": Family("mushroom", "short", "tall", "stem", mushroom, ("petals", "glaze", "plaster", "fabric")),
    "animal": Family("four-legged animal", "stocky", "tall", "", animal, ("fur", "hay", "fabric", "fur")),
    "chair": Family("chair", "low-backed", "high-backed", "frame", chair, ("wood", "fabric", "wood", "hay")),
    "bottle": Family("bottle", "wide", "slender", "cap", bottle, ("glaze", "concrete", "plaster", "marble")),
    "lamp": Family("table lamp", "short", "tall", "stand", lamp, ("fabric", "petals", "hay", "glaze")),
    "table": Family("table", "low", "high", "legs", table, ("wood", "marble", "concrete", "gravel")),
    "tree": Family("toy tree", "broad", "narrow", "trunk", tree, ("foliage", "hay", "foliage", "foliage")),
}
