"""A textured mesh as one GLB file."""

from __future__ import annotations

from typing import Any

import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

from bench.errors import UsageError
from bench.geometry.mesh import Mesh


def glb_bytes(mesh: Mesh) -> bytes:
    """The mesh and the texture of its one material, rough, not metallic, two-sided, as it is rendered here.

    Raises `UsageError` for a mesh without texture coordinates, or with other than one textured material.
    """
    if mesh.uv is None or len(mesh.materials) != 1 or mesh.materials[0].texture is None:
        raise UsageError("only a mesh with one texture and coordinates for it is written as GLB")
    picture = Image.fromarray(mesh.materials[0].texture[..., :3])
    make_material: Any = PBRMaterial  # trimesh is annotated in part
    make_visual: Any = trimesh.visual.TextureVisuals
    material = make_material(
        name="baked", baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
    )
    shape = trimesh.Trimesh(
        mesh.vertices,
        mesh.faces,
        vertex_normals=mesh.normals,
        visual=make_visual(uv=mesh.uv, material=material),
        process=False,
    )
    content: Any = shape.export(file_type="glb", include_normals=True)
    return bytes(content)
