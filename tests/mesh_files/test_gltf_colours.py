"""Base colours of glTF files, as read and as painted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from front_view import QUARTERS, colours_at
from gltf_writer import FOUR, SQUARE_UV, Gltf, blocks, encoded

from bench.mesh_files.reader import read_mesh

RED, GREEN, BLUE, YELLOW = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]


def srgb(linear):
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def light(stored):
    return stored / 12.92 if stored <= 0.04045 else ((stored + 0.055) / 1.055) ** 2.4


def textured(g, info=None, content=None, sampler=None, **shading):
    index = g.texture(content or encoded(blocks()), sampler=sampler)
    return g.material(baseColorTexture={"index": index, **(info or {})}, **shading)


def show(g, tmp_path, *places):
    return colours_at(g.save(tmp_path / "a.glb"), *(places or QUARTERS))


def test_a_texture_stands_upright(tmp_path):
    g = Gltf()
    g.node(g.square(textured(g)))
    assert show(g, tmp_path) == [RED, GREEN, BLUE, YELLOW]


def test_the_second_set_of_texture_coordinates(tmp_path):
    g = Gltf()
    turned = SQUARE_UV[[1, 2, 3, 0]]  # the picture turned a quarter to the left
    g.node(g.square(textured(g, {"texCoord": 1}), TEXCOORD_1=turned))
    assert show(g, tmp_path) == [GREEN, YELLOW, RED, BLUE]


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_texture_coordinates_as_fractions(tmp_path, kind):
    g = Gltf()
    full = np.iinfo(kind).max
    primitive = g.square(textured(g), TEXCOORD_0=(SQUARE_UV * full).astype(kind))
    g.tree["accessors"][primitive["attributes"]["TEXCOORD_0"]]["normalized"] = True
    g.node(primitive)
    assert show(g, tmp_path) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize(
    ("moved", "seen"),
    [
        ({"offset": [0.5, 0]}, [GREEN, RED, YELLOW, BLUE]),
        ({"scale": [1, -1], "offset": [0, 1]}, [BLUE, YELLOW, RED, GREEN]),
        # the example of the extension's text: the lower left quadrant alone
        ({"offset": [0, 1], "rotation": math.pi / 2, "scale": [0.5, 0.5]}, [BLUE] * 4),
        ({"rotation": math.pi / 2, "offset": [0, 1]}, [BLUE, RED, YELLOW, GREEN]),
        ({"texCoord": 1}, [GREEN, YELLOW, RED, BLUE]),
    ],
)
def test_texture_transforms(tmp_path, moved, seen):
    g = Gltf(extensionsUsed=["KHR_texture_transform"])
    g.node(g.square(textured(g, {"extensions": {"KHR_texture_transform": moved}}), TEXCOORD_1=SQUARE_UV[[1, 2, 3, 0]]))
    assert show(g, tmp_path) == seen


WRAPS = {"repeat": 10497, "mirror": 33648, "clamp": 33071}


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("u", WRAPS)
@pytest.mark.parametrize("v", WRAPS)
def test_samplers(tmp_path, u, v, nearest):
    g = Gltf()
    sampler = {"wrapS": WRAPS[u], "wrapT": WRAPS[v], **({"magFilter": 9728} if nearest else {})}
    g.node(g.square(textured(g, sampler=sampler), TEXCOORD_0=SQUARE_UV * 6 - np.float32([2.5, 3.5])))

    def texel(coordinate, wrap):
        if wrap == "clamp":
            coordinate = min(max(coordinate, 0), 0.999)
        if wrap == "mirror":
            coordinate = min(coordinate % 2, 1.999 - coordinate % 2)
        return int(coordinate % 1 * 2)

    steps = [(k + 0.5) / 12 for k in range(12)]  # the middle of each half tile
    places = [(x, y) for x in steps[::3] for y in steps[::2]]
    wanted = [FOUR[texel(6 * y - 3.5, v), texel(6 * x - 2.5, u)].tolist() for x, y in places]
    assert show(g, tmp_path, *places) == wanted


def test_nearest_texels_are_squares(tmp_path):
    g = Gltf()
    g.node(g.square(textured(g, content=encoded(FOUR), sampler={"magFilter": 9728, "minFilter": 9728})))
    assert show(g, tmp_path, (0.45, 0.45), (0.55, 0.45), (0.1, 0.9)) == [RED, GREEN, BLUE]


def test_factor_and_texture_multiply_in_linear_light(tmp_path):
    g = Gltf()
    grey = encoded(np.full((4, 4, 3), 100, np.uint8))
    g.node(g.square(textured(g, content=grey, baseColorFactor=[0.5, 0.1, 1, 1])))
    wanted = [round(255 * srgb(light(100 / 255) * factor)) for factor in (0.5, 0.1)]
    assert show(g, tmp_path, (0.5, 0.4)) == [[*wanted, 100]]


@pytest.mark.parametrize("kind", ["f4", "u1", "u2"])
@pytest.mark.parametrize("width", [3, 4])
def test_vertex_colours_are_linear(tmp_path, kind, width):
    g = Gltf()
    full = 1 if kind == "f4" else np.iinfo(kind).max
    colours = np.rint(np.tile([0.2 * full, full, 0, full], (4, 1)))[:, :width] if full > 1 else None
    colours = np.tile([0.2, 1, 0, 1], (4, 1))[:, :width] if colours is None else colours
    padded = colours.astype(kind)
    if kind != "f4" and width == 3:  # rows of vertex data are aligned to four bytes
        padded = np.pad(padded, ((0, 0), (0, 1)))
        view = g.view(padded.tobytes(), byteStride=padded.strides[0])
        component = {"u1": 5121, "u2": 5123}[kind]
        index = g.add("accessors", bufferView=view, componentType=component, count=4, type="VEC3", normalized=True)
    else:
        index = g.array(padded, **({} if kind == "f4" else {"normalized": True}))
    primitive = g.square()
    primitive["attributes"]["COLOR_0"] = index
    g.node(primitive)
    assert show(g, tmp_path, (0.5, 0.4)) == [[round(255 * srgb(0.2)), 255, 0]]


def test_vertex_colours_blend_and_multiply_in_linear_light(tmp_path):
    g = Gltf()
    ends = np.float32([[0, 0, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0]])
    factor = g.material(baseColorFactor=[1, 0.25, 0, 1])
    g.node(g.square(factor, COLOR_0=ends))
    found = np.array(show(g, tmp_path, (0.5, 0.4))[0])
    np.testing.assert_allclose(found, [255 * srgb(0.5), 255 * srgb(0.125), 0], atol=3)


def test_specular_glossiness(tmp_path):
    name = "KHR_materials_pbrSpecularGlossiness"
    g = Gltf(extensionsUsed=[name])
    painted = {"diffuseTexture": {"index": g.texture(encoded(blocks()))}, "diffuseFactor": [1, 1, 0, 1]}
    # both ways are there: the extension is what the author meant, the other is for readers without it
    ordinary = {"baseColorFactor": [0, 0, 0, 1]}
    both = g.add("materials", pbrMetallicRoughness=ordinary, extensions={name: painted})
    g.node(g.square(both))
    assert show(g, tmp_path) == [RED, GREEN, [0, 0, 0], YELLOW]


def test_unlit_is_the_same_colour(tmp_path):
    g = Gltf(extensionsUsed=["KHR_materials_unlit"])
    material = textured(g)
    g.tree["materials"][material]["extensions"] = {"KHR_materials_unlit": {}}
    g.node(g.square(material))
    assert show(g, tmp_path) == [RED, GREEN, BLUE, YELLOW]
    assert read_mesh(tmp_path / "a.glb").notes == ()


def test_webp_by_its_extension(tmp_path):
    g = Gltf(extensionsRequired=["EXT_texture_webp"], extensionsUsed=["EXT_texture_webp"])
    source = g.add("images", bufferView=g.view(encoded(blocks(), "WEBP", lossless=True)), mimeType="image/webp")
    index = g.add("textures", extensions={"EXT_texture_webp": {"source": source}})
    g.node(g.square(g.material(baseColorTexture={"index": index})))
    assert show(g, tmp_path) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("name", ["KHR_texture_basisu", "EXT_texture_avif", "MSFT_texture_dds"])
def test_textures_that_are_not_read_need_a_fallback(tmp_path, name):
    g = Gltf(extensionsUsed=[name])
    picture = g.texture(encoded(blocks()))
    g.tree["textures"][picture]["extensions"] = {name: {"source": g.add("images", uri="gone.ktx2")}}
    g.node(g.square(g.material(baseColorTexture={"index": picture})))
    assert show(g, tmp_path) == [RED, GREEN, BLUE, YELLOW]
    assert name in read_mesh(tmp_path / "a.glb").notes[0]
    del g.tree["textures"][picture]["source"]
    assert name in read_mesh(g.save(tmp_path / "b.glb")).mesh.unpainted


@pytest.mark.parametrize(
    ("mode", "alpha", "seen"),
    [("OPAQUE", 0.0, RED), ("MASK", 0.4, GREEN), ("MASK", 0.6, RED), ("BLEND", 0.5, [128, 128, 0])],
)
def test_alpha_modes(tmp_path, mode, alpha, seen):
    g = Gltf()
    front = g.add("materials", pbrMetallicRoughness={"baseColorFactor": [1, 0, 0, alpha]}, alphaMode=mode)
    g.node(g.square(front, at=(0, 0, 0.1)), g.square(g.material(baseColorFactor=[0, 1, 0, 1])))
    assert show(g, tmp_path, (0.5, 0.4)) == [seen]


def test_sixteen_bit_grey_and_orientation_tags(tmp_path):
    g = Gltf()
    ramp = np.kron(np.uint16([[0x2000, 0x6000], [0xA000, 0xE000]]), np.ones((8, 8), np.uint16))
    g.node(g.square(textured(g, content=encoded(ramp))))
    assert [one[0] for one in show(g, tmp_path)] == [32, 96, 160, 224]


def test_colours_of_a_kind_that_is_not_read(tmp_path):
    g = Gltf()
    g.node(g.square(g.add("materials", extensions={"KHR_techniques_webgl": {"technique": 0}})))
    assert "KHR_techniques_webgl" in read_mesh(g.save(tmp_path / "a.glb")).mesh.unpainted


def test_a_factor_beyond_one_is_cut_off_and_said(tmp_path):
    g = Gltf()
    g.node(g.square(g.material(baseColorFactor=[2, 0, 0, 1])))
    read = read_mesh(g.save(tmp_path / "a.glb"))
    assert read.mesh.materials[0].factor == (1, 0, 0, 1)
    assert "0 ... 1" in read.notes[0]


def test_a_primitive_without_the_coordinates_of_its_texture(tmp_path):
    g = Gltf()
    g.node(g.square(textured(g, {"texCoord": 3})))
    assert "TEXCOORD_3" in read_mesh(g.save(tmp_path / "a.glb")).mesh.unpainted


def test_light_that_a_material_emits_is_left_out_and_said(tmp_path):
    g = Gltf()
    dark = g.add("materials", emissiveFactor=[1, 0, 0], pbrMetallicRoughness={"baseColorFactor": [0, 0, 0, 1]})
    g.node(g.square(dark))
    path = g.save(tmp_path / "a.glb")
    assert "light that materials emit" in read_mesh(path).notes[0]
    assert colours_at(path, (0.5, 0.4)) == [[0, 0, 0]]
