"""Geometry of glTF files, kind by kind, against vertices that are known."""

from __future__ import annotations

import numpy as np
import pytest
from gltf_writer import SQUARE, SQUARE_FACES, SQUARE_UV, Gltf

from bench.mesh_files.gltf.fields import Entry
from bench.mesh_files.gltf.meshopt import decode_meshopt
from bench.mesh_files.reader import read_mesh


def triangles(path):
    """Corners (F, 3, 3) of every face."""
    mesh = read_mesh(path).mesh
    return mesh.vertices[mesh.faces]


def area(path):
    corners = triangles(path)
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2


def extent(path):
    corners = triangles(path).reshape(-1, 3)
    return [*corners.min(axis=0), *corners.max(axis=0)]


SQUARE_EXTENT = pytest.approx([-0.5, -0.5, 0, 0.5, 0.5, 0], abs=1e-6)


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_a_square(tmp_path, suffix):
    g = Gltf()
    g.node(g.square())
    corners = triangles(g.save(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(corners, SQUARE[SQUARE_FACES].reshape(-1, 3, 3))


@pytest.mark.parametrize("base", ["values", "zeros"])
def test_sparse_accessors(tmp_path, base):
    g = Gltf()
    places = [1, 2] if base == "values" else [0, 1, 2, 3]
    position = g.array(SQUARE)
    if base == "values":
        position = g.array(np.float32([[-0.5, 0.5, 0], [9, 9, 9], [9, 9, 9], [-0.5, -0.5, 0]]))
    else:
        del g.tree["accessors"][position]["bufferView"]
    g.tree["accessors"][position]["sparse"] = {
        "count": len(places),
        "indices": {"bufferView": g.view(np.uint8(places).tobytes()), "componentType": 5121},
        "values": {"bufferView": g.view(SQUARE[places].tobytes())},
    }
    g.node({"attributes": {"POSITION": position}, "indices": g.array(SQUARE_FACES)})
    assert extent(g.save(tmp_path / "a.glb")) == SQUARE_EXTENT


@pytest.mark.parametrize(("mode", "order"), [(4, None), (4, "u1"), (4, "u4"), (5, [0, 3, 1, 2]), (6, [0, 3, 2, 1])])
def test_triangles_strips_and_fans_face_the_same_way(tmp_path, mode, order):
    g = Gltf()
    if order is None:
        primitive = {"attributes": {"POSITION": g.array(SQUARE[SQUARE_FACES])}}
    else:
        indices = SQUARE_FACES.astype(order) if isinstance(order, str) else np.uint16(order)
        primitive = {"attributes": {"POSITION": g.array(SQUARE)}, "indices": g.array(indices), "mode": mode}
    g.node(primitive)
    corners = triangles(g.save(tmp_path / "a.glb"))
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    np.testing.assert_allclose(normals, [[0, 0, 1], [0, 0, 1]], atol=1e-6)


def test_a_longer_strip_turns_every_other_triangle(tmp_path):
    zigzag = np.float32([[x // 2, x % 2, 0] for x in range(7)])
    g = Gltf()
    g.node({"attributes": {"POSITION": g.array(zigzag)}, "mode": 5})
    corners = triangles(g.save(tmp_path / "a.glb"))
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert len(corners) == 5
    assert len(np.unique(np.sign(normals[:, 2]))) == 1


def test_points_and_lines_are_left_out_and_said(tmp_path):
    g = Gltf()
    g.node(g.square(), {"attributes": {"POSITION": g.array(SQUARE * 9)}, "mode": 0})
    path = g.save(tmp_path / "a.glb")
    assert extent(path) == SQUARE_EXTENT
    assert read_mesh(path).notes == ("points and lines are left out",)


def test_interleaved_attributes(tmp_path):
    g = Gltf()
    table = np.hstack([SQUARE, SQUARE_UV, SQUARE * 7]).astype(np.float32)
    view = g.view(table.tobytes(), byteStride=32)
    described = {"bufferView": view, "componentType": 5126, "count": 4}
    position = g.add("accessors", **described, type="VEC3")
    uv = g.add("accessors", **described, type="VEC2", byteOffset=12)
    g.node({"attributes": {"POSITION": position, "TEXCOORD_0": uv}, "indices": g.array(SQUARE_FACES)})
    mesh = read_mesh(g.save(tmp_path / "a.glb")).mesh
    np.testing.assert_array_equal(mesh.vertices, SQUARE)
    np.testing.assert_array_equal(mesh.uv, SQUARE_UV * [1, -1] + [0, 1])


@pytest.mark.parametrize(
    ("stored", "normalised", "scale"),
    [
        (np.int16(np.rint(SQUARE * 65534)), True, 0.5),
        (np.int8(SQUARE * 2), False, 0.5),
        (np.uint16((SQUARE + 0.5) * 1000), False, 0.001),
    ],
)
def test_quantised_positions(tmp_path, stored, normalised, scale):
    g = Gltf(extensionsRequired=["KHR_mesh_quantization"], extensionsUsed=["KHR_mesh_quantization"])
    padded = np.zeros((4, 4), stored.dtype)
    padded[:, :3] = stored
    view = g.view(padded.tobytes(), byteStride=4 * stored.dtype.itemsize)
    kind = {"int8": 5120, "int16": 5122, "uint16": 5123}[stored.dtype.name]
    described = {"bufferView": view, "componentType": kind, "count": 4, "type": "VEC3", "normalized": normalised}
    primitive = {"attributes": {"POSITION": g.add("accessors", **described)}, "indices": g.array(SQUARE_FACES)}
    g.node(primitive, scale=[scale] * 3)
    found = np.array(extent(g.save(tmp_path / "a.glb")))
    np.testing.assert_allclose(found[3:] - found[:3], [1, 1, 0], atol=1e-3)


def test_node_transforms_multiply_from_the_root(tmp_path):
    g = Gltf()
    turned = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]  # a quarter turn about z
    child = g.node(g.square(at=(1, 0, 0)), root=False, rotation=turned)
    # column by column: x doubled, moved by 10 along y
    g.node(children=[child], matrix=[2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 10, 0, 1])
    assert extent(g.save(tmp_path / "a.glb")) == pytest.approx([-1, 10.5, 0, 1, 11.5, 0], abs=1e-6)


def test_negative_scale_turns_faces_and_keeps_them_outside(tmp_path):
    g = Gltf()
    g.node(g.square(NORMAL=np.float32([[0, 0, 1]] * 4)), scale=[-1, 1, 1])
    mesh = read_mesh(g.save(tmp_path / "a.glb")).mesh
    a, b, c = (mesh.vertices[mesh.faces[0, k]] for k in range(3))
    assert np.cross(b - a, c - a)[2] > 0
    np.testing.assert_allclose(mesh.normals, [[0, 0, 1]] * 4)


def test_parts_hidden_by_a_scale_of_zero_do_not_widen_the_box(tmp_path):
    g = Gltf()
    g.node(g.square(at=(50, 0, 0)), translation=[9, 0, 0], scale=[0, 0, 0])
    g.node(g.square())
    assert extent(g.save(tmp_path / "a.glb")) == SQUARE_EXTENT


def test_instances(tmp_path):
    g = Gltf(extensionsUsed=["EXT_mesh_gpu_instancing"])
    moves = {
        "TRANSLATION": g.array(np.float32([[0, 0, 0], [3, 0, 0]])),
        "SCALE": g.array(np.float32([[1, 1, 1], [2, 2, 2]])),
        "ROTATION": g.array(np.int16([[0, 0, 0, 32767], [0, 0, 23170, 23170]]), normalized=True),
    }
    g.node(g.square(), extensions={"EXT_mesh_gpu_instancing": {"attributes": moves}})
    path = g.save(tmp_path / "a.glb")
    assert extent(path) == pytest.approx([-0.5, -1, 0, 4, 1, 0], abs=1e-4)
    assert area(path) == pytest.approx(5, abs=1e-3)


def test_skins_stand_where_their_joints_stand(tmp_path):
    g = Gltf()
    joints = np.uint8([[0, 1, 0, 0]] * 4)
    weights = np.float32([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
    elbow = g.node(root=False, translation=[3, 0, 0])
    shoulder = g.node(children=[elbow], translation=[0, 5, 0])
    inverse = g.array(np.float32([np.eye(4).T, np.eye(4).T]))
    skin = g.add("skins", joints=[shoulder, elbow], inverseBindMatrices=inverse)
    # the node's own transform does not count
    g.node(g.square(JOINTS_0=joints, WEIGHTS_0=weights), skin=skin, translation=[100, 0, 0])
    assert extent(g.save(tmp_path / "a.glb")) == pytest.approx([-0.5, 4.5, 0, 3.5, 5.5, 0], abs=1e-6)


def test_weights_of_a_skin_blend(tmp_path):
    g = Gltf()
    joints, weights = np.uint8([[0, 1, 0, 0]] * 4), np.uint8([[128, 127, 0, 0]] * 4)
    first, second = g.node(translation=[2, 0, 0]), g.node(translation=[4, 0, 0])
    primitive = g.square(JOINTS_0=joints, WEIGHTS_0=weights)
    g.tree["accessors"][primitive["attributes"]["WEIGHTS_0"]]["normalized"] = True
    g.node(primitive, skin=g.add("skins", joints=[first, second]))
    assert extent(g.save(tmp_path / "a.glb")) == pytest.approx([2.5, -0.5, 0, 3.5, 0.5, 0], abs=0.01)


@pytest.mark.parametrize(("mesh", "node", "width"), [(None, None, 1), ([0.5], None, 1.5), ([0.5], [1.0], 2)])
def test_morph_targets_at_the_weights_of_the_file(tmp_path, mesh, node, width):
    g = Gltf()
    wider = SQUARE * np.float32([1, 0, 0])
    primitive = {**g.square(), "targets": [{"POSITION": g.array(wider)}]}
    g.node(primitive, **({} if node is None else {"weights": node}))
    if mesh is not None:
        g.tree["meshes"][0]["weights"] = mesh
    low, *_, high = (lambda e: (e[0], e[3]))(extent(g.save(tmp_path / "a.glb")))
    assert high - low == pytest.approx(width, abs=1e-6)


def test_the_default_scene_is_read(tmp_path):
    g = Gltf()
    g.node(g.square(at=(50, 0, 0)))
    right = g.node(g.square(), root=False)
    g.tree["scenes"].append({"nodes": [right]})
    g.tree["scene"] = 1
    path = g.save(tmp_path / "a.glb")
    assert extent(path) == SQUARE_EXTENT
    assert "2 scenes" in read_mesh(path).notes[0]


def test_without_scenes_all_nodes_are_read(tmp_path):
    g = Gltf()
    child = g.node(g.square(), root=False, translation=[1, 0, 0])
    g.node(root=False, children=[child], translation=[0, 1, 0])
    del g.tree["scenes"], g.tree["scene"]
    assert extent(g.save(tmp_path / "a.glb")) == pytest.approx([0.5, 0.5, 0, 1.5, 1.5, 0], abs=1e-6)


def test_nodes_that_are_not_visible(tmp_path):
    g = Gltf(extensionsUsed=["KHR_node_visibility"])
    g.node(g.square())
    g.node(g.square(at=(9, 0, 0)), extensions={"KHR_node_visibility": {"visible": False}})
    assert extent(g.save(tmp_path / "a.glb")) == SQUARE_EXTENT


def test_parts_keep_the_order_of_the_file(tmp_path):
    g = Gltf()
    reds = [round(0.1 * k, 1) for k in range(1, 9)]
    for k, red in enumerate(reds):
        name = f"part {99 - k if k % 2 else k}"
        g.node(g.square(g.material(baseColorFactor=[red, 0, 0, 1]), at=(k, 0, 0)), name=name)
    mesh = read_mesh(g.save(tmp_path / "a.glb")).mesh
    found = [material.factor[0] for material in mesh.materials]
    assert found == sorted(found) and len(found) == len(reds)
    assert mesh.face_material.tolist() == [k for k in range(len(reds)) for _ in range(2)]
    assert (np.diff(mesh.vertices[mesh.faces].mean(axis=1)[::2, 0]) > 0).all()


def test_animations_are_left_out_and_said(tmp_path):
    g = Gltf(animations=[{"channels": [], "samplers": []}])
    g.node(g.square())
    assert "animations" in read_mesh(g.save(tmp_path / "a.glb")).notes[0]


def test_draco_gives_the_same_mesh(tmp_path):
    draco = pytest.importorskip("DracoPy")
    stream = draco.encode(
        SQUARE,
        SQUARE_FACES.astype(np.uint32).reshape(-1, 3),
        tex_coord=SQUARE_UV.astype(np.float64),
        preserve_order=True,
    )
    ids = {3: "TEXCOORD_0", 0: "POSITION"}
    attributes = {ids[a["attribute_type"]]: a["unique_id"] for a in draco.decode(stream).attributes}
    g = Gltf(extensionsRequired=["KHR_draco_mesh_compression"], extensionsUsed=["KHR_draco_mesh_compression"])
    primitive = g.square()
    for index in (*primitive["attributes"].values(), primitive["indices"]):
        del g.tree["accessors"][index]["bufferView"]
    packed = {"bufferView": g.view(stream), "attributes": attributes}
    g.node({**primitive, "extensions": {"KHR_draco_mesh_compression": packed}})
    mesh = read_mesh(g.save(tmp_path / "a.glb")).mesh
    np.testing.assert_allclose(mesh.vertices[mesh.faces].reshape(-1, 3), SQUARE[SQUARE_FACES], atol=1e-3)
    np.testing.assert_allclose(
        mesh.uv[mesh.faces].reshape(-1, 2), (SQUARE_UV * [1, -1] + [0, 1])[SQUARE_FACES], atol=1e-3
    )


def test_a_fallback_of_meshopt_is_read(tmp_path):
    g = Gltf(extensionsUsed=["EXT_meshopt_compression"])
    g.node(g.square())
    for view in g.tree["bufferViews"]:
        view["extensions"] = {"EXT_meshopt_compression": {"buffer": 1, "byteLength": 8, "byteStride": 12, "count": 4}}
    assert extent(g.save(tmp_path / "a.glb")) == SQUARE_EXTENT


def test_meshopt_decodes_what_meshoptimizer_itself_wrote():
    """The stream and the indices are those of meshoptimizer's own tests."""
    pytest.importorskip("meshopt")
    stream = bytes.fromhex("e0f010fefff00cff020202007687566778a9866589689801690000")
    packed = Entry({"mode": "TRIANGLES", "byteStride": 2, "count": 12}, "views[0]")
    found = np.frombuffer(decode_meshopt(packed, stream, 24), np.uint16)
    assert found.tolist() == [0, 1, 2, 2, 1, 3, 4, 6, 5, 7, 8, 9]


@pytest.mark.parametrize("name", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_meshopt_gives_the_same_mesh(tmp_path, name):
    meshopt = pytest.importorskip("meshopt")
    g = Gltf(extensionsRequired=[name], extensionsUsed=[name])
    corners = SQUARE.round(3)

    def packed(values, mode, filtered=None):
        stream = meshopt.encode_gltf_buffer(values, mode)
        size = values.itemsize * (values.shape[1] if values.ndim == 2 else 1)
        index = g.view(stream)
        view = g.tree["bufferViews"][index]
        said = {"mode": mode, "count": len(values), "byteStride": size, **({"filter": filtered} if filtered else {})}
        inner = {**view, **said}
        whole = {"buffer": 1, "byteLength": size * len(values), "extensions": {name: inner}}
        return g.add("bufferViews", **whole, **({"byteStride": size} if mode == "ATTRIBUTES" else {}))

    positions = packed(meshopt.encode_filter_exp(corners, 15, "Separate").view(np.float32), "ATTRIBUTES", "EXPONENTIAL")
    indices = packed(SQUARE_FACES, "TRIANGLES")
    attributes = {"POSITION": g.add("accessors", bufferView=positions, componentType=5126, count=4, type="VEC3")}
    faces = g.add("accessors", bufferView=indices, componentType=5123, count=6, type="SCALAR")
    g.node({"attributes": attributes, "indices": faces})
    promised = {"byteLength": 1000, "extensions": {name: {"fallback": True}}}
    g.tree["buffers"] = [{"byteLength": len(g.blob) + -len(g.blob) % 4}, promised]
    mesh = read_mesh(g.save(tmp_path / "a.glb")).mesh
    found, wanted = (v[f.reshape(-1, 3)].mean(axis=1) for v, f in ((mesh.vertices, mesh.faces), (SQUARE, SQUARE_FACES)))
    np.testing.assert_allclose(sorted(found.tolist()), sorted(wanted.tolist()), atol=1e-3)


def test_a_long_chain_of_nodes_is_no_recursion(tmp_path):
    g = Gltf()
    g.node(g.square(), root=False, translation=[0, 0, 1])
    for index in range(20_000):
        g.tree["nodes"].append({"children": [index]})
    g.tree["scenes"][0]["nodes"] = [20_000]
    assert extent(g.save(tmp_path / "a.glb"))[2] == 1
