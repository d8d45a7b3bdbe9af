"""PLY files: text and binary, colours of vertices and faces, textures by comments."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from front_view import QUARTERS, colours_at
from gltf_writer import blocks, encoded

from bench.errors import MeshError
from bench.mesh_files.reader import read_mesh

RED, GREEN, BLUE, YELLOW = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]
XYZ = "property float x\nproperty float y\nproperty float z\n"
FACE = "property list uchar int vertex_indices\n"
SQUARE = ["-.5 .5 0", ".5 .5 0", ".5 -.5 0", "-.5 -.5 0"]


def ply(folder, vertices, faces, per_vertex="", per_face="", comments=()):
    header = ["ply", "format ascii 1.0", *(f"comment {one}" for one in comments), f"element vertex {len(vertices)}"]
    text = "\n".join(header) + f"\n{XYZ}{per_vertex}element face {len(faces)}\n{FACE}{per_face}end_header\n"
    path = folder / "m.ply"
    path.write_text(text + "\n".join([*vertices, *faces]) + "\n")
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mixed", [False, True])
def test_binary(tmp_path, order, mixed):
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    faces = [(0, 3, 2), (0, 2, 1)] if not mixed else [(0, 3, 2, 1), (1, 2, 3)]
    header = f"ply\nformat {name} 1.0\nelement vertex 4\n{XYZ}element face 2\n{FACE}end_header\n"
    body = b"".join(struct.pack(order + "3f", *map(float, row.split())) for row in SQUARE)
    body += b"".join(struct.pack(f"{order}B{len(f)}i", len(f), *f) for f in faces)
    path = tmp_path / "m.ply"
    path.write_bytes(header.encode() + body)
    mesh = read_mesh(path).mesh
    assert len(mesh.faces) == (3 if mixed else 2)
    assert np.ptp(mesh.vertices, axis=0).tolist() == [1, 1, 0]
    path.write_bytes((header.encode() + body)[:-3])
    with pytest.raises(MeshError, match="cut off"):
        read_mesh(path)


@pytest.mark.parametrize(("kind", "full"), [("uchar", 255), ("ushort", 65535), ("float", 1), ("float", 255)])
def test_vertex_colours_as_stored(tmp_path, kind, full):
    colours = "".join(f"property {kind} {name}\n" for name in ("red", "green", "blue"))
    path = ply(tmp_path, [f"{row} {full} 0 0" for row in SQUARE], ["4 0 3 2 1"], per_vertex=colours)
    assert colours_at(path, (0.5, 0.4)) == [RED]


def test_quads_with_a_colour_each(tmp_path):
    colours = "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    vertices = ["-1 .5 0", "0 .5 0", "0 -.5 0", "-1 -.5 0", "1 .5 0", "1 -.5 0"]
    path = ply(tmp_path, vertices, ["4 0 3 2 1 255 0 0", "4 1 2 5 4 0 0 255"], per_face=colours)
    assert colours_at(path, (0.25, 0.5), (0.75, 0.5)) == [RED, BLUE]


@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_a_texture_by_vertex_coordinates(tmp_path, names):
    (tmp_path / "four.png").write_bytes(encoded(blocks()))
    coordinates = "".join(f"property float {name}\n" for name in names)
    rows = [f"{row} {uv}" for row, uv in zip(SQUARE, ["0 1", "1 1", "1 0", "0 0"], strict=True)]
    path = ply(tmp_path, rows, ["4 0 3 2 1"], per_vertex=coordinates, comments=["TextureFile four.png"])
    assert colours_at(path, *QUARTERS) == [RED, GREEN, BLUE, YELLOW]


def test_textures_by_number_and_corner(tmp_path):
    (tmp_path / "four.png").write_bytes(encoded(blocks()))
    (tmp_path / "a b.png").write_bytes(encoded(np.full((4, 4, 3), 7, np.uint8)))
    faces = ["3 0 3 2 6 0 1 0 0 1 0 1", "3 0 2 1 6 0 1 1 0 1 1 0"]
    more = "property list uchar float texcoord\nproperty int texnumber\n"
    comments = ["TextureFile a b.png", "TextureFile four.png"]
    path = ply(tmp_path, SQUARE, faces, per_face=more, comments=comments)
    assert colours_at(path, (0.25, 0.6), (0.25, 0.8), (0.8, 0.4)) == [BLUE, BLUE, [7, 7, 7]]
    assert (
        "texture number 9" in read_mesh(ply(tmp_path, SQUARE, [faces[0][:-1] + "9"], "", more, comments)).mesh.unpainted
    )
    assert "gone.png" in read_mesh(ply(tmp_path, SQUARE, faces[1:], "", more, ["TextureFile gone.png"])).mesh.unpainted


@pytest.mark.parametrize(
    ("faces", "said"),
    [(["3 0 1 9"], "vertex that does not exist: 9"), (["3 0 1 -2"], "does not exist: -2"), (["3 0 1"], "cut off"),
     ([], "cloud of points"), (["3 0 1 x"], "cut off"), (["2 0 1"], "three corners")],
)  # fmt: skip
def test_broken(tmp_path, faces, said):
    with pytest.raises(MeshError, match=said):
        read_mesh(ply(tmp_path, SQUARE, faces))


@pytest.mark.parametrize(
    "header", ["ply\n", "ply\nformat text 1.0\nend_header\n", "ply\nproperty float x\nend_header\n"]
)
def test_headers_that_cannot_be_read(tmp_path, header):
    (tmp_path / "m.ply").write_text(header)
    with pytest.raises(MeshError, match="header cannot be read"):
        read_mesh(tmp_path / "m.ply")


def test_a_header_that_promises_too_much(tmp_path):
    path = ply(tmp_path, SQUARE, ["3 0 1 2"])
    path.write_text(path.read_text().replace("vertex 4", "vertex 4000000000"))
    with pytest.raises(MeshError, match="cut off"):
        read_mesh(path)
