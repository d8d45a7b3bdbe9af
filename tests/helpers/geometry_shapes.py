"""Small meshes and cameras that the geometry tests share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from bench.geometry.cameras import Cameras
from bench.geometry.mesh import FloatArray, Material, Mesh


def mesh_of(
    vertices: FloatArray, faces: FloatArray, uv: FloatArray | None = None, material: Material | None = None
) -> Mesh:
    """Plain arrays as a mesh with trimesh's smooth normals."""
    shape = trimesh.Trimesh(vertices, faces, process=False)
    return Mesh(
        np.asarray(vertices, dtype=np.float64),
        np.asarray(faces, dtype=np.int32),
        np.array(shape.vertex_normals, dtype=np.float64),
        uv,
        None,
        np.zeros(len(faces), dtype=np.int32),
        (material or Material(),),
    )


def icosphere(subdivisions: int = 3, radius: float = 0.5) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return replace(mesh_of(shape.vertices, shape.faces), normals=np.asarray(shape.vertices) / radius)


def box() -> Mesh:
    shape = trimesh.creation.box()
    return mesh_of(shape.vertices, shape.faces)


def soup(faces: int = 60, seed: int = 0) -> Mesh:
    """Random triangles that pierce one another."""
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-0.5, 0.5, (3 * faces, 3))
    return mesh_of(vertices, np.arange(3 * faces).reshape(-1, 3))


def thin_quads() -> Mesh:
    """Slats a fraction of a pixel wide, some edge-on."""
    parts = [
        trimesh.creation.box((width, 1.0, 1e-4), trimesh.transformations.rotation_matrix(turn, (0, 1, 0.2), (0, 0, 0)))
        for width, turn in ((0.002, 0.1), (0.01, 0.6), (0.03, 1.3), (0.2, 1.57), (0.05, 2.2))
    ]
    shape = trimesh.util.concatenate(parts)
    return mesh_of(shape.vertices, shape.faces)


def split(mesh: Mesh) -> Mesh:
    """Every face with vertices of its own, as if all edges were texture seams."""
    corners = mesh.faces.reshape(-1)
    faces = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    return replace(mesh, vertices=mesh.vertices[corners], faces=faces, normals=mesh.normals[corners])


def quad(
    left: float = -0.5, right: float = 0.5, z: float = 0.0, material: Material | None = None, repeat: float = 1.0
) -> Mesh:
    """A rectangle of height 1 that faces +z; texture coordinates run from 0 to `repeat`, v upwards."""
    vertices = np.array([[left, -0.5, z], [right, -0.5, z], [right, 0.5, z], [left, 0.5, z]])
    uv = repeat * np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return mesh_of(vertices, np.array([[0, 1, 2], [0, 2, 3]]), uv, material)


def joined(*meshes: Mesh) -> Mesh:
    """Several meshes with texture coordinates as one, each keeping its materials."""
    vertices = np.cumsum([0] + [len(m.vertices) for m in meshes])
    materials = np.cumsum([0] + [len(m.materials) for m in meshes])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + at for m, at in zip(meshes, vertices, strict=False)]).astype(np.int32),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uv for m in meshes if m.uv is not None]),
        None,
        np.concatenate([m.face_material + at for m, at in zip(meshes, materials, strict=False)]).astype(np.int32),
        tuple(material for m in meshes for material in m.materials),
    )


def camera_at_origin(resolution: int = 32, fov: float = 90.0) -> Cameras:
    """A perspective camera in the middle of the world, looking along -z."""
    matrix = np.diag([1.0, -1.0, -1.0, 1.0])
    focal = resolution / 2 / np.tan(np.deg2rad(fov) / 2)
    k = np.array([[focal, 0.0, resolution / 2], [0.0, focal, resolution / 2], [0.0, 0.0, 1.0]])
    return Cameras(matrix[None], k[None], "perspective", resolution)
