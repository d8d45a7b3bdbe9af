"""`use: miniworld_model`: models that ship, are found or are trained, and what they paint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

from tiny_world import METHODS, TinyWorld, make_tiny_world

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import InputError, UsageError, WeightsMissing
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.cameras import view_cameras
from bench.run.generate import SceneControls
from bench.suite.load import load_suite, shipped_suites
from realiz3d.data import MultiviewSamples
from realiz3d.training.callbacks import Silent
from suites.miniworld import models, slim
from suites.miniworld.generator import Controls, MiniworldModel, MiniworldModelOptions
from suites.miniworld.models import MiniworldMethod, make_data, ship
from suites.miniworld.world import RESOLUTION, RICH, SYNTHETIC, model_views

WHITE = (1.0, 1.0, 1.0)
CASES = miniworld_cases("eval", 3)
CAMERAS = view_cameras(resolution=64)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyWorld]:
    with pytest.MonkeyPatch.context() as patch:
        yield make_tiny_world(tmp_path_factory.mktemp("tiny"), patch)


def generator(tiny: TinyWorld, **options: Any) -> MiniworldModel:
    context = GeneratorContext(CASES, CAMERAS, WHITE, "cpu", Path())
    return MiniworldModel("mine", MiniworldModelOptions(base=tiny.base, steps=4, **options), context)


def request(case: int = 0, seed: int = 0) -> GenerationRequest:
    noise = tuple(1000 * case + 10 * seed + view for view in range(4))
    return GenerationRequest(CASES[case], CAMERAS, seed, WHITE, noise, SceneControls("cpu"))


def prepared(made: MiniworldModel, *seeds: int) -> list[str]:
    """The names of what there was to do, now done."""
    told: list[int] = []
    pieces = made.preparations(seeds)
    for piece in pieces:
        told.clear()
        piece.do(told.append)
        assert sum(told) == piece.steps
    return [f"{piece.kind}: {piece.name}" for piece in pieces]


def painted(made: MiniworldModel, *requests: GenerationRequest) -> list[np.ndarray]:
    prepared(made, *{request.seed for request in requests})
    return [answer.views.astype(int) for answer in made.generate(requests)]


def test_control_is_what_the_models_learned_from(tiny: TinyWorld) -> None:
    data = MultiviewSamples(make_data(models.SYNTHETIC))
    cameras = CAMERAS.at_resolution(RESOLUTION)
    for index, case in enumerate(miniworld_cases("train", 3)):
        sample, controls = data[index], Controls("cpu")
        for kind, stored in (("normal", sample.normals), ("position", sample.positions)):
            shown = controls.control(case, cameras, kind).movedim(-1, 1).float() * 2 - 1
            assert sample.id == case.id and (shown - stored).abs().max() <= 1.01 / 65535


def test_a_model_is_trained_once_and_its_seed_is_the_samples(tiny: TinyWorld) -> None:
    made = generator(tiny, method="realiz3d")
    before = made.fingerprint()
    with pytest.raises(WeightsMissing, match="'realiz3d' of seed 1 is not trained"):
        next(iter(made.generate([request(0, 1)])))
    assert prepared(made, 0, 1)[-2:] == ["train models: realiz3d (seed 0)", "train models: realiz3d (seed 1)"]
    together = painted(made, request(0, 0), request(0, 1), request(1, 0))
    assert [views.shape for views in together] == [(4, 64, 64, 3)] * 3
    weights = [
        load_file(next(tiny.user.glob(f"models/*/seed-{k}/checkpoints/*/transformer/*.safetensors"))) for k in (0, 1)
    ]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    again = generator(tiny, method="realiz3d")
    assert again.preparations([0, 1]) == () and again.fingerprint() == before
    alone = [painted(again, request(*which))[0] for which in ((0, 0), (0, 1), (1, 0))]
    assert max(np.abs(a - b).max() for a, b in zip(together, alone, strict=True)) <= 1
    assert [phase["phase"] for phase in again.training()] == ["warmup", "stage1", "stage2"]
    assert not list(tiny.user.glob("models/*/seed-*/**/training_state"))
    texts = [path.read_text() for path in tiny.user.glob("models/*/seed-0/**/*.json")]
    assert len(texts) > 4 and not any(str(tiny.user.parent) in text for text in texts)


def test_options_decide_pictures_and_fingerprint(tiny: TinyWorld) -> None:
    usual = generator(tiny, method="realiz3d")
    reference = painted(usual, request())[0]
    changes: tuple[dict[str, Any], ...] = ({"shifting": False}, {"control": False}, {"sdedit_t": 500.0})
    for change in changes:
        other = generator(tiny, method="realiz3d", **change)
        assert other.fingerprint() != usual.fingerprint()
        assert np.abs(painted(other, request())[0] - reference).max() > 0, change
    said = models.MiniworldMethod("realiz3d", base=tiny.base).config().sampling
    same = generator(tiny, method="realiz3d", block_frac=said.block_frac, t_max=said.t_max)
    assert np.abs(painted(same, request())[0] - reference).max() <= 1  # weights elsewhere in memory


def test_the_base_paints_each_view_alone(tiny: TinyWorld) -> None:
    made = generator(tiny, method="base")
    views = painted(made, request())[0]
    assert views.shape == (4, 64, 64, 3) and made.training() == []
    first = request()
    shuffled = replace(first, noise_seeds=(first.noise_seeds[0], 7, 8, 9))
    assert np.abs(painted(made, shuffled)[0][0] - views[0]).max() <= 1
    assert made.fingerprint() == generator(tiny, method="base").fingerprint()


def test_models_from_prompts_alone(tiny: TinyWorld) -> None:
    made = generator(tiny, method="syn-only", task="text_to_multiview")
    views = painted(made, request())[0]
    assert np.abs(painted(generator(tiny, method="syn-only"), request())[0] - views).max() > 0


def test_a_training_that_was_broken_off_ends_with_the_same_weights(tiny: TinyWorld) -> None:
    class Stop(Silent):
        def checkpoint(self, trainer: Any, folder: Path) -> None:
            if trainer.progress.step == 2:
                raise KeyboardInterrupt

    method = MiniworldMethod("syn-only", base=tiny.base)
    with pytest.raises(KeyboardInterrupt):
        method.train(5, [Stop()])
    assert method.find(5) is None and method.done(5) == 2
    assert [piece.steps for piece in generator(tiny, method="syn-only").preparations([5])] == [2]
    steps: list[int] = []

    class Count(Silent):
        def step(self, trainer: Any, log: Any) -> None:
            steps.append(trainer.progress.step)

    resumed = method.train(5, [Count()])
    assert steps == [3, 4] and method.find(5) == resumed
    unbroken = MiniworldMethod("syn-only", base=tiny.base)
    parts = ("checkpoints/step_4/transformer/diffusion_pytorch_model.safetensors",)
    kept = [load_file(resumed / part) for part in parts]
    for path in (*resumed.rglob("*.json"), *resumed.rglob("*.safetensors")):
        path.unlink()
    for part, before in zip(parts, kept, strict=True):
        after = load_file(unbroken.train(5) / part)
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_shipped_model_paints_the_same_in_half_the_bytes(tiny: TinyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    method = MiniworldMethod("lora-r4", base=tiny.base)
    finished: list[Path] = []
    write = slim.write_slim

    def keep(checkpoint: Path, out: Path, **options: Any) -> None:
        finished.append(ship(checkpoint, tiny.shipped, tiny.base))
        write(checkpoint, out, **options)

    monkeypatch.setattr(
        models, "write_slim", lambda *a, half=False, **o: write(*a, half=half, **o) if half else keep(*a, **o)
    )
    full = method.train(0)
    trained = painted(generator(tiny, method="lora-r4"), request())[0]
    shipped = generator(tiny, method="lora-r4")
    assert method.shipped(0) == method.find(0) == finished[0] and method.shipped(1) is None
    sizes = [sum(f.stat().st_size for f in folder.rglob("*.safetensors")) for folder in (finished[0], full)]
    assert sizes[0] < 0.7 * sizes[1] and shipped.training() == generator(tiny, method="lora-r4").training()

    monkeypatch.setattr(models, "SHIPPED", tiny.shipped / "none")
    assert method.find(0) == full
    precise = painted(generator(tiny, method="lora-r4"), request())[0]
    assert np.abs(trained - precise).max() <= 3
    assert json.loads((finished[0] / slim.FILES).read_text())["half_precision"]
    again = ship(next(full.glob("checkpoints/step_*")), tiny.shipped / "again", tiny.base)
    assert slim.read_files(again) == slim.read_files(finished[0])


def test_a_model_trained_otherwise_or_changed_is_not_used(tiny: TinyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    method = MiniworldMethod("realiz3d", base=tiny.base)
    folder = method.train(0)
    monkeypatch.setattr(models, "VERSION", 2)
    assert MiniworldMethod("realiz3d", base=tiny.base).find(0) is None
    monkeypatch.undo()
    weights = next(folder.rglob("transformer/*.safetensors"))
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="have changed"):
        method.find(0)
    weights.write_bytes(content)


def test_names_and_the_base_are_checked(tiny: TinyWorld, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'realiz3d'"):
        generator(tiny, method="realized")
    with pytest.raises(WeightsMissing, match="base model is not there"):
        MiniworldMethod("realiz3d", base=tmp_path).find(0)
    with pytest.raises(WeightsMissing, match="base model is not there"):
        generator(replace(tiny, base=tmp_path), method="base").fingerprint()


def test_suites_name_methods_that_have_a_config() -> None:
    known = {file.stem for file in METHODS.glob("*.yaml")} | {"base"}
    named = [
        entry.options["method"]
        for suite in shipped_suites()
        if suite.startswith("miniworld")
        for entry in load_suite(suite).generators
        if entry.use == "miniworld_model"
    ]
    assert len(named) > 30 and set(named) <= known


@pytest.mark.parametrize("suite", ["miniworld", "miniworld-full", "miniworld-ablation", "miniworld-text"])
def test_suites_judge_models_by_the_looks_that_they_learned(suite: str) -> None:
    loaded = load_suite(suite)
    rich = loaded.references["rich"].miniworld
    looks = {entry.name: entry.options for entry in loaded.generators if entry.use == "miniworld_look"}
    assert (rich.look, rich.size_px, rich.first) == (RICH.look, RESOLUTION, 40)
    assert looks["ceiling-32px"] == {"look": RICH.look, "size": RESOLUTION}
    assert looks["synthetic-32px"] == {"look": SYNTHETIC.look, "size": RESOLUTION}
    assert loaded.views.model_copy(update={"resolution": RESOLUTION}) == model_views()
