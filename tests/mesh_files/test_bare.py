"""STL and OFF: geometry alone."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from bench.errors import MeshError
from bench.mesh_files.reader import read_mesh

BOX = trimesh.creation.box((1, 2, 3))
OFF = "OFF\n# a square\n4 1 0\n-1 1 0\n1 1 0\n1 -1 0\n-1 -1 0\n4 0 3 2 1\n"


@pytest.mark.parametrize("kind", ["stl", "stl_ascii", "off"])
def test_a_box(tmp_path, kind):
    path = tmp_path / f"box.{kind[:3]}"
    exported = BOX.export(file_type=kind)
    path.write_bytes(exported if isinstance(exported, bytes) else exported.encode())
    mesh = read_mesh(path).mesh
    assert len(mesh.faces) == 12
    for corner in BOX.vertices:  # smooth, whether faces share their vertices or not
        assert np.ptp(mesh.normals[(mesh.vertices == corner).all(axis=1)], axis=0).max() < 1e-9
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [1, 2, 3])
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    assert (np.einsum("fi,fi->f", np.cross(b - a, c - a), a) > 0).all()
    assert not mesh.has_appearance and not mesh.unpainted


@pytest.mark.parametrize(
    "text", [OFF, OFF.replace("OFF\n", "OFF "), OFF.replace("OFF", "  OFF"), OFF.replace("\n", "\r\n")]
)
def test_off_headers(tmp_path, text):
    (tmp_path / "m.off").write_text(text)
    assert len(read_mesh(tmp_path / "m.off").mesh.faces) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("m.off", OFF.replace("4 0 3 2 1", "4 0 3 2 1 255 0 0")), ("m.off", OFF.replace("OFF", "COFF"))],
)
def test_colours_are_left_out_and_painting_says_so(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    read = read_mesh(tmp_path / name)
    assert "colours of OFF files are not read" in read.mesh.unpainted and read.notes


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("m.off", OFF.replace("3 2 1", "3 2 9").encode(), "does not exist: 9"), ("m.off", OFF[:30].encode(), "cut off"),
     ("m.off", b"OFF BINARY\n", "header"), ("m.off", b"4OFF\n", "header"), ("m.off", b"\x00\x01", "header"),
     ("m.off", OFF.replace("4 1 0", "4 99999999999 0").encode(), "cut off"),
     ("m.stl", b"\0" * 80 + (5).to_bytes(4, "little") + b"\0" * 100, "cut off"),
     ("m.stl", b"solid a\nfacet\nvertex 0 0 0\nvertex 0 1 0\n", "cut off"),
     ("m.stl", b"solid a\nvertex 0 0 0\nvertex 0 1 0\nvertex 1 x 0\n", "not numbers")],
)  # fmt: skip
def test_broken(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MeshError, match=said):
        read_mesh(tmp_path / name)
