"""The mini-world's studio: what light reaches each vertex, by shadow rays, and how a surface answers it.

A large key light from the front left, a weaker one from the back right, a bright ceiling and a floor that throws light
back. Highlights depend on where one looks from; a texture cannot. They are computed for an eye that faces each point at
level height, so that every view shows them and all views agree on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.geometry.mesh import FloatArray, Mesh
from groundwork.late import late

if TYPE_CHECKING:
    import torch

    from bench.geometry.shadow_rays import ShadowRays
else:
    torch = late("torch")


Float32 = npt.NDArray[np.float32]

_SKY_RAYS = 40
_LAMP_RAYS = 9


@dataclass(frozen=True)
class Lamp:
    """A round area light: unit direction towards it, its angular radius (radians), linear RGB strength."""

    direction: tuple[float, float, float]
    radius: float
    colour: tuple[float, float, float]


def _unit(*v: float) -> tuple[float, float, float]:
    length = sum(c * c for c in v) ** 0.5
    return v[0] / length, v[1] / length, v[2] / length


LAMPS = (
    Lamp(_unit(-0.62, 0.75, 0.62), 0.22, (2.05, 1.94, 1.76)),
    Lamp(_unit(0.75, 0.55, -0.7), 0.30, (0.95, 1.02, 1.15)),
)
_CEILING = np.array([0.60, 0.64, 0.72])
_HORIZON = np.array([0.34, 0.35, 0.37])
_FLOOR = np.array([0.34, 0.31, 0.28])


@dataclass(frozen=True)
class Light:
    """Light at points: `ambient` float32 (N, 3), linear, and the visible part of each lamp, `lamps` float32 (N, L)."""

    ambient: Float32
    lamps: Float32


def light_vertices(mesh: Mesh) -> Light:
    """Trace the studio at the vertices of a normalised mesh that stands on a floor."""
    from bench.geometry.shadow_rays import ShadowRays

    rays = ShadowRays(mesh, "cpu")
    sky = _spherical_fibonacci(_SKY_RAYS)
    frames = _frames(mesh.normals)
    directions = np.einsum("nij,ri->nrj", frames, sky)
    open_sky = 1.0 - _blocked(rays, mesh, directions)
    up = directions[..., 1]
    above = _HORIZON + np.clip(up, 0, 1)[..., None] * (_CEILING - _HORIZON)
    # where a ray meets the floor: near the object the floor lies in its shade
    height = mesh.vertices[:, 1] - mesh.vertices[:, 1].min() + 1e-3
    reach = height[:, None] / np.maximum(-up, 1e-3)
    landing = mesh.vertices[:, None, [0, 2]] + reach[..., None] * directions[..., [0, 2]]
    lit = 1.0 - 0.85 * np.exp(-((np.linalg.norm(landing, axis=-1) / 0.55) ** 2))
    below = _FLOOR * lit[..., None]
    radiance = np.where(up[..., None] > 0, above, below)
    ambient = (open_sky[..., None] * radiance).mean(axis=1)
    lamps = [1.0 - _blocked(rays, mesh, _towards(lamp, len(mesh.vertices))).mean(axis=1) for lamp in LAMPS]
    return Light(ambient.astype(np.float32), np.stack(lamps, axis=1).astype(np.float32))


def shade(albedo: Float32, normals: Float32, light: Light, gloss: Float32, sharpness: Float32) -> Float32:
    """Linear radiance (N, 3) of points with `albedo` (N, 3), unit `normals` (N, 3), `gloss` and `sharpness` (N,)."""
    eye = normals * np.array([1.0, 0.0, 1.0], np.float32) + np.array([0.0, 0.12, 0.0], np.float32)
    eye /= np.linalg.norm(eye, axis=1, keepdims=True)
    facing = np.clip((normals * eye).sum(axis=1), 0.0, 1.0)
    radiance = albedo * light.ambient
    # a dielectric mirrors more at grazing angles (Schlick), and what it mirrors is the room
    fresnel = gloss * (0.06 + 0.5 * (1 - facing) ** 5)
    radiance += fresnel[:, None] * light.ambient
    for k, lamp in enumerate(LAMPS):
        towards = np.array(lamp.direction, np.float32)
        colour = np.array(lamp.colour, np.float32) * light.lamps[:, k : k + 1]
        incident = np.clip(normals @ towards, 0.0, 1.0)
        half = eye + towards
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        shine = np.clip((normals * half).sum(axis=1), 0.0, 1.0) ** sharpness
        radiance += colour * (albedo * incident[:, None] + (gloss * shine * (incident > 0))[:, None])
    return radiance


def develop(radiance: Float32) -> npt.NDArray[np.uint8]:
    """Linear radiance to sRGB bytes through a soft shoulder, as a camera would."""
    exposed = 0.62 * radiance
    toned = exposed * (1 + exposed / 4.0) / (1 + exposed)  # extended Reinhard, white at 2
    toned = np.clip(toned * 1.45, 0.0, 1.0)
    encoded = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    pixels: npt.NDArray[np.uint8] = np.rint(encoded * 255).astype(np.uint8)
    return pixels


def _blocked(rays: ShadowRays, mesh: Mesh, directions: FloatArray) -> FloatArray:
    """Which of the rays (N, R, 3) from the vertices meet the mesh, 0 or 1, (N, R)."""
    count = directions.shape[1]
    points = torch.from_numpy(np.repeat(mesh.vertices + 2e-3 * mesh.normals, count, axis=0))
    normals = torch.from_numpy(np.repeat(mesh.normals, count, axis=0))
    hit = rays.blocked(points, normals, torch.from_numpy(directions.reshape(-1, 3)), None)
    return hit.numpy().reshape(-1, count).astype(np.float64)


def _spherical_fibonacci(count: int) -> FloatArray:
    """Evenly spread directions (count, 3) of the hemisphere round +z, denser where light counts more (cosine law)."""
    k = np.arange(count) + 0.5
    z = np.sqrt(1 - k / count)
    angle = np.pi * (3 - np.sqrt(5)) * k
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _frames(normals: FloatArray) -> FloatArray:
    """Rows are a right-handed frame round each normal, (N, 3, 3): tangent, bitangent, normal."""
    helper = np.where(np.abs(normals[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    tangent = np.cross(helper, normals)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return np.stack([tangent, np.cross(normals, tangent), normals], axis=1)


def _towards(lamp: Lamp, count: int) -> FloatArray:
    """Directions (count, R, 3) into a lamp's disc, the same for every point: soft shadows without noise."""
    frame = _frames(np.array([lamp.direction]))[0]
    k = np.arange(_LAMP_RAYS) + 0.5
    radius, angle = np.tan(lamp.radius) * np.sqrt(k / _LAMP_RAYS), np.pi * (3 - np.sqrt(5)) * k
    directions = frame[2] + radius[:, None] * (np.cos(angle)[:, None] * frame[0] + np.sin(angle)[:, None] * frame[1])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.broadcast_to(directions, (count, _LAMP_RAYS, 3))
