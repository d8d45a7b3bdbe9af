"""glTF files that are broken, hostile or of kinds that are not read: each is refused, and the place is named."""

from __future__ import annotations

import json
import struct
import sys

import numpy as np
import pytest
from gltf_writer import SQUARE, Gltf, encoded

from bench.errors import MeshError
from bench.mesh_files.reader import read_mesh


def square(**tree):
    g = Gltf(**tree)
    g.node(g.square())
    return g


def refused(path, message, place=""):
    with pytest.raises(MeshError, match=message) as caught:
        read_mesh(path)
    assert path.name in caught.value.where and place in caught.value.where


# where to reach into the tree of a square, what to write there, and what is said
BROKEN = {
    "accessor beyond its view": (("accessors", 0, "count"), 5, "reaches byte", "accessors[0]"),
    "count of zero": (("accessors", 0, "count"), 0, "'count' is 0", "accessors[0]"),
    "count that is no number": (("accessors", 0, "count"), "4", "'count' is '4'", "accessors[0]"),
    "huge count": (("accessors", 0, "count"), 10**12, "too large", "accessors[0]"),
    "negative offset": (("accessors", 0, "byteOffset"), -4, "'byteOffset' is -4", "accessors[0]"),
    "unknown component": (("accessors", 0, "componentType"), 5130, "componentType", "accessors[0]"),
    "wrong type": (("accessors", 0, "type"), "VEC2", "'type' is 'VEC2'", "accessors[0]"),
    "integer positions": (("accessors", 0, "componentType"), 5123, "KHR_mesh_quantization", "accessors[0]"),
    "float indices": (("accessors", 2, "componentType"), 5126, "reaches byte|unsigned", "accessors[2]"),
    "no such view": (("accessors", 0, "bufferView"), 9, "bufferViews[9] does not exist", ""),
    "negative view offset": (("bufferViews", 0, "byteOffset"), -1, "'byteOffset' is -1", "bufferViews[0]"),
    "view beyond its buffer": (("bufferViews", 0, "byteLength"), 10**6, "ends at byte", "bufferViews[0]"),
    "stride of one": (("bufferViews", 0, "byteStride"), 1, "'byteStride' is 1", "bufferViews[0]"),
    "no such buffer": (("bufferViews", 0, "buffer"), 3, "buffers[3] does not exist", ""),
    "no such accessor": (("meshes", 0, "primitives", 0, "attributes", "POSITION"), 77, "accessors[77]", ""),
    "negative accessor": (
        ("meshes", 0, "primitives", 0, "attributes", "POSITION"),
        -1,
        "'POSITION' is -1",
        "meshes[0]",
    ),
    "no such material": (("meshes", 0, "primitives", 0, "material"), 4, "materials[4] does not exist", ""),
    "negative material": (("meshes", 0, "primitives", 0, "material"), -1, "'material' is -1", "meshes[0]"),
    "unknown mode": (("meshes", 0, "primitives", 0, "mode"), 7, "'mode' is 7", "meshes[0]"),
    "no such mesh": (("nodes", 0, "mesh"), 8, "meshes[8] does not exist", ""),
    "no such child": (("nodes", 0, "children"), [6], "nodes[6] does not exist", ""),
    "itself as a child": (("nodes", 0, "children"), [0], "below itself", "nodes[0]"),
    "a root twice": (("scenes", 0, "nodes"), [0, 0], "below two others", "nodes[0]"),
    "no such scene": (("scene",), 5, "scenes[5] does not exist", ""),
    "short matrix": (("nodes", 0, "matrix"), [1, 0], "16 numbers", "nodes[0]"),
    "projective matrix": (("nodes", 0, "matrix"), [1.0] * 16, "affine", "nodes[0]"),
    "rotation of zeros": (("nodes", 0, "rotation"), [0, 0, 0, 0], "rotation of zeros", "nodes[0]"),
    "flat to nothing": (("nodes", 0, "scale"), [0, 0, 0], "single point", ""),
    "flat to a line": (("nodes", 0, "scale"), [1, 0, 0], "no area", ""),
    "weights without targets": (("nodes", 0, "weights"), [0.5], "'weights' is", "nodes[0]"),
    "no such skin": (("nodes", 0, "skin"), 2, "skins[2] does not exist", ""),
    "required extension": (("extensionsRequired",), ["MPEG_media"], "MPEG_media", ""),
    "nodes that are no list": (("nodes",), {"0": {}}, "'nodes' is", ""),
    "first version": (("asset", "version"), "1.0", "glTF version 1.0", ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken(tmp_path, case):
    where, value, message, place = BROKEN[case]
    g = square()
    inner = g.tree
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    refused(g.save(tmp_path / "a.glb"), message.replace("[", r"\["), place)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "-1e999"])
def test_numbers_that_are_not_finite(tmp_path, number):
    g = square(materials=[{"pbrMetallicRoughness": {"baseColorFactor": [7.25, 0, 0, 1]}}])
    path = g.save(tmp_path / "a.gltf")
    path.write_text(path.read_text().replace("7.25", number))
    refused(path, "holds the number")


def test_counts_beyond_all_floats(tmp_path):
    path = square().save(tmp_path / "a.gltf")
    tree = json.loads(path.read_text())
    tree["accessors"][0]["count"] = 12345
    path.write_text(json.dumps(tree).replace("12345", "1" + "0" * 4000))
    refused(path, "'count' is")


def test_not_a_number_among_the_vertices(tmp_path):
    g = Gltf()
    corners = SQUARE.copy()
    corners[2, 1] = np.nan
    g.node(g.square(POSITION=corners))
    refused(g.save(tmp_path / "a.glb"), "not finite", "accessors[0]")


def test_vertices_that_do_not_exist(tmp_path):
    g = Gltf()
    g.node({**g.square(), "indices": g.array(np.uint16([0, 1, 65535]))})
    refused(g.save(tmp_path / "a.glb"), "vertex that does not exist: 65535", "meshes[0].primitives[0]")


def test_indices_that_are_no_triangles(tmp_path):
    g = Gltf()
    g.node({**g.square(), "indices": g.array(np.uint16([0, 1, 2, 3]))})
    refused(g.save(tmp_path / "a.glb"), "do not make whole triangles")


def test_sparse_indices_out_of_range(tmp_path):
    g = square()
    indices = {"bufferView": g.view(np.uint8([9]).tobytes()), "componentType": 5121}
    values = {"bufferView": g.view(SQUARE[:1].tobytes())}
    g.tree["accessors"][0]["sparse"] = {"count": 1, "indices": indices, "values": values}
    refused(g.save(tmp_path / "a.glb"), "sparse indices", "accessors[0].sparse.indices")


@pytest.mark.parametrize(
    ("change", "said"),
    [({}, "compressed geometry is damaged"), ({"mode": "LINES"}, "'mode' is 'LINES'"), ({"count": 10**9}, "'count' is"),
     ({"filter": "SEPIA"}, "'filter' is"), ({"mode": "TRIANGLES", "filter": "COLOR"}, "'filter' is")],
)  # fmt: skip
def test_meshopt_streams_that_are_wrong(tmp_path, change, said):
    pytest.importorskip("meshopt")
    refused(packed_square(change).save(tmp_path / "a.glb"), said, "bufferViews[0].extensions.EXT_meshopt_compression")


def test_meshopt_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "meshopt", None)
    path = packed_square({}).save(tmp_path / "a.glb")
    refused(path, "compressed with EXT_meshopt_compression", "bufferViews[0]")
    with pytest.raises(MeshError, match=r"realiz3d-bench\[meshopt\]"):
        read_mesh(path)


def packed_square(change):
    g = square(extensionsRequired=["EXT_meshopt_compression"])
    g.tree["buffers"] = [{"byteLength": len(g.blob)}, {"byteLength": 999}]
    view = g.tree["bufferViews"][0]
    said = {"buffer": 0, "byteLength": 48, "mode": "ATTRIBUTES", "byteStride": 12, "count": 4, **change}
    view |= {"buffer": 1, "extensions": {"EXT_meshopt_compression": said}}
    return g


def test_a_damaged_draco_stream(tmp_path):
    pytest.importorskip("DracoPy")
    g = Gltf(extensionsUsed=["KHR_draco_mesh_compression"])
    packed = {"bufferView": g.view(b"DRACO and then nothing"), "attributes": {"POSITION": 0}}
    g.node({**g.square(), "extensions": {"KHR_draco_mesh_compression": packed}})
    refused(g.save(tmp_path / "a.glb"), "Draco stream is damaged", "meshes[0].primitives[0]")


def test_joints_that_are_not_there(tmp_path):
    g = Gltf()
    joint = g.node()
    weights = np.float32([[1, 0, 0, 0]] * 4)
    g.node(g.square(JOINTS_0=np.uint8([[5, 0, 0, 0]] * 4), WEIGHTS_0=weights), skin=g.add("skins", joints=[joint]))
    refused(g.save(tmp_path / "a.glb"), "hangs on joint 5", "skins[0]")


@pytest.mark.parametrize("cut", [4, 19, 60, -10])
def test_cut_off(tmp_path, cut):
    path = square().save(tmp_path / "a.glb")
    path.write_bytes(path.read_bytes()[:cut])
    refused(path, "truncated|not JSON")


def test_a_buffer_that_is_shorter_than_it_says(tmp_path):
    g = square()
    g.tree["buffers"] = [{"byteLength": 10_000}]
    refused(g.save(tmp_path / "a.glb"), "cut off", "buffers[0]")


def test_textures_have_one_budget(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.mesh_files.textures.MAX_TEXTURE_PIXELS", 100)
    g = Gltf()
    for shade in (10, 20):
        index = g.texture(encoded(np.full((8, 8, 3), shade, np.uint8)))
        g.node(g.square(g.material(baseColorTexture={"index": index})))
    decoded = []
    monkeypatch.setattr("bench.mesh_files.textures.decode_texture", lambda *_: decoded.append(1))
    assert "textures are too large" in read_mesh(g.save(tmp_path / "a.glb")).mesh.unpainted
    assert not decoded, "all sizes are known before one picture is decoded"


def test_instances_without_end(tmp_path):
    g = Gltf(extensionsUsed=["EXT_mesh_gpu_instancing"])
    moves = {"TRANSLATION": g.add("accessors", componentType=5126, count=40_000_000, type="VEC3")}
    g.node(g.square(), extensions={"EXT_mesh_gpu_instancing": {"attributes": moves}})
    refused(g.save(tmp_path / "a.glb"), "too many instances")


def test_unknown_chunks(tmp_path):
    path = square().save(tmp_path / "a.glb")
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<I", data[12:16])
    data[24 + length : 28 + length] = b"WHAT"
    path.write_bytes(bytes(data))
    refused(path, "truncated or damaged")
