"""Looks to textures: each texel of the atlas is a point in space, coloured there, so that charts meet without seams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.cases.miniworld.lighting import Float32, Light, develop, light_vertices, shade
from bench.cases.miniworld.looks import Look, accent_share
from bench.cases.miniworld.photos import MATERIALS, Crop, tile
from bench.geometry.mesh import FloatArray, Material, Mesh

Palette = Mapping[str, tuple[int, int, int]]  # sRGB by name
_EDGE = 0.004  # width of painted edges, world units


@dataclass(frozen=True)
class Surface:
    """What the T covered texels of a shape's atlas show, whatever its paint: the same for all looks of an object.

    covered: bool (H, W). nearest: int32 (2, H, W), row and column of the nearest covered one. slots: int32 (T,), which
    part. points, normals: float32 (T, 3). light: None where nobody asked for it.
    """

    covered: npt.NDArray[np.bool_]
    nearest: npt.NDArray[np.int32]
    slots: npt.NDArray[np.int32]
    points: Float32
    normals: Float32
    light: Light | None


@dataclass(frozen=True)
class Staging:
    """How a rich look stages its objects, as factors of the studio's own: photo pixels a world unit, light from all
    around, light of the lamps, highlights."""

    density: float = 1.0
    ambient: float = 1.0
    lamps: float = 1.0
    gloss: float = 1.0


def surface_of(mesh: Mesh, slots: npt.NDArray[np.int32], size: int, *, lit: bool) -> Surface:
    """The texels of a mesh with slots (F,) by face, in the studio's light if wanted, which takes most of the time."""
    from scipy import ndimage

    from bench.geometry.rasteriser import rasterise_uv

    face, barycentric = rasterise_uv(mesh, size)
    covered = face >= 0
    face, barycentric = face[covered], barycentric[covered]
    traced = light_vertices(mesh) if lit else None
    values = [mesh.vertices, mesh.normals] + ([] if traced is None else [traced.ambient, traced.lamps])
    at_texels = _blend(np.hstack(values), mesh.faces[face], barycentric)
    points, normals, ambient, lamps = (np.ascontiguousarray(part) for part in np.split(at_texels, (3, 6, 9), axis=1))
    light = None if traced is None else Light(ambient, lamps)
    nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return Surface(covered, nearest, slots[face], points, _unit(normals), light)


def bake_flat(mesh: Mesh, surface: Surface, look: Look, palette: Palette) -> Mesh:
    """The mesh with flat colours of a palette: no light, no texture, one colour or two."""
    share = accent_share(look, surface.points, surface.slots, _EDGE)
    main, accent = (np.array(palette[name], np.float32) for name in (look.main, look.accent))
    colours = main + share[:, None] * (accent - main)
    return _with_texture(mesh, surface, np.rint(colours).astype(np.uint8))


def bake_rich(mesh: Mesh, surface: Surface, look: Look, palette: Palette, staging: Staging) -> Mesh:
    """The mesh in photographs, toned to its named colours in a palette and lit by the studio."""
    points, normals, light = surface.points, surface.normals, surface.light
    assert light is not None
    share = accent_share(look, points, surface.slots, _EDGE)

    radiance = np.zeros_like(points)
    for name, crop, part in ((look.main, look.main_crop, 1 - share), (look.accent, look.accent_crop, share)):
        mine = part > 0
        if not mine.any():
            continue
        material = MATERIALS[crop.material]
        detail = _triplanar(crop, points[mine], normals[mine], look.phase, material.density * staging.density)
        bumped = _unit(normals[mine] - material.relief * detail[:, 3:])
        albedo = np.minimum(_linear(palette[name]) * detail[:, :3], 0.92)
        count = int(mine.sum())
        answer = shade(
            albedo,
            bumped,
            Light(staging.ambient * light.ambient[mine], staging.lamps * light.lamps[mine]),
            np.full(count, min(1.0, material.gloss * staging.gloss), np.float32)
            * np.clip(detail[:, :3].mean(axis=1), 0.5, 1.3),
            np.full(count, material.sharpness, np.float32),
        )
        radiance[mine] += part[mine, None] * answer
    return _with_texture(mesh, surface, develop(radiance))


def _blend(values: FloatArray, corners: npt.NDArray[np.int32], barycentric: FloatArray) -> Float32:
    """Values at vertices (N, K) to values at texels (T, K)."""
    small, weights = values.astype(np.float32), barycentric.astype(np.float32)
    mixed: Float32 = small[corners[:, 0]] * weights[:, :1]
    mixed += small[corners[:, 1]] * weights[:, 1:2]
    mixed += small[corners[:, 2]] * weights[:, 2:]
    return mixed


def _unit(vectors: Float32) -> Float32:
    length = np.sqrt(np.einsum("ni,ni->n", vectors, vectors))
    scaled: Float32 = vectors / np.maximum(length, 1e-6)[:, None]
    return scaled


def _triplanar(
    crop: Crop, points: Float32, normals: Float32, phase: tuple[float, float, float], density: float
) -> Float32:
    """A tile seen along the three axes and blended by the normal: RGB ratio and a world-space slope, (T, 6)."""
    picture = tile(crop)
    weight = np.abs(normals) ** 6
    weight /= weight.sum(axis=1, keepdims=True)
    detail = np.zeros((len(points), 6), np.float32)
    contrast = np.zeros(len(points), np.float32)
    for axis, (right, up) in enumerate(((2, 1), (0, 2), (0, 1))):
        near = np.flatnonzero(weight[:, axis] > 0.02)
        share = weight[near, axis]
        x = points[near, right] * density + 997 * phase[axis]
        y = -points[near, up] * density + 991 * phase[(axis + 1) % 3]
        seen = _bilinear(picture, x, y)
        detail[near, :3] += share[:, None] * (seen[:, :3] - 1)
        detail[near, 3 + right] += share * seen[:, 3] * density / 100
        detail[near, 3 + up] -= share * seen[:, 4] * density / 100
        contrast[near] += share**2
    # averaging independent pictures would wash out their contrast where they overlap
    detail[:, :3] = np.maximum(1 + detail[:, :3] / np.sqrt(np.maximum(contrast, 1e-6))[:, None], 0.1)
    return detail


def _bilinear(picture: Float32, x: Float32, y: Float32) -> Float32:
    """Values of a repeating picture (H, W, K) at pixel positions, (T, K)."""
    height, width, channels = picture.shape
    left, top = np.floor(x), np.floor(y)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    x0, y0 = left.astype(np.int64) % width, top.astype(np.int64) % height
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    flat = picture.reshape(-1, channels)
    upper = flat[y0 * width + x0] * (1 - fx) + flat[y0 * width + x1] * fx
    lower = flat[y1 * width + x0] * (1 - fx) + flat[y1 * width + x1] * fx
    mixed: Float32 = upper * (1 - fy) + lower * fy
    return mixed


def _linear(colour: tuple[int, int, int]) -> Float32:
    encoded = np.array(colour, np.float32) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _with_texture(mesh: Mesh, surface: Surface, colours: npt.NDArray[np.uint8]) -> Mesh:
    """Texels between charts take their nearest neighbour's colour: filters at a chart's border never see a gap."""
    texture = np.full((*surface.covered.shape, 4), 255, np.uint8)
    texture[surface.covered, :3] = colours
    row, column = surface.nearest
    return replace(mesh, materials=(Material(texture[row, column]),))
