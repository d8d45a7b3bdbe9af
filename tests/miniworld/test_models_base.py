"""The mini-world's base: a smoke pre-training through the product's trainer, its gate, and its shipped form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from bench.cases.miniworld.families import FAMILIES
from bench.errors import UsageError
from realiz3d.data.maps import encode_map
from realiz3d.multiview import MultiviewModel
from realiz3d.sampling.loading import base_parts
from realiz3d.training import load_config
from realiz3d.training.base import load_base
from realiz3d.training.run import train
from suites.miniworld import base as shipped
from suites.miniworld import gate as gates
from suites.miniworld.captions import captions_of
from suites.miniworld.gate import PASSING_SHARE, Gate, base_samples, contact_sheet, distances
from suites.miniworld.packing import open_checkpoint, pack
from suites.miniworld.pretraining import Pretraining, PretrainingSettings
from suites.miniworld.world import ALL

CONFIG = Path(shipped.__file__).with_name("base.yaml")
SMALL = (
    "base.made.config.num_layers=2",
    "base.made.config.num_attention_heads=2",
    "base.made.config.attention_head_dim=8",
    "base.made.config.cross_attention_dim=16",
    "optimisation.compile=false",
    "method.pretrain.length.steps=3",
    "optimisation.samples_per_step=2",
    "optimisation.micro_batch=2",
)


def gate_of(share: float) -> Gate:
    oracle = {"texture": 100.0, "pooled_x1000": 20.0}
    return Gate({"texture": 0.0, "pooled_x1000": 0.0}, oracle, {"texture": 100.0 * share, "pooled_x1000": 20.0 * share})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps of the shipped config on a small host and eight painted pictures."""
    root = tmp_path_factory.mktemp("base")
    rng = np.random.default_rng(0)
    names = [f"red {family.noun}" for family in FAMILIES.values()]
    (root / "pictures").mkdir()
    for number in range(8):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "pictures" / f"{number}.png")
        (root / "pictures" / f"{number}.txt").write_text(f"a {names[number]}")
    sample = root / "objects" / "one"
    sample.mkdir(parents=True)
    (sample / "caption.txt").write_text(f"a {names[0]}")
    for view in range(4):
        Image.fromarray(pixels).save(sample / f"view_{view}.png")
        normals = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(32, 32, 3))), dim=-1).float()
        (sample / f"normal_{view}.png").write_bytes(encode_map((normals + 1) / 2))
        (sample / f"position_{view}.png").write_bytes(encode_map(torch.rand(32, 32, 3)))
    data = (f"data.synthetic.path={root / 'objects'}", f"data.real.path={root / 'pictures'}")
    return train(load_config(CONFIG, (*SMALL, *data)), root / "run", device="cpu")


def test_pre_training_learns_all_weights_and_leaves_a_plain_base(checkpoint: Path) -> None:
    base = open_checkpoint(checkpoint)
    transformer, scheduler = base.transformer, base.scheduler
    start = load_base(load_config(CONFIG, SMALL).base).transformer
    assert transformer.config.in_channels == 3 and not (checkpoint / "viewpoint_control").exists()
    assert scheduler.config.prediction_type == "v_prediction"
    moved = {name: not torch.equal(value, transformer.state_dict()[name]) for name, value in start.named_parameters()}
    assert all(moved.values()), [name for name, value in moved.items() if not value]


def test_pictures_are_learned_at_both_kinds_of_positions() -> None:
    method = Pretraining(PretrainingSettings())
    model = MultiviewModel.wrap(load_base(load_config(CONFIG, SMALL).base).transformer, control_channels=0)
    modes = []
    for step in range(40):
        rng = torch.Generator().manual_seed(step)
        found = method.conditions(method.phases()[0], model, torch.zeros(2), rng)
        assert found.mode == "single" and not found.control and found.plan is None
        modes.append(model.position_mode)
    assert 8 <= modes.count("view") <= 32 and set(modes) == {"view", "grid"}


def test_samples_depend_on_their_place_alone(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = open_checkpoint(checkpoint).single_pictures()
    names = ["a red mug", "a blue egg", "a photo of a green chair"]
    together = base_samples(pipeline, names, per_caption=2)
    monkeypatch.setattr(gates, "_BATCH", 2)
    apart = base_samples(pipeline, names, per_caption=2)
    assert together.shape == (3, 2, 32, 32, 3) and together.dtype == np.uint8
    assert np.abs(together.astype(int) - apart).max() <= 1  # rounding alone may differ with the batch
    assert len({picture.tobytes() for picture in together.reshape(6, -1)}) == 6
    assert contact_sheet([together, together], objects=3, zoom=2).size == (3 * 2 * 32 * 2, 2 * 32 * 2)


def test_distance_grows_when_pictures_lose_their_texture() -> None:
    rng = np.random.default_rng(1)
    colours = rng.integers(60, 200, (12, 1, 1, 1, 3))
    rich = (colours + rng.normal(0, 30, (12, 2, 16, 16, 3))).clip(0, 255).astype(np.uint8)
    flat = np.broadcast_to(colours, rich.shape).astype(np.uint8)
    near, far = distances(rich[:6], rich[6:], shared=False), distances(flat, rich, shared=True)
    assert far["texture"] > max(3 * near["texture"], 0) and far["pooled_x1000"] > near["pooled_x1000"]


def test_the_gate_asks_for_a_distance_well_below_the_synthetic_oracles() -> None:
    assert gate_of(PASSING_SHARE - 0.01).passed and not gate_of(PASSING_SHARE).passed


def test_a_base_ships_in_half_precision_and_every_loader_reads_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "measure", lambda *_: gate_of(0.1))
    shipped.export(checkpoint, tmp_path, tmp_path / "base", hardware="one thread")
    trained = open_checkpoint(checkpoint).transformer
    rounded = {name: value.half().float() for name, value in trained.state_dict().items()}
    values = load_config(CONFIG, SMALL).model_dump()["base"]
    config = type(load_config(CONFIG).base)(checkpoint=str(tmp_path / "base"), vae=None, text=values["text"])
    loaded = load_base(config, offline=True)
    pipeline = base_parts(loaded.record, None, torch.float32, True)
    for transformer in (shipped.open_base(tmp_path / "base").transformer, loaded.transformer, pipeline.transformer):
        assert all(torch.equal(value, rounded[name]) for name, value in transformer.state_dict().items())
    assert loaded.scheduler.config.prediction_type == "v_prediction"
    facts = json.loads((tmp_path / "base" / "facts.json").read_text())
    assert (facts["steps"], facts["pictures_seen"], facts["seeds"]) == (3, 24, [0])
    card = (tmp_path / "base" / "README.md").read_text()
    assert facts["sha256"] in card and "3 steps, 24\n" in card


def test_a_packed_base_can_be_trained_further_and_remembers_what_it_cost(checkpoint: Path, tmp_path: Path) -> None:
    pack(checkpoint, tmp_path / "base")
    root = checkpoint.parents[2]
    changes = (
        f"base.checkpoint={tmp_path / 'base'}", "base.made=null", "seed=1", "method.pretrain.length.steps=2",
        "optimisation.samples_per_step=2", "optimisation.micro_batch=2",
        f"data.synthetic.path={root / 'objects'}", f"data.real.path={root / 'pictures'}",
    )  # fmt: skip
    further = train(load_config(CONFIG, changes), tmp_path / "run", device="cpu")
    facts = pack(further, tmp_path / "further")
    assert (facts["steps"], facts["pictures_seen"], facts["seeds"]) == (5, 40, [0, 1])
    before, after = (shipped.open_base(tmp_path / name).transformer.state_dict() for name in ("base", "further"))
    changed = [float((before[name] - after[name]).abs().max()) for name in before]
    assert 0 < max(changed) < 0.1  # it went on from the weights, and did not start anew


def test_a_config_that_asks_a_pixel_base_for_its_autoencoder_is_told_what_to_write(
    checkpoint: Path, tmp_path: Path
) -> None:
    pack(checkpoint, tmp_path)
    config = load_config(CONFIG, (f"base.checkpoint={tmp_path}", "base.made=null", "base.vae=vae"))
    with pytest.raises(UsageError, match="no autoencoder") as caught:
        load_base(config.base, offline=True)
    assert "'vae: null'" in caught.value.hint


def test_a_base_below_the_gate_does_not_ship(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "measure", lambda *_: gate_of(0.9))
    with pytest.raises(UsageError, match="does not pass its gate"):
        shipped.export(checkpoint, tmp_path, tmp_path / "base", hardware="one thread")
    assert not (tmp_path / "base").exists()


def test_the_base_reads_whole_captions_that_name_the_domain() -> None:
    config = load_config(CONFIG)
    parts = load_base(config.base)
    assert config.data.resolution_px == parts.transformer.config.sample_size == 32
    assert parts.transformer.num_parameters() < 2.5e6  # five models of this size ship in 25 MB
    prompts = [case.prompt for renders in ALL for case in renders.cases()]
    longest = max(
        (text for prompt in prompts for text in captions_of(prompt, "synthetic")), key=lambda t: len(t.split())
    )
    assert len(longest.split()) <= config.base.text.length_tokens
    named, plain = parts.captions.encode([longest, longest.removeprefix("a 3D render of ")])
    assert int(named["mask"].sum()) == int(plain["mask"].sum()) + 4
