"""Training that starts from checkpoints in diffusers' layout: real pipelines with tiny weights, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines
from training_worlds import tiny_config, write_world

from realiz3d import Realiz3DPipeline
from realiz3d.errors import UsageError, WeightsMissing
from realiz3d.training.base import load_base
from realiz3d.training.captions import PromptEncoder
from realiz3d.training.checkpoint import checkpoints, load_checkpoint, read_state
from realiz3d.training.run import train
from realiz3d.training.samples import Latents

HOSTS = {"pixart": "epsilon", "sd3": "flow", "flux": "flow"}
TEXT = {"encoder": "pipeline", "length_tokens": 8, "dtype": "float32"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def config_from(world: Path, checkpoint: Path, **sections: Any) -> Any:
    base = {"checkpoint": str(checkpoint), "made": None, "vae": "vae", "text": TEXT}
    return tiny_config(world, **{"base": base, **sections})


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_checkpoints_of_every_kind_of_text_train_and_sample(world, tmp_path, host):
    base = getattr(tiny_pipelines, host)(tmp_path / "base")
    last = train(config_from(world, base, steps=(1, 1, 1)), tmp_path / "out", device="cpu")
    record = load_checkpoint(last).record
    assert record["objective"] == HOSTS[host]
    assert record["base"]["checkpoint"] == str(base) and record["base"]["vae"] == "vae"
    states = [read_state(folder)["model"] for folder in checkpoints(tmp_path / "out").values()]
    assert any(not torch.equal(states[1][name], states[2][name]) for name in states[1])
    pipeline = Realiz3DPipeline.from_checkpoint(last, offline=True)
    pipeline.set_progress_bar_config(disable=True)
    maps = {name: torch.rand(1, 4, 3, 8, 8) for name in ("normal", "position")}
    images = pipeline("a red mug", control=maps, num_inference_steps=2, output_type="pt").images
    assert images.shape == (1, 4, 3, 8, 8) and images.isfinite().all()


def test_what_frozen_encoders_make_is_kept_and_changes_nothing(world, tmp_path, monkeypatch):
    base = tiny_pipelines.pixart(tmp_path / "base")
    made = []
    monkeypatch.setattr(Latents, "_one", lambda self, x, real=Latents._one: (made.append(1), real(self, x))[1])
    encoded = []
    real_encode = PromptEncoder.encode
    monkeypatch.setattr(PromptEncoder, "encode", lambda self, c: (encoded.extend(c), real_encode(self, c))[1])
    cache = {"data": {"cache": str(tmp_path / "cache")}}
    runs = []
    for name, data in (("first", cache), ("again", cache), ("without", {"data": {"cache_latents": False}})):
        made.clear(), encoded.clear()
        folder = train(config_from(world, base, **data), tmp_path / name, device="cpu")
        runs.append((len(made), sorted(encoded), read_state(folder)["model"]))
    assert runs[0][1] == ["", "a blue chair", "a green lamp", "a red mug"]
    assert runs[0][0] > 0 and runs[1][:2] == (0, [])
    assert runs[2][0] > runs[0][0]
    for _, _, weights in runs[1:]:
        assert all(torch.equal(value, weights[name]) for name, value in runs[0][2].items())


def test_a_changed_picture_is_encoded_anew(tmp_path):
    from PIL import Image

    world = write_world(tmp_path / "world")
    base = tiny_pipelines.pixart(tmp_path / "base")
    from accelerate import Accelerator

    from realiz3d.training.run import open_material

    config = config_from(world, base, data={"cache": str(tmp_path / "cache")})
    parts = load_base(config.base)
    material = open_material(config, tmp_path, parts, Accelerator(cpu=True).device)
    first = material.latents.encode([material.pictures[0], material.objects[0]])
    kept = [material.pictures[0], material.objects[0]]
    assert all(item.encoded for item in kept)
    for item, again in zip(first, kept, strict=True):
        assert all(torch.equal(value, again.tensors[name]) for name, value in item.tensors.items())
    Image.new("RGB", (8, 8), "red").save(world / "real" / "0.png")
    assert not material.pictures[0].encoded and material.pictures[1].caption


def test_bases_that_cannot_be_trained_are_refused(world, tmp_path):
    with pytest.raises(WeightsMissing, match="no such checkpoint"):
        load_base(config_from(world, tmp_path / "none").base)
    base = tiny_pipelines.pixart(tmp_path / "base")
    with pytest.raises(UsageError, match="did you mean 'vae'"):
        load_base(
            config_from(world, base, base={"checkpoint": str(base), "made": None, "vae": "vaee", "text": TEXT}).base
        )
    (base / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsMissing, match="part of the base"):
        load_base(config_from(world, base).base)
    unet = tiny_pipelines.stable_diffusion(tmp_path / "unet")
    with pytest.raises(UsageError):
        load_base(config_from(world, unet).base)
