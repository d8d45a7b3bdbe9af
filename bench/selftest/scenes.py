"""Scenes built to make correspondence leak: perfect views of them disagree only if a metric looks through surfaces.

Every part has one colour, so that a sample of the wrong part is an error of known size and all else is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import trimesh
from torch import Tensor

from bench.geometry.cameras import view_cameras
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Material, Mesh
from bench.geometry.scene import SceneGeometry
from bench.metrics.declaration import Sample

WHITE = (1.0, 1.0, 1.0)
RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)


@dataclass(frozen=True)
class TrickyScene:
    """`make` gets a resolution and a device. `what` is for people."""

    name: str
    what: str
    make: Callable[[int, str], Sample]


def mesh_of(shape: trimesh.Trimesh) -> Mesh:
    """A shape of trimesh's, unpainted, with trimesh's smooth normals."""
    return Mesh(
        np.array(shape.vertices, dtype=np.float64),
        np.array(shape.faces, dtype=np.int32),
        np.array(shape.vertex_normals, dtype=np.float64),
        None,
        None,
        np.zeros(len(shape.faces), dtype=np.int32),
        (Material(),),
    )


def occluder(resolution: int, device: str = "cpu") -> Sample:
    """A red bar before a blue wall, from three sides: what the bar hides in one view, the others see."""
    wall, bar = trimesh.creation.box((0.9, 0.9, 0.1)), trimesh.creation.box((0.12, 0.9, 0.05))
    wall.apply_translation((0.0, 0.0, -0.3))
    bar.apply_translation((0.1, 0.0, 0.2))
    both: trimesh.Trimesh = trimesh.util.concatenate([wall, bar])  # type: ignore[assignment]
    return _in_two_colours(both, (-40.0, 0.0, 40.0), lambda buffer: buffer.face >= len(wall.faces), resolution, device)


def thin_plate(resolution: int, device: str = "cpu") -> Sample:
    """A plate thinner than a pixel, red in front and blue behind, from all sides."""
    plate = trimesh.creation.box((0.8, 0.8, 1e-4))
    azimuths = tuple(float(azimuth) for azimuth in range(20, 380, 45))
    return _in_two_colours(plate, azimuths, lambda buffer: buffer.face_normal[..., 2] > 0, resolution, device)


def _in_two_colours(
    shape: trimesh.Trimesh,
    azimuths: tuple[float, ...],
    is_red: Callable[[GBuffer], Tensor],
    resolution: int,
    device: str,
) -> Sample:
    scene = SceneGeometry(mesh_of(shape), view_cameras(azimuths, resolution=resolution), device)
    white, red, blue = (torch.tensor(colour, device=scene.gbuffer.mask.device) for colour in (WHITE, RED, BLUE))
    painted = torch.where(is_red(scene.gbuffer)[..., None], red, blue)
    return Sample(torch.where(scene.gbuffer.mask[..., None], painted, white), scene, WHITE, scene.cameras)


SCENES = (
    TrickyScene("occluder", "a red bar before a blue wall", occluder),
    TrickyScene("thin-plate", "red in front, blue behind, no depth", thin_plate),
)
