"""The embedded world: what it promises about shapes, atlases, looks, prompts, splits and determinism."""

from __future__ import annotations

import hashlib
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy import ndimage
from skimage.color import rgb2lab

from bench.cases.mesh_file import MeshFile
from bench.cases.miniworld import baking, photos, world
from bench.cases.miniworld.atlas import GUTTER, unwrap
from bench.cases.miniworld.families import FAMILIES
from bench.cases.miniworld.lighting import light_vertices
from bench.cases.miniworld.looks import COLOURS, MUTED, VIVID
from bench.cases.miniworld.photos import MATERIALS, PHOTOS, Box, Crop, photograph, tile
from bench.cases.miniworld.world import ATLAS, LOOKS, MiniworldObject, miniworld_cases
from bench.errors import ImageError, MeshError, UsageError
from bench.geometry.mesh import Mesh
from bench.geometry.rasteriser import rasterise_uv


def build(family: str, proportion: float) -> tuple[Mesh, np.ndarray]:
    return unwrap(FAMILIES[family].build(proportion, np.random.default_rng(7)), ATLAS)


def digest(mesh: Mesh) -> str:
    texture = mesh.materials[0].texture
    assert mesh.uv is not None
    assert texture is not None
    arrays = (mesh.vertices, mesh.faces, mesh.normals, mesh.uv, texture)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def forget() -> None:
    for cache in (world._load, world._surface, world._shape, world.object_spec, photos.tile, photos.photograph):
        cache.cache_clear()


def texture_of(mesh: Mesh) -> np.ndarray:
    texture = mesh.materials[0].texture
    assert texture is not None
    return texture


def colour_shares(mesh: Mesh) -> dict[tuple[int, ...], float]:
    """The part of the texture that each exact colour takes."""
    packed = texture_of(mesh)[..., :3].astype(np.int64) @ (65536, 256, 1)
    colours, counts = np.unique(packed, return_counts=True)
    triples = [(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in colours]
    return dict(zip(triples, counts / counts.sum(), strict=True))


shapes = pytest.mark.parametrize(("family", "proportion"), list(product(FAMILIES, (0.02, 0.97))))


@shapes
def test_shapes_are_closed_and_face_outwards(family: str, proportion: float) -> None:
    mesh, _ = build(family, proportion)
    welded = trimesh.Trimesh(np.round(mesh.vertices, 7), mesh.faces, process=False)
    welded.merge_vertices(merge_norm=True, merge_tex=True)
    assert welded.is_watertight
    assert welded.is_winding_consistent
    for part in welded.split(only_watertight=False):
        assert part.volume > 0


@shapes
def test_shapes_are_normalised_with_unit_normals_along_their_faces(family: str, proportion: float) -> None:
    mesh, slots = build(family, proportion)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    assert (high - low).max() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(low + high, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-9)
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    area = np.linalg.norm(flat, axis=1)
    cosine = np.einsum("fi,fvi->fv", flat / area[:, None], mesh.normals[mesh.faces])
    assert cosine[area > 1e-6].min() > 0.3  # smooth normals never leave their faces' side
    assert set(np.unique(slots)) == ({0, 1} if FAMILIES[family].accent else {0})


@shapes
def test_charts_lie_apart_inside_the_atlas(family: str, proportion: float) -> None:
    mesh, _ = build(family, proportion)
    assert mesh.uv is not None
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    a, b, c = (mesh.uv[mesh.faces[:, k]] * ATLAS for k in range(3))
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (area > 0).all()  # no chart is mirrored
    face, _ = rasterise_uv(mesh, ATLAS)
    covered = (face >= 0).sum()
    assert covered == pytest.approx(area.sum(), rel=0.01)  # overlaps would cover less than the faces' areas
    # each chart is a connected patch of texels of its own, at least two gutters from the next
    parts = trimesh.graph.connected_component_labels(np.vstack([mesh.faces[:, :2], mesh.faces[:, 1:]]))
    chart = np.where(face >= 0, parts[mesh.faces[face, 0]], -1)
    for label in np.unique(parts):
        mine = chart == label
        near = ndimage.binary_dilation(mine, iterations=2 * GUTTER - 1)
        assert mine.any()
        assert not (near & (chart >= 0) & ~mine).any()


def test_forty_objects_of_many_families() -> None:
    cases = miniworld_cases()
    assert len(cases) == 40
    assert len({case.id for case in cases}) == 40
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", case.id) for case in cases)
    families = [case.mesh.spec.family for case in cases if isinstance(case.mesh, MiniworldObject)]
    assert len(set(families)) >= 8
    assert {"egg", "box", "cylinder", "mug", "ring", "mushroom", "animal", "chair"} <= set(families)
    assert max(families.count(name) for name in families) <= 5


def test_prompts_say_shape_and_colours_and_nothing_of_the_domain() -> None:
    cases = miniworld_cases()
    assert len({case.prompt for case in cases}) == 40
    for case in (*cases, *miniworld_cases("train")):
        assert isinstance(case.mesh, MiniworldObject)
        spec = case.mesh.spec
        family = FAMILIES[spec.family]
        assert f" {spec.look.main} {family.noun}" in case.prompt
        assert (f" {spec.look.accent} " in case.prompt) == (spec.look.pattern != "plain")
        assert (f" {family.high} " in case.prompt) == (spec.proportion > 2 / 3)
        assert not re.search(r"photo|render|realis|synthet|3d|texture|cgi|picture", case.prompt, re.IGNORECASE)
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", case.prompt)


def test_count_takes_the_first_and_seed_makes_others() -> None:
    assert miniworld_cases(count=3) == miniworld_cases()[:3]
    other = miniworld_cases(seed=1)
    assert all(a.mesh != b.mesh for a, b in zip(other, miniworld_cases(), strict=True))
    assert other[0].prompt != miniworld_cases()[0].prompt
    for wrong in ({"count": 0}, {"count": 10**9}, {"split": "test"}, {"look": "richh"}):
        with pytest.raises(UsageError):
            miniworld_cases(**wrong)  # type: ignore[arg-type]


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_photographs_of_training_and_evaluation_are_disjoint() -> None:
    for one, other in product(MATERIALS.values(), repeat=2):
        if one.photo == other.photo:
            assert not overlap(one.train, other.eval)
    used: dict[str, list[Crop]] = {"train": [], "eval": []}
    for split, crops in used.items():
        for case in miniworld_cases(split):  # type: ignore[arg-type]
            assert isinstance(case.mesh, MiniworldObject)
            crops += [case.mesh.spec.look.main_crop, case.mesh.spec.look.accent_crop]
    assert len({crop.material for crop in used["eval"]}) >= 10
    assert {crop.material for crop in used["train"]} == set(MATERIALS)
    for crop in (*used["train"], *used["eval"]):
        height, width = photograph(MATERIALS[crop.material].photo).shape[:2]
        assert 0 <= crop.box[0] < crop.box[2] <= width
        assert 0 <= crop.box[1] < crop.box[3] <= height
    for mine, theirs in product(set(used["train"]), set(used["eval"])):
        if MATERIALS[mine.material].photo == MATERIALS[theirs.material].photo:
            assert not overlap(mine.box, theirs.box)


def test_shapes_of_training_and_evaluation_are_disjoint() -> None:
    proportions = {
        split: np.array([case.mesh.spec.proportion for case in miniworld_cases(split)])  # type: ignore
        for split in ("train", "eval")
    }
    gap = np.abs(proportions["train"][:, None] - proportions["eval"][None]).min()
    assert gap >= 0.2 / 16 - 1e-12
    for values in proportions.values():
        assert values.min() >= 0
        assert values.max() <= 1
        assert np.ptp(values) > 0.8


def test_loading_twice_and_elsewhere_gives_the_same_bytes() -> None:
    expected = []
    for look in ("rich", "synthetic"):
        handle = MiniworldObject("eval", 2, look)
        forget()
        first = handle.load()
        forget()
        again = pickle.loads(pickle.dumps(handle)).load()
        assert first is not again
        assert digest(first) == digest(again)
        expected += [digest(first), handle.fingerprint]
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_miniworld import MiniworldObject, digest\n"
        "for look in ('rich', 'synthetic'):\n"
        "    handle = MiniworldObject('eval', 2, look)\n"
        "    print(digest(handle.load()), handle.fingerprint)"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", program, str(here)], cwd=here.parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == expected


def test_fingerprints_tell_everything_apart() -> None:
    handles = [
        MiniworldObject(split, index, look, seed)
        for split in ("eval", "train")
        for index in range(12)
        for look in ("rich", "synthetic")
        for seed in (0, 1)
    ]
    assert len({handle.fingerprint for handle in handles}) == len(handles)


def test_a_look_changes_nothing_but_the_texture() -> None:
    rich = MiniworldObject("eval", 3)
    synthetic = replace(rich, look="synthetic")
    a, b = rich.load(), synthetic.load()
    for name in ("vertices", "faces", "normals", "uv", "face_material"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (texture_of(a) != texture_of(b)).any()
    assert texture_of(a).shape == (ATLAS, ATLAS, 4)


def test_the_synthetic_look_is_flat_in_the_named_colours() -> None:
    for index in range(12):
        handle = MiniworldObject("eval", index, "synthetic")
        look = handle.spec.look
        flat = colour_shares(handle.load())
        pure = flat.get(COLOURS[look.main], 0) + flat.get(COLOURS[look.accent], 0)
        assert pure > 0.93  # the rest are smoothed edges of painted patterns
        assert flat[COLOURS[look.main]] > 0.2
        assert (look.pattern == "plain") == (COLOURS[look.accent] not in flat)


def test_the_models_two_looks_lie_further_apart_under_the_same_names() -> None:
    assert MUTED.keys() == COLOURS.keys() == VIVID.keys()
    for name in set(COLOURS) - {"black", "white", "grey"}:
        muted, named, vivid = (np.hypot(*rgb2lab(np.array(of[name]) / 255.0)[1:]) for of in (MUTED, COLOURS, VIVID))
        assert 1.5 * muted < named < vivid
    handle = MiniworldObject("eval", 3)
    flat = colour_shares(replace(handle, look="vivid").load())
    assert flat[VIVID[handle.spec.look.main]] > 0.2
    rich, muted = (texture_of(replace(handle, look=look).load())[..., :3] / 255.0 for look in ("rich", "muted"))
    assert np.hypot(*rgb2lab(muted.mean(axis=(0, 1)))[1:]) < np.hypot(*rgb2lab(rich.mean(axis=(0, 1)))[1:])
    assert len({replace(handle, look=look).fingerprint for look in LOOKS}) == len(LOOKS)


def test_daylight_models_shapes_more_strongly_than_the_studio() -> None:
    egg = MiniworldObject("eval", 24)  # of one colour
    contrast = []
    for look in ("rich", "daylight"):
        bright = texture_of(replace(egg, look=look).load())[..., :3].mean(axis=-1)
        contrast.append(np.quantile(bright, 0.95) / np.quantile(bright, 0.05))
    assert contrast[1] > 1.3 * contrast[0]


@pytest.mark.parametrize("index", range(12))
def test_the_rich_look_keeps_the_named_colour_and_varies(index: int) -> None:
    handle = MiniworldObject("eval", index)
    main = COLOURS[handle.spec.look.main]
    flat = texture_of(replace(handle, look="synthetic").load())[..., :3]
    rich = texture_of(handle.load())[..., :3][(flat == main).all(axis=-1)] / 255.0
    seen, named = rgb2lab(rich.mean(axis=0)), rgb2lab(np.array(main) / 255.0)
    if np.hypot(*named[1:]) > 20:
        turn = np.angle(np.exp(1j * (np.arctan2(seen[2], seen[1]) - np.arctan2(named[2], named[1]))), deg=True)
        assert abs(turn) < 20
        assert np.hypot(*seen[1:]) > 0.4 * np.hypot(*named[1:])
    else:
        assert np.hypot(*seen[1:]) < 20
    assert rich.std(axis=0).max() > 0.04


@pytest.mark.parametrize("index", [0, 3, 6])
def test_charts_meet_without_visible_seams(index: int) -> None:
    mesh = MiniworldObject("eval", index).load()
    assert mesh.uv is not None
    texture = texture_of(mesh)[..., :3].astype(float)
    row, column = (1 - mesh.uv[:, 1]) * ATLAS - 0.5, mesh.uv[:, 0] * ATLAS - 0.5
    looked_up = [ndimage.map_coordinates(texture[..., k], [row, column], order=1, mode="nearest") for k in range(3)]
    colours = np.stack(looked_up, axis=1)
    places, place = np.unique(np.round(np.hstack([mesh.vertices, mesh.normals]), 6), axis=0, return_inverse=True)
    mean = np.stack([np.bincount(place.ravel(), colours[:, k]) for k in range(3)], axis=1)
    mean /= np.bincount(place.ravel())[:, None]
    twins = np.bincount(place.ravel())[place.ravel()] == 2
    assert twins.sum() > 20
    assert len(places) < len(colours)
    spread = np.abs(colours - mean[place.ravel()])[twins].mean()
    shuffled = np.abs(colours[twins] - np.roll(colours[twins], 7, axis=0)).mean()
    assert spread < 6.0  # bytes, half the difference across the seam: a fraction of a texel at the atlas' resolution
    assert spread < 0.5 * shuffled


def test_wearing_another_objects_look() -> None:
    shape, donor = MiniworldObject("eval", 4, "synthetic"), MiniworldObject("eval", 1, "synthetic")
    worn = shape.load(texture_of=donor)
    np.testing.assert_array_equal(worn.vertices, shape.load().vertices)
    colours = colour_shares(worn)
    assert COLOURS[donor.spec.look.main] in colours
    assert COLOURS[shape.spec.look.main] not in colours
    assert digest(shape.load(texture_of=shape)) == digest(shape.load())


def test_a_shape_in_many_looks_is_lit_once_and_bakes_as_it_does_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shape, donors = MiniworldObject("eval", 4), [MiniworldObject("eval", index) for index in (1, 2, 4)]
    alone = []
    for donor in donors:
        forget()
        alone.append(digest(shape.load(texture_of=donor)))
    forget()
    lit = []
    monkeypatch.setattr(baking, "light_vertices", lambda mesh: lit.append(mesh) or light_vertices(mesh))
    assert [digest(shape.load(texture_of=donor)) for donor in donors] == alone
    assert len(lit) == 1 and len(set(alone)) == 3


def test_wearing_a_mesh_file(tmp_path: Path) -> None:
    (tmp_path / "bare.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(MeshError, match="no texture to wear"):
        MiniworldObject("eval", 0, "synthetic").load(texture_of=MeshFile(tmp_path / "bare.obj"))
    quad = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    from PIL import Image

    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.new("RGB", (2, 2), (9, 8, 7)))
    quad.visual = trimesh.visual.TextureVisuals(uv=[[0, 0], [1, 0], [0, 1]], material=material)
    (tmp_path / "quad.glb").write_bytes(quad.export(file_type="glb"))
    worn = MiniworldObject("eval", 0, "synthetic").load(texture_of=MeshFile(tmp_path / "quad.glb"))
    assert (texture_of(worn)[..., :3] == (9, 8, 7)).all()


def test_light_falls_from_above_and_corners_are_darker() -> None:
    mesh, _ = build("cylinder", 0.5)
    light = light_vertices(mesh)
    brightness = light.ambient.mean(axis=1)
    up, down = mesh.normals[:, 1] > 0.9, mesh.normals[:, 1] < -0.9
    assert brightness[up].mean() > 2 * brightness[down].mean()
    mug, _ = build("mug", 0.9)
    inside = (np.hypot(*mug.vertices[:, [0, 2]].T) < 0.2) & (np.abs(mug.vertices[:, 1]) < 0.3)
    assert light_vertices(mug).ambient[inside].mean() < 0.5 * brightness.mean()
    # the key light stands at the front left: the right-hand back is in its shadow
    key = light.lamps[:, 0]
    assert key[mesh.normals @ (-0.62, 0.0, 0.62) > 0.8].min() == 1
    assert key[mesh.normals @ (-0.62, 0.0, 0.62) < -0.8].max() == 0


@pytest.mark.parametrize("material", list(MATERIALS))
def test_tiles_repeat_without_a_seam(material: str) -> None:
    picture = tile(photos.draw_crop(material, "eval", np.random.default_rng(1)))
    assert np.isfinite(picture).all()
    assert picture[..., :3].mean() == pytest.approx(1.0, abs=0.12)
    for axis in (0, 1):
        rows = np.moveaxis(picture[..., 0], axis, 0)
        inner = np.abs(np.diff(rows, axis=0)).mean(axis=1)
        assert np.abs(rows[0] - rows[-1]).mean() < 2 * np.quantile(inner, 0.95)


@pytest.fixture
def fresh_photographs() -> Iterator[None]:
    photograph.cache_clear()
    yield
    photograph.cache_clear()


@pytest.mark.usefixtures("fresh_photographs")
def test_photographs_come_from_disk_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in PHOTOS:
        picture = photograph(name)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3


@pytest.mark.usefixtures("fresh_photographs")
def test_missing_and_changed_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    good = PHOTOS["brick"]
    monkeypatch.setitem(PHOTOS, "brick", replace(good, sha256="0" * 64))
    with pytest.raises(ImageError, match="not the pinned one") as caught:
        photograph("brick")
    assert good.sha256 in caught.value.where
    monkeypatch.setitem(PHOTOS, "brick", replace(good, path="data/none.png"))
    with pytest.raises(ImageError, match="not installed"):
        photograph("brick")
    monkeypatch.setitem(PHOTOS, "brick", replace(good, package="no_such_package"))
    with pytest.raises(ImageError, match="not installed"):
        photograph("brick")
