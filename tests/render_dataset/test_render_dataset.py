"""Rendered data sets: what the readers get back, resuming after kills, refusals, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.cases.case import Case
from bench.cases.mesh_folder import mesh_folder_cases
from bench.cli import main
from bench.dataset import make
from bench.dataset.make import make_dataset
from bench.errors import InputError, UsageError
from bench.geometry.camera_file import camera_json, read_cameras
from bench.geometry.cameras import view_cameras
from bench.geometry.rasteriser import rasterise
from bench.geometry.rendering import render_albedo
from bench.suite.views import Views
from realiz3d.data import MultiviewSamples
from realiz3d.errors import DataError

VIEWS = Views(resolution=32)


@pytest.fixture(scope="module")
def cases(mesh_folder: Path) -> tuple[Case, ...]:
    return mesh_folder_cases(mesh_folder, mesh_folder / "prompts.csv")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("shard_size", [None, 2])
def test_readers_get_back_what_the_geometry_says(
    cases: tuple[Case, ...], tmp_path: Path, shard_size: int | None
) -> None:
    made = make_dataset(cases, VIEWS, tmp_path / "set", about={}, shard_size=shard_size)
    assert (made.kept, made.rendered, made.failed) == (0, 3, {})
    samples = MultiviewSamples(tmp_path / "set")
    assert samples.ids == ("disc", "egg", "loaf") and (samples.views, samples.resolution) == (4, 32)
    cameras = view_cameras(resolution=32)
    for index, case in enumerate(cases):
        sample = samples[index]
        assert case.mesh is not None
        mesh = case.mesh.load()
        gbuffer = rasterise(mesh, cameras)
        assert (sample.id, sample.caption) == (case.id, f"a painted {case.id}")
        rendered = torch.from_numpy(render_albedo(mesh, cameras, (1.0, 1.0, 1.0))).permute(0, 3, 1, 2)
        assert torch.equal(((sample.views + 1) * 127.5).round().to(torch.uint8), rendered)
        shown = gbuffer.mask[:, None].expand_as(sample.normals)
        # a step of 16 bits is 3e-5 here: far finer than eight bits, which give 8e-3
        assert torch.allclose(sample.normals[shown], gbuffer.normal.permute(0, 3, 1, 2)[shown].float(), atol=2e-5)
        assert torch.allclose(
            sample.positions[shown], 2 * gbuffer.position.permute(0, 3, 1, 2)[shown].float(), atol=2e-5
        )
        assert (sample.normals[~shown] == -1).all() and (sample.positions[~shown] == -1).all()


def test_formats_hold_the_same_samples(cases: tuple[Case, ...], tmp_path: Path) -> None:
    make_dataset(cases, VIEWS, tmp_path / "folder", about={})
    make_dataset(cases, VIEWS, tmp_path / "tar", about={}, shard_size=2)
    folder, tar = MultiviewSamples(tmp_path / "folder"), MultiviewSamples(tmp_path / "tar")
    assert sorted(p.name for p in (tmp_path / "tar").glob("*.tar")) == ["shard-000000.tar", "shard-000001.tar"]
    for index in range(3):
        one, other = folder[index], tar[index]
        assert (one.id, one.caption) == (other.id, other.caption) and torch.equal(one.views, other.views)
        assert torch.equal(one.normals, other.normals) and torch.equal(one.positions, other.positions)
    webdataset = pytest.importorskip("webdataset")  # the library that the format is named after reads it too
    urls = [str(path) for path in sorted((tmp_path / "tar").glob("*.tar"))]
    read = list(webdataset.WebDataset(urls, shardshuffle=False))
    assert [sample["__key__"] for sample in read] == ["disc", "egg", "loaf"]
    assert read[1]["view_0.png"] == (tmp_path / "folder/egg/view_0.png").read_bytes()


@pytest.mark.parametrize("shard_size", [None, 2, 3])
def test_a_kill_costs_only_the_object_in_flight(
    cases: tuple[Case, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_size: int | None
) -> None:
    make_dataset(cases, VIEWS, tmp_path / "whole", about={}, shard_size=shard_size)
    rendered: list[str] = []
    real = make.render_sample

    def render(request: make.SampleRequest) -> dict[str, bytes]:
        if request.id == "loaf" and "loaf" not in rendered:
            rendered.append("loaf")
            raise KeyboardInterrupt
        rendered.append(request.id)
        return real(request)

    monkeypatch.setattr(make, "render_sample", render)
    out = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        make_dataset(cases, VIEWS, out, about={}, shard_size=shard_size)
    with pytest.raises(DataError, match="not finished"):
        MultiviewSamples(out)
    # what a kill in the middle of writing leaves: half a line, half an object
    with (out / "samples.jsonl").open("ab") as ledger:
        ledger.write(b'{"id":"loaf","finger')
    if shard_size is None:
        (out / ".loaf.part").mkdir()
        (out / ".loaf.part/view_0.png").write_bytes(b"half")
    else:
        for part in out.glob(".*.part"):
            part.write_bytes(part.read_bytes() + b"half a member")
    made = make_dataset(cases, VIEWS, out, about={}, shard_size=shard_size)
    assert (made.kept, made.rendered) == (2, 1) and rendered == ["disc", "egg", "loaf", "loaf"]
    assert contents(out) == contents(tmp_path / "whole")
    again = make_dataset(cases, VIEWS, out, about={}, shard_size=shard_size)
    assert (again.kept, again.rendered) == (3, 0) and contents(out) == contents(tmp_path / "whole")


def test_shards_grow(cases: tuple[Case, ...], tmp_path: Path) -> None:
    make_dataset(cases, VIEWS, tmp_path / "whole", about={}, shard_size=2)
    for count in (1, 2, 3):
        made = make_dataset(cases[:count], VIEWS, tmp_path / "grown", about={}, shard_size=2)
        assert made.rendered == 1
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def test_workers_never_change_a_byte(cases: tuple[Case, ...], tmp_path: Path) -> None:
    make_dataset(cases, VIEWS, tmp_path / "one", about={}, shard_size=2)
    make_dataset(cases, VIEWS, tmp_path / "two", about={}, shard_size=2, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_is_refused(cases: tuple[Case, ...], tmp_path: Path) -> None:
    out = tmp_path / "set"
    make_dataset(cases, VIEWS, out, about={})
    with pytest.raises(UsageError, match="made differently"):
        make_dataset(cases, Views(resolution=64), out, about={})
    with pytest.raises(InputError, match="not among the cases: loaf"):
        make_dataset(cases[:2], VIEWS, out, about={})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds no data set"):
        make_dataset(cases, VIEWS, tmp_path / "mine", about={})
    assert contents(tmp_path / "mine") == {"thesis.txt": b"precious"}
    twins = (Case("a.b", "x", cases[0].mesh), Case("a-b", "y", cases[1].mesh))
    with pytest.raises(InputError, match="both be the sample 'a-b'"):
        make_dataset(twins, VIEWS, tmp_path / "twins", about={})


def test_two_processes_never_write_one_data_set(cases: tuple[Case, ...], tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    make_dataset(cases[:1], VIEWS, tmp_path, about={})
    with (tmp_path / ".lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another process is writing"):
            make_dataset(cases, VIEWS, tmp_path, about={})
    assert make_dataset(cases, VIEWS, tmp_path, about={}).rendered == 2


def test_objects_without_meshes_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the 1 objects could be rendered; 'a': case 'a' has no mesh"):
        make_dataset([Case("a", "a prompt only", None)], VIEWS, tmp_path, about={})


def test_a_changed_caption_is_rendered_again_in_folders_and_refused_in_shards(
    cases: tuple[Case, ...], tmp_path: Path
) -> None:
    changed = (Case(cases[0].id, "a new caption", cases[0].mesh), *cases[1:])
    make_dataset(cases, VIEWS, tmp_path / "folder", about={})
    made = make_dataset(changed, VIEWS, tmp_path / "folder", about={})
    assert (made.kept, made.rendered) == (2, 1)
    assert MultiviewSamples(tmp_path / "folder")[0].caption == "a new caption"
    make_dataset(cases, VIEWS, tmp_path / "tar", about={}, shard_size=9)
    with pytest.raises(InputError, match="'disc' has changed"):
        make_dataset(changed, VIEWS, tmp_path / "tar", about={}, shard_size=9)


def test_cameras_come_back_to_the_bit(tmp_path: Path) -> None:
    cameras = view_cameras((0.0, 33.3, 120.0), 12.5, "perspective", 37.0, 48)
    (tmp_path / "cameras.json").write_bytes(camera_json(cameras))
    read = read_cameras(tmp_path / "cameras.json")
    assert (read.projection, read.resolution) == ("perspective", 48)
    assert np.array_equal(read.world_to_camera, cameras.world_to_camera)
    assert np.array_equal(read.intrinsics, cameras.intrinsics)
    for broken in (b"", b"[]", b'{"projection": "fisheye"}', camera_json(cameras).replace(b"33", b"NaN", 1)):
        (tmp_path / "cameras.json").write_bytes(broken)
        if broken != camera_json(cameras):
            with pytest.raises(InputError, match="does not describe cameras"):
                read_cameras(tmp_path / "cameras.json")


def test_the_command(mesh_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    (meshes / "egg.v2.glb").write_bytes((mesh_folder / "egg.glb").read_bytes())
    (meshes / "broken.glb").write_bytes(b"glTF nothing more")
    words = ["render-dataset", "--meshes", str(meshes), "--out", str(tmp_path / "out"), "--resolution", "24"]
    assert main([*words, "--views", "0,120,240", "--json"]) == 3
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["rendered"], list(answer["failed"])) == (1, ["broken"]) and "left out: broken" in err
    samples = MultiviewSamples(tmp_path / "out")
    assert samples.ids == ("egg-v2",) and samples.views == 3 and samples[0].caption == "egg.v2"
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert (
        manifest["complete"] and list(manifest["failed"]) == ["broken"] and manifest["source"] == {"meshes": "meshes"}
    )

    mini = [
        "render-dataset",
        "--miniworld",
        "train",
        "--count",
        "1",
        "--resolution",
        "24",
        "--out",
        str(tmp_path / "m"),
    ]
    assert main(mini) == 0
    assert "egg" in MultiviewSamples(tmp_path / "m")[0].caption


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one source of objects"),
        (["--miniworld", "train", "--suite", "miniworld"], "cannot be combined"),
        (["--miniworld", "test"], "unknown split 'test'"),
        (["--miniworld", "train", "--look", "real"], "unknown look 'real'"),
        (["--miniworld", "train", "--prompts", "p.csv"], "--prompts says nothing without --meshes"),
        (["--miniworld", "train", "--views", "0,left"], "these are not angles"),
        (["--miniworld", "train", "--resolution", "1"], "--resolution 1"),
        (["--miniworld", "train", "--format", "zip"], "unknown format 'zip'"),
        (["--meshes", "nowhere"], "no such folder of meshes"),
    ],
)
def test_the_command_explains_mistakes(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render-dataset", "--out", str(tmp_path / "out"), *words]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_is_left_out_of_a_mesh_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "meshes").mkdir()
    corners = "v 0 0 0 1 0 0\nv 1 0 0 1 0 0\nv 0 1 0 1 0 0\n"
    (tmp_path / "meshes/kite.obj").write_text(f"mtllib a.mtl\n{corners}usemtl a\nf 1 2 3\n")
    (tmp_path / "meshes/a.mtl").write_text("newmtl a\nKd 0.7 0.7 0.7\n")
    options = ["--meshes", str(tmp_path / "meshes"), "--resolution", "32", "--out", str(tmp_path / "out")]
    assert main(["render-dataset", *options]) == 0
    assert "'kite': the vertices' colours stand in for the colour of material 'a'" in capsys.readouterr().err
