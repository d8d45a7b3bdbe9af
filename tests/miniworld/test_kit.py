"""Training on a borrowed machine: the world as one file, few packages, a time limit, and models that ship."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from bare_environment import bare_python

from realiz3d.data import MultiviewSamples
from realiz3d.errors import DataError
from realiz3d.training import load_config
from realiz3d.training.base import load_base
from suites.miniworld import captions, models, packed_world, slim, world
from suites.miniworld.kit import HERE, bundle, methods_of, train_one
from suites.miniworld.packed_world import PackedWorld, pack_world
from suites.miniworld.packing import open_packed, read_facts

REPOSITORY = HERE.parents[1]
PACKAGES = ("torch", "diffusers", "safetensors", "pydantic", "pyyaml")
BASE = """\
extends: {here}/base.yaml
name: tiny-base
base:
  made:
    config: {{num_layers: 2, num_attention_heads: 2, attention_head_dim: 8, cross_attention_dim: 16}}
method: {{name: "suites.miniworld.pretraining:PretrainingSettings", pretrain: {{length: {{steps: {steps}}}}}}}
optimisation: {{samples_per_step: 2, micro_batch: 2}}
"""
METHOD = """\
extends: {here}/methods/{name}.yaml
name: {name}
method: {{{lengths}}}
optimisation: {{samples_per_step: 2, micro_batch: 2, ramp_steps: 0}}
"""
LENGTHS = {
    "realiz3d": "warmup: {length: {steps: 1}}, stage1: {length: {steps: 2}}, stage2: {length: {steps: 2}}",
    "syn-only": "control: {length: {steps: 2}}",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kit")
    world.make_renders(replace(world.RICH, stop=3), root)
    world.make_renders(replace(world.SYNTHETIC, stop=2), root)
    assert pack_world(root, root / "world.safetensors") < 400_000
    return root


@pytest.fixture()
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    (folder / "methods").mkdir(parents=True)
    (folder / "base.yaml").write_text(BASE.format(here=HERE, steps=3))
    for name, lengths in LENGTHS.items():
        (folder / "methods" / f"{name}.yaml").write_text(METHOD.format(here=HERE, name=name, lengths=lengths))
    return folder


@pytest.fixture()
def kit(tmp_path: Path, rendered: Path, configs: Path) -> Iterator[list[str]]:
    """The command in an environment of the few packages, up to its options."""
    again = [*bare_python(tmp_path / "site", PACKAGES, REPOSITORY), "suites.miniworld.kit"]
    fixed = ["--device", "cpu", "--configs", str(configs), "--python", json.dumps(again)]
    yield [*again, str(rendered / "world.safetensors"), str(tmp_path / "out"), *fixed]


def test_a_packed_world_holds_what_was_rendered(rendered: Path) -> None:
    packed, samples = PackedWorld.read(rendered / "world.safetensors"), MultiviewSamples(rendered / "synthetic")
    config = load_config(HERE / "methods" / "realiz3d.yaml", ["base.checkpoint=" + str(HERE / "base")])
    material = packed.material(config, Path(), load_base(config.base, offline=True), torch.device("cpu"))
    assert len(material.objects) == 2 and len(material.pictures) == 12
    for index in range(2):
        item, sample = material.objects[index], samples[index]
        assert item.caption == sample.caption and torch.equal(item.tensors["latents"], sample.views)
        maps = torch.cat([sample.normals, sample.positions], dim=1)
        assert (item.tensors["control"] - maps).abs().max() <= 0.51 / 127.5
    assert torch.equal(material.pictures[6].tensors["latents"][0], MultiviewSamples(rendered / "rich")[1].views[2])


def test_the_bases_pictures_are_those_of_the_rendered_shard(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from realiz3d.data import RealImages

    monkeypatch.setattr(captions, "SYNTHETIC_SHARE", 0.4)
    monkeypatch.setattr(world, "RICH", replace(world.RICH, stop=3))
    images = RealImages(world.write_pictures(rendered), resolution=32)
    packed = PackedWorld.read(rendered / "world.safetensors")
    config = load_config(HERE / "base.yaml")
    found = packed.material(config, Path(), load_base(config.base), torch.device("cpu")).pictures
    kinds = [
        sorted((caption, picture.numpy().tobytes()) for caption, picture in pairs)
        for pairs in (
            ((image.caption, image.image) for image in (images[k] for k in range(len(images)))),
            ((item.caption, item.tensors["latents"][0]) for item in (found[k] for k in range(len(found)))),
        )
    ]
    assert kinds[0] == kinds[1] and len(kinds[0]) == 4 * 4 * (3 + 2)


def test_a_base_and_a_method_are_trained_and_packed(tmp_path: Path, rendered: Path, configs: Path) -> None:
    for name in ("base", "syn-only"):
        train_one(name, rendered / "world.safetensors", tmp_path, configs, "cpu", None)
    assert read_facts(tmp_path / "base")["steps"] == 3 and slim.read_files(tmp_path / "syn-only")["half_precision"]
    (file,) = bundle(tmp_path)
    with tarfile.open(file) as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"base", "syn-only"}


@pytest.mark.slow
def test_base_and_methods_are_trained_with_few_packages_and_ship(
    tmp_path: Path, kit: list[str], configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = subprocess.run([*kit, "--at-once", "2"], capture_output=True, text=True, timeout=300)
    logs = "".join(path.read_text() for path in (tmp_path / "out").glob("*.log"))
    assert made.returncode == 0, made.stdout + made.stderr + logs
    assert "done: base, " in made.stdout
    out = tmp_path / "out"
    assert read_facts(out / "base")["steps"] == 3 and open_packed(out / "base").size == 32
    with tarfile.open(out / "packed-0.tar") as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} == {"base", *LENGTHS}
    assert not any("training_state" in name for name in names)
    monkeypatch.setattr(models, "METHODS", configs / "methods")
    for name in LENGTHS:
        shipped = models.ship(next((out / name).glob("checkpoints/step_*")), tmp_path / "ships", out / "base")
        monkeypatch.setattr(models, "SHIPPED", tmp_path / "ships")
        assert models.MiniworldMethod(name, base=out / "base").find(0) == shipped
        assert slim.read_files(shipped)["half_precision"]


@pytest.mark.slow
def test_what_the_time_does_not_suffice_for_is_named_and_goes_on(tmp_path: Path, kit: list[str], configs: Path) -> None:
    (configs / "base.yaml").write_text(BASE.format(here=HERE, steps=100_000))
    command = [*kit, "--seconds", "40"]
    first = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert first.returncode == 1 and "done: nothing" in first.stdout and "missing: base, " in first.stdout
    saved = [int(path.name.removeprefix("step_")) for path in (tmp_path / "out/base-training/checkpoints").iterdir()]
    assert 0 < max(saved) < 400_000


def test_methods_that_want_absent_packages_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = methods_of(HERE)
    monkeypatch.setattr("suites.miniworld.kit.find_spec", lambda name: None)
    few = methods_of(HERE)
    assert "left out, for want of peft: domain-adapter-r14, " in capsys.readouterr().out
    assert len(everything) == 17 and set(everything) - set(few) == {
        f"{name}-{rank}" for name in ("lora", "domain-adapter") for rank in ("r4", "r14")
    }


def test_files_that_hold_no_world_and_worlds_that_are_too_large_are_refused(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_bytes(b"no world")
    with pytest.raises(DataError, match="no packed world"):
        PackedWorld.read(tmp_path / "other")
    monkeypatch.setattr(packed_world, "LARGEST", 1000)
    with pytest.raises(DataError, match="at most 1000"):
        pack_world(rendered, tmp_path / "large")
