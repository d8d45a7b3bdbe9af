"""Mesh files against meshes whose every number is known, and against files made to break readers."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from bench.cases.mesh_file import MeshFile, load_mesh
from bench.errors import MeshError
from bench.geometry.cameras import view_cameras
from bench.geometry.mesh import Mesh
from bench.geometry.rendering import render_albedo
from bench.mesh_files.part import smooth_normals

TRIANGLE = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float32)


def png(colour: tuple[int, ...] = (10, 20, 30), size: tuple[int, int] = (4, 2)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def bomb(side: int = 50_000) -> bytes:
    """A tiny PNG whose header promises side x side pixels."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def gltf(**changes: Any) -> dict[str, Any]:
    """A textured triangle as a glTF tree with its buffer inside; `changes` replace top-level entries."""
    uv = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    index = np.array([0, 1, 2], np.uint16)
    blob = TRIANGLE.tobytes() + uv.tobytes() + index.tobytes()
    picture = "data:image/png;base64," + base64.b64encode(png()).decode()
    tree: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"name": "paint", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"uri": picture}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 24},
            {"buffer": 0, "byteOffset": 60, "byteLength": 6},
        ],
        "buffers": [{"byteLength": len(blob), "uri": "data:;base64," + base64.b64encode(blob).decode()}],
    }
    return {**tree, **changes}


def write_gltf(folder: Path, **changes: Any) -> Path:
    path = folder / "mesh.gltf"
    path.write_text(json.dumps(gltf(**changes)))
    return path


def unpainted(path: Path, why: str) -> None:
    """The geometry is read, the surface is not, and painting it says why."""
    mesh = load_mesh(path)
    assert len(mesh.faces) == 1
    assert why in mesh.unpainted
    assert not mesh.has_appearance
    with pytest.raises(MeshError, match=re.escape(why)):
        render_albedo(mesh.normalised(), view_cameras([0.0], 0.0, "orthographic", 40.0, 8), (1.0, 1.0, 1.0))


def face_normals(mesh: Mesh) -> np.ndarray:
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def test_glb_keeps_uv_texture_and_node_transform(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    uv = np.random.default_rng(0).random((len(ball.vertices), 2))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.open(io.BytesIO(png((200, 100, 50)))))
    ball.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    matrix = trimesh.transformations.rotation_matrix(0.7, (1, 2, 3)) @ np.diag([2.0, 1.0, 1.0, 1.0])
    matrix[:3, 3] = 4, 5, 6
    scene = trimesh.Scene()
    scene.add_geometry(ball, transform=matrix)
    path = tmp_path / "ball.glb"
    path.write_bytes(scene.export(file_type="glb"))

    mesh = load_mesh(path)

    expected = trimesh.transform_points(ball.vertices, matrix)
    np.testing.assert_allclose(mesh.vertices[mesh.faces], expected[ball.faces], atol=1e-5)
    assert mesh.uv is not None
    np.testing.assert_allclose(mesh.uv[mesh.faces], uv[ball.faces], atol=1e-6)
    texture = mesh.materials[0].texture
    assert texture is not None
    assert texture.shape == (2, 4, 4)
    assert (texture == (200, 100, 50, 255)).all()
    assert mesh.materials[0].factor == (1.0, 1.0, 1.0, 1.0)
    centre = np.array([4, 5, 6])
    outward = np.einsum("fi,fi->f", face_normals(mesh), mesh.vertices[mesh.faces].mean(axis=1) - centre)
    assert (outward > 0).all()
    exact = (ball.vertices @ np.linalg.inv(matrix[:3, :3]))[ball.faces]  # normals of a sphere are its points
    exact /= np.linalg.norm(exact, axis=-1, keepdims=True)
    assert np.einsum("fvi,fvi->fv", mesh.normals[mesh.faces], exact).min() > 0.99


def test_a_mirroring_node_keeps_faces_outside(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((1, 2, 3)), transform=np.diag([-1.0, 1.0, 1.0, 1.0]))
    path = tmp_path / "box.glb"
    path.write_bytes(scene.export(file_type="glb"))
    mesh = load_mesh(path)
    middle = mesh.vertices[mesh.faces].mean(axis=1)
    assert (np.einsum("fi,fi->f", face_normals(mesh), middle) > 0).all()
    assert (np.einsum("ni,ni->n", mesh.normals, mesh.vertices) > 0).all()


def test_one_geometry_in_two_places_becomes_two_parts(tmp_path: Path) -> None:
    path = write_gltf(tmp_path, nodes=[{"mesh": 0}, {"mesh": 0, "translation": [0, 0, 5]}], scenes=[{"nodes": [0, 1]}])
    mesh = load_mesh(path)
    assert len(mesh.faces) == 2
    assert sorted(mesh.vertices[:, 2]) == [0, 0, 0, 5, 5, 5]
    assert len(mesh.materials) == 1


def test_gltf_factor_and_alpha_are_read_exactly(tmp_path: Path) -> None:
    shading = {"baseColorFactor": [0.5, 0.0, 0.0021, 0.25]}
    path = write_gltf(tmp_path, materials=[{"pbrMetallicRoughness": shading, "alphaMode": "MASK", "alphaCutoff": 0.3}])
    material = load_mesh(path).materials[0]
    np.testing.assert_allclose(material.factor, (0.7353569831, 0.0, 12.92 * 0.0021, 0.25), atol=1e-9)
    assert (material.alpha_mode, material.alpha_cutoff, material.texture) == ("mask", 0.3, None)


def test_obj_with_two_materials(tmp_path: Path) -> None:
    (tmp_path / "wood.png").write_bytes(png((90, 60, 30, 128)))
    (tmp_path / "m.mtl").write_text("newmtl a\nKd 0.1 0.2 0.3\nmap_Kd wood.png\n\nnewmtl b\nKd 0.4 0.6 0.8\nd 0.5\n")
    (tmp_path / "m.obj").write_text(
        "mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\n"
        "usemtl a\nf 1/1 2/2 3/3\nusemtl b\nf 1/1 3/2 4/3\n"
    )
    mesh = load_mesh(tmp_path / "m.obj")
    assert len(mesh.faces) == 2
    textured = next(k for k, m in enumerate(mesh.materials) if m.texture is not None)
    plain = mesh.materials[1 - textured]
    assert mesh.materials[textured].factor[:3] == (1.0, 1.0, 1.0)
    assert mesh.materials[textured].alpha_mode == "blend"
    np.testing.assert_allclose(plain.factor, (0.4, 0.6, 0.8, 0.5), atol=1 / 255)
    face = int(np.flatnonzero(mesh.face_material == textured)[0])
    assert mesh.uv is not None
    corners = {
        tuple(p): tuple(t) for p, t in zip(mesh.vertices[mesh.faces[face]], mesh.uv[mesh.faces[face]], strict=True)
    }
    assert corners == {(0, 0, 0): (0, 0), (1, 0, 0): (1, 0), (0, 1, 0): (0, 1)}


def test_ply_vertex_colours_stay_as_stored(tmp_path: Path) -> None:
    path = tmp_path / "m.ply"
    path.write_text(
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nelement face 1\n"
        "property list uchar int vertex_indices\nend_header\n"
        "0 0 0 255 0 0\n1 0 0 0 200 0\n0 1 0 0 0 7\n9 9 9 1 1 1\n3 0 1 2\n"
    )
    mesh = load_mesh(path)
    assert mesh.colours is not None
    assert mesh.colours[mesh.faces[0]].tolist() == [[255, 0, 0, 255], [0, 200, 0, 255], [0, 0, 7, 255]]
    assert len(mesh.vertices) == 3  # the vertex at 9 9 9 is used by no face
    np.testing.assert_allclose(mesh.normals, [[0, 0, 1]] * 3)


def test_normals_are_smooth_across_seams() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    split = ball.vertices[ball.faces].reshape(-1, 3)  # no vertex is shared any more
    normals = smooth_normals(split, np.arange(len(split)).reshape(-1, 3))
    assert np.einsum("ni,ni->n", normals, split).min() > 0.995
    whole = smooth_normals(ball.vertices, ball.faces)
    np.testing.assert_allclose(normals, whole[ball.faces].reshape(-1, 3), atol=1e-9)


def test_sound_normals_of_the_file_are_kept_and_inverted_ones_are_not(tmp_path: Path) -> None:
    tilted = np.array([0.6, 0.0, 0.8])
    body = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvn {} {} {}\nf 1//1 2//1 3//1\n"
    (tmp_path / "kept.obj").write_text(body.format(*tilted))
    (tmp_path / "inverted.obj").write_text(body.format(*-tilted))
    np.testing.assert_allclose(load_mesh(tmp_path / "kept.obj").normals, [tilted] * 3)
    np.testing.assert_allclose(load_mesh(tmp_path / "inverted.obj").normals, [[0, 0, 1]] * 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no faces"),
        ("m.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "does not exist"),
        ("m.obj", b"v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "not finite"),
        ("m.obj", b"", "empty"),
        ("m.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 99\n", "header cannot be read"),
        ("m.glb", b"glTF\x02\0\0\0", "truncated"),
        ("m.glb", b"hello, this is not a mesh at all", "not JSON"),
        ("m.gltf", b"[1, 2]", "not a JSON object"),
        ("m.stl", b"solid", "no faces"),
        ("m.fbx", b"Kaydara", "unknown mesh format"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MeshError, match=message) as caught:
        load_mesh(tmp_path / name)
    assert name in caught.value.where


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="no such file"):
        load_mesh(tmp_path / "nothing.glb")


def test_truncated_glb(tmp_path: Path) -> None:
    path = tmp_path / "box.glb"
    data = trimesh.creation.box().export(file_type="glb")
    path.write_bytes(data[: len(data) - 50])
    with pytest.raises(MeshError, match="truncated"):
        load_mesh(path)


def test_gltf_index_out_of_range(tmp_path: Path) -> None:
    tree = gltf()
    blob = bytearray(base64.b64decode(tree["buffers"][0]["uri"].split(",")[1]))
    blob[60:62] = struct.pack("<H", 7)
    tree["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(bytes(blob)).decode()
    (tmp_path / "m.gltf").write_text(json.dumps(tree))
    with pytest.raises(MeshError, match="does not exist"):
        load_mesh(tmp_path / "m.gltf")


@pytest.mark.parametrize(
    "address", ["../secret.png", "/etc/hostname", "..\\secret.png", "%2e%2e/secret.png", "file:///x"]
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, address: str) -> None:
    (tmp_path / "secret.png").write_bytes(png())
    inside = tmp_path / "inside"
    inside.mkdir()
    unpainted(write_gltf(inside, images=[{"uri": address}]), "outside its own folder")
    with pytest.raises(MeshError, match="outside its own folder"):
        load_mesh(write_gltf(inside, buffers=[{"uri": address, "byteLength": 66}]))
    (inside / "m.mtl").write_text(f"newmtl a\nmap_Kd {address}\n")
    (inside / "m.obj").write_text("mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl a\nf 1 2 3\n")
    if "%" not in address:  # OBJ knows no percent-encoding: such a file is simply not there
        unpainted(inside / "m.obj", "outside its own folder")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.png").symlink_to(tmp_path / "secret.png")
    unpainted(write_gltf(inside, images=[{"uri": "a.png"}]), "outside its own folder")


def test_missing_side_files_leave_the_geometry(tmp_path: Path) -> None:
    (tmp_path / "m.obj").write_text("mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl a\nf 1 2 3\n")
    unpainted(tmp_path / "m.obj", "gone.mtl")
    assert "gone.mtl" in MeshFile(tmp_path / "m.obj").notes[0]
    unpainted(write_gltf(tmp_path, images=[{"uri": "gone.png"}]), "gone.png")


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize("side", [50_000, 9_000])
def test_image_bombs_are_refused(tmp_path: Path, embedded: bool, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(side))
    address = "data:image/png;base64," + base64.b64encode(bomb(side)).decode() if embedded else "bomb.png"
    unpainted(write_gltf(tmp_path, images=[{"uri": address}]), "too large")


@pytest.mark.parametrize("embedded", [True, False])
def test_postscript_is_never_run(tmp_path: Path, embedded: bool) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "EPS")
    (tmp_path / "a.eps").write_bytes(stream.getvalue())
    address = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode() if embedded else "a.eps"
    unpainted(write_gltf(tmp_path, images=[{"uri": address}]), "a PostScript document, which is not read")


def test_a_damaged_texture_is_an_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    (tmp_path / "cut.png").write_bytes(stream.getvalue()[:2000])
    unpainted(write_gltf(tmp_path, images=[{"uri": "cut.png"}]), "truncated or broken")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extensionsRequired": ["MPEG_media"]}, "MPEG_media"),
        ({"accessors": [{"componentType": 5126, "count": 10**12, "type": "VEC3"}]}, "too large"),
        ({"materials": [{"alphaMode": "GLASS"}]}, "alphaMode"),
        ({"materials": "none"}, "'materials' is 'none'"),
        ({"meshes": [{}]}, "'primitives' is missing"),
        ({"asset": {"version": "1.0"}}, "glTF version 1.0"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MeshError, match=message):
        load_mesh(write_gltf(tmp_path, **changes))


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gltf(tmp_path, nodes=[{"mesh": 0}] * 3, scenes=[{"nodes": [0, 1, 2]}])
    assert len(load_mesh(path).faces) == 3
    monkeypatch.setattr("bench.mesh_files.part.MAX_FACES", 2)
    with pytest.raises(MeshError, match="too many faces"):
        load_mesh(path)
    monkeypatch.setattr("bench.mesh_files.assets.MAX_FILE_BYTES", 100)
    with pytest.raises(MeshError, match="too large"):
        load_mesh(path)


def test_fingerprint_covers_side_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((1, 2, 3)))
    path = write_gltf(tmp_path, images=[{"uri": "a.png"}])
    first = MeshFile(path).fingerprint
    assert MeshFile(path).fingerprint == first
    assert len(first) == 64
    (tmp_path / "a.png").write_bytes(png((1, 2, 4)))
    assert MeshFile(path).fingerprint != first
    handle = pickle.loads(pickle.dumps(MeshFile(path)))
    assert handle == MeshFile(path)


def test_handle_is_normalised_and_wears_others(tmp_path: Path) -> None:
    own = MeshFile(write_gltf(tmp_path))
    mesh = own.load()
    np.testing.assert_allclose(
        [mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)], [[-0.5, -0.25, 0], [0.5, 0.25, 0]]
    )
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    picture = "data:image/png;base64," + base64.b64encode(png((99, 98, 97))).decode()
    other = MeshFile(write_gltf(other_folder, images=[{"uri": picture}]))
    worn = own.load(texture_of=other)
    assert worn.materials[0].texture is not None
    assert (worn.materials[0].texture[0, 0] == (99, 98, 97, 255)).all()
    np.testing.assert_array_equal(worn.vertices, mesh.vertices)

    (tmp_path / "bare.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    bare = MeshFile(tmp_path / "bare.obj")
    with pytest.raises(MeshError, match="no texture coordinates"):
        bare.load(texture_of=own)
    with pytest.raises(MeshError, match="no texture to wear"):
        own.load(texture_of=bare)


@pytest.mark.parametrize("name", ["cow", "lemon", "penguin", "sofa"])
def test_published_meshes(shared_data: Path, name: str) -> None:
    path = shared_data / "published_meshes" / "realiz3d" / f"{name}.glb"
    mesh = load_mesh(path)
    reference = trimesh.load_scene(path, process=False).to_mesh()
    np.testing.assert_allclose(mesh.vertices.min(axis=0), reference.bounds[0], atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), reference.bounds[1], atol=1e-6)
    assert len(mesh.faces) == len(reference.faces)
    assert len(mesh.materials) == 1
    texture = mesh.materials[0].texture
    assert texture is not None
    assert texture.shape == (2048, 2048, 4)
    assert mesh.uv is not None
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-9)
    twin = MeshFile(shared_data / "published_meshes" / "standard_tuning" / f"{name}.glb")
    worn = MeshFile(path).load(texture_of=twin)
    np.testing.assert_array_equal(worn.materials[0].texture, twin.load().materials[0].texture)
