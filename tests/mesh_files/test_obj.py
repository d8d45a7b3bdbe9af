"""OBJ and MTL as programs write them."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from front_view import QUARTERS, colours_at
from gltf_writer import blocks, encoded

from bench.cases.mesh_file import MeshFile
from bench.errors import MeshError
from bench.mesh_files.reader import read_mesh

RED, GREEN, BLUE, YELLOW = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]
V = "v -.5 .5 0\nv .5 .5 0\nv .5 -.5 0\nv -.5 -.5 0\n"
VT = "vt 0 1\nvt 1 1\nvt 1 0\nvt 0 0\n"
F = "f 1/1 4/4 3/3 2/2\n"


def write(folder, mesh, **files):
    """`m.obj`, and beside it `NAME.mtl` or, for bytes, `NAME.png`."""
    for name, content in files.items():
        suffix = ".png" if isinstance(content, bytes) else ".mtl"
        (folder / (name + suffix)).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / "m.obj"
    path.write_bytes(mesh if isinstance(mesh, bytes) else mesh.encode())
    return path


def textured(folder, statement, **files):
    mtl = f"newmtl a\nKd 0.1 0.1 0.1\n{statement}\n"
    return write(folder, "mtllib a.mtl\n" + V + VT + "usemtl a\n" + F, a=mtl, four=encoded(blocks()), **files)


@pytest.mark.parametrize("start", ["", "\ufeff", "# comment\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_geometry_without_materials(tmp_path, start, end):
    path = write(tmp_path, (start + V + VT + F).replace("\n", end))
    read = read_mesh(path)
    assert len(read.mesh.faces) == 2 and read.notes == () and not read.mesh.unpainted and not read.mesh.has_appearance
    assert read.mesh.uv is not None
    np.testing.assert_allclose(read.mesh.normals, [[0, 0, 1]] * 4)


@pytest.mark.parametrize(
    ("head", "said"),
    [("usemtl gone\n", "'gone' is defined nowhere"), ("mtllib gone.mtl\nusemtl a\n", "gone.mtl"),
     ("mtllib C:\\\\work\\\\a.mtl\nusemtl a\n", "outside its own folder")],
)  # fmt: skip
def test_materials_that_cannot_be_had_leave_the_geometry(tmp_path, head, said):
    path = write(tmp_path, head + V + VT + F)
    read = read_mesh(path)
    assert len(read.mesh.faces) == 2 and read.mesh.uv is not None
    assert said in read.mesh.unpainted and len(read.notes) == 1
    with pytest.raises(MeshError, match="cannot be painted"):
        colours_at(path, (0.5, 0.5))


def test_a_material_file_that_no_face_needs(tmp_path):
    read = read_mesh(write(tmp_path, "mtllib gone.mtl\n" + V + "f 1 4 3 2\n"))
    assert not read.mesh.unpainted and "gone.mtl" in read.notes[0]


@pytest.mark.parametrize(
    "lines", ["mtllib a.mtl\nmtllib b c.mtl\n", "mtllib a.mtl d.mtl\n", "mtllib A.MTL\nmtllib d.mtl\n"]
)
def test_several_material_files(tmp_path, lines):
    faces = "usemtl l\nf 1 4 3\nusemtl r r\nf 1 3 2\n"
    files = {
        "a": "newmtl l\nKd 1 0 0\n",
        "b c": "newmtl r r\nKd 0 0 1\n",
        "d": "newmtl r r\nKd 0 0 1\nnewmtl l\nKd 1 1 1",
    }
    path = write(tmp_path, lines + V + faces, **files)
    assert colours_at(path, (0.3, 0.7), (0.7, 0.3)) == [RED, BLUE]


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("map_Kd four.png", [RED, GREEN, BLUE, YELLOW]),
        ("MAP_KD FOUR.PNG", [RED, GREEN, BLUE, YELLOW]),
        ('map_Kd "four.png"', [RED, GREEN, BLUE, YELLOW]),
        ("map_Kd .\\\\four.png", [RED, GREEN, BLUE, YELLOW]),
        ("map_Kd -bm 0.3 -s 1 1 1 -o 0 0 0 -blendu on four.png", [RED, GREEN, BLUE, YELLOW]),
        ("map_Kd -o 0.5 0 0 four.png", [GREEN, RED, YELLOW, BLUE]),
        ("map_Kd -s 0.5 0.5 four.png", [BLUE] * 4),
        ("map_Kd -s 3 3 3 -o -1 -1 -clamp on four.png", [RED, GREEN, BLUE, YELLOW]),
        ("map_Kd -mm 0 1 four.png", [RED, GREEN, BLUE, YELLOW]),
    ],
)
def test_textures_and_their_options(tmp_path, statement, seen):
    assert colours_at(textured(tmp_path, statement.replace("\\\\", "\\")), *QUARTERS) == seen


@pytest.mark.parametrize("option", ["-mm 0.2 0.5", "-t 1 1 1", "-imfchan r"])
def test_options_that_change_colours_are_refused_by_name(tmp_path, option):
    assert f"option {option}" in read_mesh(textured(tmp_path, f"map_Kd {option} four.png")).mesh.unpainted


def test_a_texture_that_is_missing(tmp_path):
    read = read_mesh(textured(tmp_path, "map_Kd gone.png"))
    assert "gone.png" in read.mesh.unpainted and "gone.png" in read.used
    before = MeshFile(tmp_path / "m.obj").fingerprint
    (tmp_path / "gone.png").write_bytes(encoded(blocks()))
    assert MeshFile(tmp_path / "m.obj").fingerprint != before


def test_a_mask_picture_makes_transparent(tmp_path):
    mask = encoded(np.uint8([[255, 0], [255, 255]]).repeat(8, 0).repeat(8, 1))
    path = textured(tmp_path, "map_Kd four.png\nmap_d mask.png", mask=mask)
    assert colours_at(path, *QUARTERS) == [RED, [255, 255, 255], BLUE, YELLOW]


@pytest.mark.parametrize(
    ("statement", "alpha"), [("d 0.5", 0.5), ("d -halo 0.5", 0.5), ("Tr 0.25", 0.75), ("d 1\nTr 1", 1)]
)
def test_opacity(tmp_path, statement, alpha):
    assert read_mesh(textured(tmp_path, statement)).mesh.materials[0].factor[3] == alpha


@pytest.mark.parametrize(
    ("statement", "said"), [("d glass", "opacity"), ("Kd spectral a.rfl", "Kd is"), ("Kd 1 nan 0", "Kd is")]
)
def test_materials_that_cannot_be_understood(tmp_path, statement, said):
    mtl = f"newmtl a\n{statement}\n"
    assert said in read_mesh(write(tmp_path, "mtllib a.mtl\n" + V + "usemtl a\nf 1 2 3\n", a=mtl)).mesh.unpainted


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("material", ["", "newmtl a\nKd 0.7 0.7 0.7\n"])
def test_vertex_colours(tmp_path, material, scale):
    coloured = "\n".join(f"{line} {scale} 0 0" for line in V.splitlines())
    path = write(tmp_path, "mtllib a.mtl\n" + coloured + "\nusemtl a\nf 1 4 3 2\n", a=material)
    assert colours_at(path, (0.5, 0.4)) == [RED]
    assert any("stand in" in note for note in read_mesh(path).notes) == bool(material)


def test_vertex_colours_under_a_texture_are_left_out(tmp_path):
    coloured = "\n".join(f"{line} 0 0 0" for line in V.splitlines())
    path = textured(tmp_path, "map_Kd four.png")
    path.write_text(path.read_text().replace(V, coloured + "\n"))
    assert colours_at(path, *QUARTERS) == [RED, GREEN, BLUE, YELLOW]
    assert "left out under the texture" in read_mesh(path).notes[0]


def test_vertex_colours_of_some_vertices_only(tmp_path):
    read = read_mesh(write(tmp_path, "v 0 0 0 1 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"))
    assert "some vertices have a colour" in read.mesh.unpainted


@pytest.mark.parametrize(
    ("face", "said"),
    [("f 0 1 2", "m.obj:5"), ("f 1 2 5", "does not exist: 4"), ("f 1 2 -5", "m.obj:5"), ("f 1 2 x", "m.obj:5"),
     ("f 1 2", "no faces"), ("v 1 nan 2\nf 1 2 5", "not finite"), ("v 1 2\nf 1 2 5", "not finite"),
     ("v one 2 3", "m.obj:5"), ("f 1 1 1", "single point"), ("f 1 2 1", "no area"),
     ("f 1 2 99999999999999999999", "m.obj:5")],
)  # fmt: skip
def test_broken_lines(tmp_path, face, said):
    with pytest.raises(MeshError) as caught:
        read_mesh(write(tmp_path, V + face + "\n"))
    assert said in str(caught.value)


def test_negative_indices_count_from_where_they_stand(tmp_path):
    mesh = read_mesh(write(tmp_path, V + "f -4 -1 -2 -3\nv 9 9 9\n")).mesh
    assert mesh.vertices.max() == 0.5 and len(mesh.faces) == 2


def test_indices_of_what_is_not_there_are_left_out_and_said(tmp_path):
    read = read_mesh(write(tmp_path, V + "vt 0 0\nf 1/1/7 4/4/7 3/3/7\n"))
    assert read.mesh.uv is None and len(read.notes) == 2 and "normals" in read.notes[1]


def test_faces_with_and_without_coordinates_in_one_material(tmp_path):
    path = textured(tmp_path, "map_Kd four.png")
    path.write_text(path.read_text() + "v 0 0 5\nf 1 4 5\n")
    assert "no texture coordinates" in read_mesh(path).mesh.unpainted


def test_parts_keep_the_order_of_the_file(tmp_path):
    names = [f"m{(7 * k) % 10}" for k in range(10)]
    mtl = "".join(f"newmtl m{k}\nKd 0.{k} 0 0\n" for k in range(10))
    faces = "".join(f"usemtl {name}\nf 1 2 3\n" for name in names)
    mesh = read_mesh(write(tmp_path, "mtllib a.mtl\n" + V + faces, a=mtl)).mesh
    assert [round(10 * material.factor[0]) for material in mesh.materials] == [(7 * k) % 10 for k in range(10)]


def test_lines_that_go_on(tmp_path):
    assert len(read_mesh(write(tmp_path, V + "f 1 \\\n 4 3 2\n")).mesh.faces) == 2


def test_latin_names(tmp_path):
    (tmp_path / "a.mtl").write_bytes("newmtl Grün\nKd 0 1 0\n".encode("latin-1"))
    path = write(tmp_path, ("mtllib a.mtl\n" + V + "usemtl Grün\nf 1 4 3 2\n").encode("latin-1"))
    assert colours_at(path, (0.5, 0.4)) == [GREEN]


def test_a_name_whose_bytes_hold_a_line_break_of_unicode(tmp_path):
    (tmp_path / "a.mtl").write_bytes(b"newmtl \xc5\xff\nKd 0 1 0\nnewmtl \x85b\nKd 1 0 0\n")  # no UTF-8: Latin-1
    path = write(tmp_path, b"mtllib a.mtl\n" + V.encode() + b"usemtl \x85b\nf 1 4 3 2\n")
    assert colours_at(path, (0.5, 0.4)) == [RED]


def test_comments_after_numbers_and_quoted_names(tmp_path):
    mesh = 'mtllib "two words.mtl"\n' + V.replace("\n", " # a corner\n") + "usemtl Mat#1\nf 1 4 3 2 # it\n"
    path = write(tmp_path, mesh, **{"two words": "newmtl Mat#1\nKd 0 0 1\n"})
    assert colours_at(path, (0.5, 0.4)) == [BLUE]


def test_names_whose_accents_are_stored_otherwise(tmp_path):
    (tmp_path / unicodedata.normalize("NFD", "é.mtl")).write_text("newmtl a\nKd 0 1 0\n")
    path = write(tmp_path, unicodedata.normalize("NFC", "mtllib é.mtl\n") + V + "usemtl a\nf 1 4 3 2\n")
    assert colours_at(path, (0.5, 0.4)) == [GREEN]


def test_textures_beside_a_folder_of_meshes(tmp_path):
    """As Google's scans are laid out; what a path leads to outside stays refused."""
    for folder in ("meshes", "materials/textures"):
        (tmp_path / folder).mkdir(parents=True)
    path = textured(tmp_path / "meshes", "map_Kd texture.png")
    picture = tmp_path / "materials" / "textures" / "texture.png"
    picture.write_bytes(encoded(blocks()))
    assert colours_at(path, *QUARTERS) == [RED, GREEN, BLUE, YELLOW]
    assert MeshFile(path).fingerprint != (picture.unlink(), MeshFile(path).fingerprint)[1]
    path = textured(tmp_path / "meshes", "map_Kd ../materials/textures/texture.png")
    assert "outside its own folder" in read_mesh(path).mesh.unpainted


def test_a_linked_mesh_has_its_files_where_it_lies(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "meshes").mkdir()
    path = textured(tmp_path / "disk", "map_Kd four.png")
    link = tmp_path / "meshes" / "mug.obj"
    link.symlink_to(path)
    assert colours_at(link, *QUARTERS) == [RED, GREEN, BLUE, YELLOW]


def test_what_is_no_polygon_is_left_out_and_said(tmp_path):
    square = "v -.5 .5 0\nv .5 .5 0\nv .5 -.5 0\nv -.5 -.5 0\n"
    free = "cstype bezier\ndeg 1 1\nsurf 0 1 0 1 1 2 3 4\nend\n"
    (tmp_path / "a.obj").write_text(square + "l 1 2 3\np 4\n" + free + "f 1 4 3 2\n")
    notes = read_mesh(tmp_path / "a.obj").notes
    assert notes == ("2 lines and points are left out", "1 free-form surfaces and curves are left out")
