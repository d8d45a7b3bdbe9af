"""Mesh files (GLB, glTF, OBJ, PLY) read through trimesh into the arrays that the rasteriser eats.

What is decided here, because the formats leave it open or trimesh does:

* Node transforms are applied; a mirroring one also turns the winding: faces stay counter-clockwise from outside.
* glTF factors and vertex colours are linear and get sRGB-encoded; OBJ's `Kd` and the colours of OBJ and PLY are taken
  as sRGB, as most tools write them. In OBJ a `map_Kd` replaces `Kd` (exporters write any `Kd` beside a texture).
* Normals of the file are used where they are sound: finite, of roughly unit length, on the outer side of their faces.
  Otherwise they are area-weighted means over all faces that share the position, so that texture seams stay smooth.
* Vertices that no face uses are dropped: they would move the bounding box that the views are framed by.
* A side file that is missing or broken is an error: a mesh that silently turns white would be scored all the same.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import trimesh

from bench.cases.asset_folder import AssetFolder, check_picture, read_limited
from bench.cases.case import MeshHandle
from bench.cases.gltf_header import GltfHeader, read_gltf_header
from bench.errors import MeshError
from bench.geometry.mesh import FloatArray, Material, Mesh

MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".ply")
MAX_FACES = 5_000_000
_VERSION = b"mesh-file v1"


@dataclass(frozen=True)
class MeshFile:
    """A mesh file as a handle: the path travels between processes, the arrays do not."""

    path: Path

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the file's bytes and those of the side files that it uses, each with its name."""
        data = read_limited(self.path)
        _, assets = _read(self.path, data)
        digest = hashlib.sha256(_VERSION + hashlib.sha256(data).digest())
        for name in sorted(assets.used):
            digest.update(name.encode() + b"\0" + hashlib.sha256(assets.used[name]).digest())
        return digest.hexdigest()

    def load(self, texture_of: MeshHandle | None = None) -> Mesh:
        """The normalised mesh, in its own materials or in those of `texture_of`. Raises `MeshError`.

        The other's materials are laid on this mesh's own texture coordinates: material by material when both have the
        same number (two texturings of one object), else the other's first textured one everywhere.
        """
        mesh = load_mesh(self.path).normalised()
        if texture_of is None:
            return mesh
        return wearing(mesh, texture_of.load().materials, str(self.path))


def load_mesh(path: Path) -> Mesh:
    """Read a `.glb`, `.gltf`, `.obj` (+ `.mtl`) or `.ply` file; the result is not normalised.

    Raises `MeshError` for a file that is unreadable, of another format, too large, or broken (no faces, vertices that
    are not finite, indices out of range), and for side files that are missing, broken, too large or outside its folder.
    """
    return _read(path, read_limited(path))[0]


def _read(path: Path, data: bytes) -> tuple[Mesh, AssetFolder]:
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise MeshError(f"unknown mesh format '{suffix}'", where=str(path), expected=" ".join(MESH_SUFFIXES))
    header = read_gltf_header(data, path) if suffix in (".glb", ".gltf") else None
    assets = AssetFolder(path, header.virtual if header else None)
    stream = io.BytesIO(header.json_bytes if header else data)
    try:
        scene = trimesh.load_scene(
            stream, file_type="gltf" if header else suffix[1:], resolver=assets, process=False, metadata={}
        )
    except Exception as error:  # the readers behind trimesh raise whatever a broken file makes them raise
        if assets.failure is not None:
            raise assets.failure from error
        raise MeshError(
            f"the mesh cannot be read ({type(error).__name__}: {str(error)[:200]})",
            where=str(path),
            hint="open it in a mesh viewer and export it again",
        ) from error
    if assets.failure is not None:
        raise assets.failure
    return _join(scene, header, path), assets


def _join(scene: Any, header: GltfHeader | None, path: Path) -> Mesh:
    """All instances of all geometries of a scene as one mesh, in world coordinates."""
    parts = []
    total = 0
    materials: list[Material] = []
    known: dict[tuple[object, ...], int] = {}
    for node in sorted(scene.graph.nodes_geometry):
        matrix, name = scene.graph[node]
        geometry = scene.geometry[name]
        if not isinstance(geometry, trimesh.Trimesh) or len(geometry.faces) == 0:
            continue
        total += len(geometry.faces)
        if total > MAX_FACES:
            raise MeshError("the mesh has too many faces", where=str(path), expected=f"at most {MAX_FACES}")
        part, material, key = _part(geometry, np.asarray(matrix, dtype=np.float64), header, path)
        if key not in known:
            known[key] = len(materials)
            materials.append(material)
        parts.append(replace(part, face_material=np.full(len(part.faces), known[key], np.int32)))
    if not parts:
        raise MeshError("the mesh has no faces", where=str(path), expected="triangles")
    return _finish(_concatenate(parts, tuple(materials)))


def _part(
    geometry: Any, matrix: FloatArray, header: GltfHeader | None, path: Path
) -> tuple[Mesh, Material, tuple[object, ...]]:
    """One geometry in the world, its material, and a key that equal materials share. Normals are NaN where unknown."""
    vertices = np.asarray(geometry.vertices, dtype=np.float64)
    faces = np.asarray(geometry.faces, dtype=np.int64)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise MeshError("a face uses a vertex that does not exist", where=str(path))
    material, key, uv, colours = _appearance(geometry, header, path)
    given = np.asarray(geometry.vertex_normals) if "vertex_normals" in geometry._cache else None
    normals = np.full_like(vertices, np.nan) if given is None else np.array(given, dtype=np.float64)
    if geometry.visual.kind == "face":  # colours that change from face to face need vertices of their own
        vertices, normals = vertices[faces.ravel()], normals[faces.ravel()]
        faces = np.arange(faces.size).reshape(-1, 3)
    if not (np.isfinite(vertices[faces]).all() and np.isfinite(matrix).all()):
        raise MeshError("the mesh has vertices that are not finite numbers", where=str(path))
    linear = matrix[:3, :3]
    determinant = float(np.linalg.det(linear))
    if determinant < 0:
        faces = faces[:, ::-1]
    vertices = vertices @ linear.T + matrix[:3, 3]
    if determinant != 0:
        normals = normals @ np.linalg.inv(linear)
    else:
        normals[:] = np.nan
    none = np.zeros(len(faces), np.int32)
    part = Mesh(vertices, faces.astype(np.int32), _sound_normals(vertices, faces, normals), uv, colours, none, ())
    return part, material, key


def _appearance(
    geometry: Any, header: GltfHeader | None, path: Path
) -> tuple[Material, tuple[object, ...], FloatArray | None, npt.NDArray[np.uint8] | None]:
    visual = geometry.visual
    if visual.kind == "face":
        return Material(), (), None, np.repeat(np.asarray(visual.face_colors, np.uint8), 3, axis=0)
    if visual.kind == "vertex":
        painted = np.array(visual.vertex_colors, np.uint8)
        if header is not None:
            painted[:, :3] = np.rint(_encode(painted[:, :3] / 255.0) * 255).astype(np.uint8)
        return Material(), (), None, painted
    if visual.kind != "texture":
        return Material(), (), None, None
    uv = None if visual.uv is None or len(visual.uv) != len(geometry.vertices) else np.array(visual.uv, np.float64)
    if uv is not None and not np.isfinite(uv).all():
        raise MeshError("the mesh has texture coordinates that are not finite numbers", where=str(path))
    material, key = _gltf_material(visual.material, header, path) if header else _mtl_material(visual.material, path)
    if material.texture is not None and uv is None:
        raise MeshError("a material has a texture but its faces have no texture coordinates", where=str(path))
    linear = visual.vertex_attributes.get("color")
    colours: npt.NDArray[np.uint8] | None = None
    if linear is not None:
        values = np.asarray(linear, np.float64) / (255.0 if np.asarray(linear).dtype == np.uint8 else 1.0)
        alpha = values[:, 3:] if values.shape[1] > 3 else np.ones((len(values), 1))
        colours = np.rint(np.clip(np.hstack([_encode(values[:, :3]), alpha]), 0, 1) * 255).astype(np.uint8)
    return material, key, uv, colours


def _gltf_material(found: Any, header: GltfHeader, path: Path) -> tuple[Material, tuple[object, ...]]:
    if not str(found.name).isdecimal():  # trimesh's own default, for faces without a material
        return Material(), ()
    index = int(found.name)
    said = header.materials[index]
    if said.textured and found.baseColorTexture is None:
        raise MeshError("a texture inside the file cannot be read", where=f"{path}: material {index}")
    texture = None if found.baseColorTexture is None else _pixels(found.baseColorTexture, f"{path}: material {index}")
    r, g, b = (round(float(value), 12) for value in _encode(np.array(said.factor[:3])))  # white stays exactly 1
    mode = cast(Literal["opaque", "mask", "blend"], said.alpha_mode)
    return Material(texture, (r, g, b, said.factor[3]), mode, said.alpha_cutoff), ("gltf", index)


def _mtl_material(found: Any, path: Path) -> tuple[Material, tuple[object, ...]]:
    if not hasattr(found, "image") or (found.image is None and found.name == "material_0" and not found.kwargs):
        return Material(), ()
    options = {key.lower(): value for key, value in found.kwargs.items() if isinstance(value, list) and value}
    try:
        opacity = float(options["d"][-1]) if "d" in options else 1.0 - float(options.get("tr", ["0"])[-1])
    except ValueError as error:
        raise MeshError(f"material '{found.name}' has an opacity that is no number", where=str(path)) from error
    texture = None if found.image is None else _pixels(found.image, f"{path}: material '{found.name}'")
    kd = (255, 255, 255) if texture is not None or "kd" not in found.kwargs else found.diffuse[:3]
    r, g, b = (float(value) / 255.0 for value in kd)
    transparent = opacity < 1.0 or (texture is not None and bool((texture[..., 3] < 255).any()))
    material = Material(texture, (r, g, b, min(max(opacity, 0.0), 1.0)), "blend" if transparent else "opaque")
    return material, ("mtl", found.name)


def _pixels(picture: Any, where: str) -> npt.NDArray[np.uint8]:
    """Decode a lazily opened picture to uint8 (H, W, 4), after looking at its size."""
    if picture.fp is not None:  # None once decoded, by an earlier part in the same material
        picture.fp.seek(0)
        check_picture(picture.fp.read(), where)
        picture.fp.seek(0)
    try:
        return np.array(picture.convert("RGBA"), dtype=np.uint8)
    except Exception as error:  # Pillow's readers raise whatever their formats make them raise
        raise MeshError("the texture is truncated or damaged", where=where) from error


def _encode(linear: FloatArray) -> FloatArray:
    """IEC 61966-2-1: linear light in [0, 1] to sRGB."""
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _sound_normals(vertices: FloatArray, faces: npt.NDArray[np.int64], normals: FloatArray) -> FloatArray:
    """The file's normals at unit length; all NaN when they contradict the faces, NaN where one is no normal."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(length > 1e-6 * max(float(np.nanmax(length, initial=0.0)), 1e-300), normals / length, np.nan)
        areas = _area_vectors(vertices, faces)
        agree = np.einsum("fi,fvi->fv", areas, unit[faces]).mean(axis=1)  # + or - area where normals are sound
    if np.nansum(agree) < 0.5 * np.linalg.norm(areas, axis=1).sum():
        return np.full_like(unit, np.nan)
    return unit


def _area_vectors(vertices: FloatArray, faces: npt.NDArray[Any]) -> FloatArray:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def smooth_normals(vertices: FloatArray, faces: npt.NDArray[Any]) -> FloatArray:
    """Area-weighted unit normals (N, 3), shared by vertices at one position (to 1e-7 of the box); else (0, 1, 0)."""
    extent = max(float(np.ptp(vertices, axis=0).max()), 1e-300)
    quantised = np.rint((vertices - vertices.min(axis=0)) / (1e-7 * extent)).astype(np.int64)
    _, place = np.unique(quantised, axis=0, return_inverse=True)
    place = place.ravel()
    summed = np.zeros((int(place.max()) + 1, 3))
    areas = _area_vectors(vertices / extent, faces)
    for corner in range(3):
        np.add.at(summed, place[faces[:, corner]], areas)
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.where(length > 1e-14, summed / np.maximum(length, 1e-300), [0.0, 1.0, 0.0])[place]


def _concatenate(parts: list[Mesh], materials: tuple[Material, ...]) -> Mesh:
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    uv = colours = None
    if any(part.uv is not None for part in parts):
        uv = np.concatenate([np.zeros((len(p.vertices), 2)) if p.uv is None else p.uv for p in parts])
    if any(part.colours is not None for part in parts):
        white = [np.full((len(p.vertices), 4), 255, np.uint8) if p.colours is None else p.colours for p in parts]
        colours = np.concatenate(white)
    return Mesh(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]).astype(np.int32),
        normals=np.concatenate([part.normals for part in parts]),
        uv=uv,
        colours=colours,
        face_material=np.concatenate([part.face_material for part in parts]),
        materials=materials,
    )


def _finish(mesh: Mesh) -> Mesh:
    """Drop unused vertices and fill in the normals that the file did not have."""
    used, inverse = np.unique(mesh.faces, return_inverse=True)
    faces = inverse.reshape(-1, 3).astype(np.int32)
    vertices, normals = mesh.vertices[used], mesh.normals[used]
    missing = np.isnan(normals).any(axis=1)
    if missing.any():
        normals[missing] = smooth_normals(vertices, faces)[missing]
    return replace(
        mesh,
        vertices=vertices,
        faces=faces,
        normals=normals,
        uv=None if mesh.uv is None else mesh.uv[used],
        colours=None if mesh.colours is None else mesh.colours[used],
    )


def wearing(mesh: Mesh, materials: tuple[Material, ...], where: str) -> Mesh:
    """The mesh in other materials, as `MeshFile.load` says. `where` names the mesh in the `MeshError`s."""
    if mesh.uv is None:
        raise MeshError("the mesh has no texture coordinates to wear another's texture on", where=where)
    textured = [material for material in materials if material.texture is not None]
    if not textured:
        raise MeshError("the other mesh has no texture to wear", where=where)
    if len(materials) == len(mesh.materials):
        return replace(mesh, materials=materials, colours=None)
    everywhere = np.zeros(len(mesh.faces), np.int32)
    return replace(mesh, materials=(textured[0],), face_material=everywhere, colours=None)
