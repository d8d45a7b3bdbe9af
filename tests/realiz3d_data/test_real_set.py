"""The 'real' set by real pipelines of tiny random weights: prompts, seeds, resuming, refusals."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from realiz3d.data import RealImages, TensorCache
from realiz3d.data.base_model import BaseModel, Sampling
from realiz3d.errors import DependencyMissing, UsageError, WeightsMissing

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines

SMALL = Sampling(per_caption=3, resolution=16, steps=2)
FLAGS = ["--resolution", "16", "--steps", "2", "--offline"]


@pytest.fixture(scope="module")
def pixart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.pixart(tmp_path_factory.mktemp("pipes") / "pixart")


@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.stable_diffusion(tmp_path_factory.mktemp("pipes") / "sd")


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    table = tmp_path / "prompts.csv"
    table.write_text('case,prompt\nmug,"a red mug, tall"\nfrog.v2,a {green} frog\n')
    return table


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_prompts_take_turns_with_the_view_words() -> None:
    prompts = Sampling(per_caption=5).prompts("a {view} of 100 % braces {}")
    assert prompts[0] == "a {view} of 100 % braces {}, front view, isolated on a plain white background"
    assert [prompt.split(", ")[1] for prompt in prompts] == [
        "front view", "back view", "right side view", "left side view", "front view"
    ]  # fmt: skip
    seeds = {Sampling(seed=s).noise_seed(name, k) for s in (0, 1) for name in ("a", "b", "a1") for k in range(12)}
    assert len(seeds) == 2 * 3 * 12 and all(0 <= seed < 2**63 for seed in seeds)
    with pytest.raises(UsageError, match="no place for the caption"):
        Sampling(prompt="a cat")


@pytest.mark.parametrize("pipeline", ["pixart", "stable_diffusion"])
def test_a_picture_depends_on_its_own_seed_and_prompt(pipeline: str, request: pytest.FixtureRequest) -> None:
    model = BaseModel(str(request.getfixturevalue(pipeline)), offline=True)
    together = dict(model.pictures("mug", "a red mug", SMALL, batch_size=3))
    alone = dict(model.pictures("mug", "a red mug", SMALL, batch_size=1))
    assert list(together) == [0, 1, 2]
    for number, picture in together.items():
        other = alone[number]
        assert picture is not None and other is not None and picture.shape == (16, 16, 3)
        assert np.abs(picture.astype(int) - other.astype(int)).max() <= 1  # batches round apart, noise does not
    assert not np.array_equal(together[0], together[1])
    elsewhere = dict(model.pictures("cup", "a red mug", SMALL, batch_size=3))
    assert not np.array_equal(together[0], elsewhere[0])


def test_the_call_gets_the_extended_prompt_and_the_pipeline_is_as_diffusers_runs_it(pixart: Path) -> None:
    import diffusers
    import torch

    model = BaseModel(str(pixart), offline=True)
    (_, picture), *_ = model.pictures("mug", "a red mug", SMALL, batch_size=1)
    plain = diffusers.PixArtAlphaPipeline.from_pretrained(pixart)
    expected = plain(
        prompt="a red mug, front view, isolated on a plain white background",
        num_inference_steps=2, height=16, width=16,
        generator=torch.Generator().manual_seed(SMALL.noise_seed("mug", 0)),
        clean_caption=False, use_resolution_binning=False,
    ).images[0]  # fmt: skip
    assert picture is not None and np.array_equal(picture, np.array(expected))


@pytest.mark.parametrize("form", ["folder", "webdataset"])
def test_the_command_makes_a_set_that_readers_read(
    pixart: Path, captions: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "real"
    words = ["make-real-set", "--base", str(pixart), "--captions", str(captions), "--out", str(out), *FLAGS]
    assert main([*words, "--per-caption", "2", "--format", form, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sampled"] == 2
    images = RealImages(out, resolution=16)
    assert sorted(image.caption for image in images) == ["a red mug, tall"] * 2 + ["a {green} frog"] * 2
    manifest = json.loads((out / "manifest.json").read_text())
    settings = manifest["settings"]
    assert settings["prompt"].startswith("{caption}, {view}") and settings["view_words"][3] == "left side view"
    assert settings["base"] == BaseModel(str(pixart)).fingerprint() and manifest["complete"]
    before = contents(out)
    assert main([*words, "--per-caption", "2", "--format", form, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == 2 and contents(out) == before
    assert main([*words, "--per-caption", "3", "--format", form]) == 2
    assert "per_caption = 2, not 3" in capsys.readouterr().err


def test_a_kill_costs_only_the_caption_in_flight(
    pixart: Path, captions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["make-real-set", "--base", str(pixart), "--captions", str(captions), *FLAGS, "--per-caption", "2", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    real, made = BaseModel.pictures, []

    def pictures(self: BaseModel, name: str, *rest: Any) -> Any:
        if name == "frog-v2" and name not in made:
            made.append(name)
            raise KeyboardInterrupt
        made.append(name)
        return real(self, name, *rest)

    monkeypatch.setattr(BaseModel, "pictures", pictures)
    assert main([*words, str(tmp_path / "cut")]) == 130
    assert main([*words, str(tmp_path / "cut")]) == 0
    assert made == ["mug", "frog-v2", "frog-v2"] and contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_changed_captions_and_bad_tables_are_refused(
    pixart: Path, captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["make-real-set", "--base", str(pixart), "--captions", str(captions), "--out", str(tmp_path / "o"), *FLAGS]
    assert main([*words, "--per-caption", "1"]) == 0
    captions.write_text("case,prompt\nmug,a blue mug\n")
    assert main([*words, "--per-caption", "1"]) == 2
    captions.write_text("case,prompt\n../mug,a blue mug\n")
    assert main([*words, "--per-caption", "1"]) == 2
    captions.write_text("case,promt\nmug,a blue mug\n")
    assert main([*words, "--per-caption", "1"]) == 2
    err = capsys.readouterr().err
    assert "whose caption is gone or has changed" in err and "cannot name a sample" in err
    assert "did you mean 'promt'" in err


def test_what_a_safety_checker_blackens_never_enters_the_set(
    stable_diffusion: Path, captions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    real = diffusers.StableDiffusionPipeline.__call__

    def struck(self: Any, prompt: list[str], **settings: Any) -> Any:
        made = real(self, prompt=prompt, **settings)
        made.nsfw_content_detected = ["back view" in text and "mug" in text for text in prompt]
        return made

    struck.__signature__ = inspect.signature(real)  # type: ignore[attr-defined]
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "__call__", struck)
    words = ["make-real-set", "--base", str(stable_diffusion), "--captions", str(captions), *FLAGS]
    assert main([*words, "--per-caption", "2", "--out", str(tmp_path / "o")]) == 0
    assert RealImages(tmp_path / "o", resolution=16).ids == ("frog-v2/0", "frog-v2/1", "mug/0")


def test_missing_checkpoints_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="no such checkpoint"):
        BaseModel("./nowhere")
    with pytest.raises(WeightsMissing, match=r"not on this machine\n"):
        BaseModel("nobody/nothing-of-this-name", offline=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsMissing, match="not a diffusers pipeline"):
        BaseModel(str(tmp_path / "empty"))
    (tmp_path / "empty/model_index.json").write_text(
        '{"_class_name": "PixArtAlphaPipeline", "vae": ["diffusers", "X"]}'
    )
    with pytest.raises(WeightsMissing, match="cannot be loaded"):
        next(BaseModel(str(tmp_path / "empty")).pictures("a", "b", SMALL, 1))


def test_pickled_weights_are_not_loaded(pixart: Path, tmp_path: Path) -> None:
    import safetensors.torch
    import torch

    copy = shutil.copytree(pixart, tmp_path / "pickled")
    weights = copy / "transformer/diffusion_pytorch_model.safetensors"
    torch.save(safetensors.torch.load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(WeightsMissing, match="cannot be loaded"):
        next(BaseModel(str(copy)).pictures("a", "b", SMALL, 1))


def test_a_missing_package_is_explained(monkeypatch: pytest.MonkeyPatch, pixart: Path, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)  # how an import is made to fail
    with pytest.raises(DependencyMissing, match="needs the Python package diffusers") as caught:
        BaseModel(str(pixart))
    assert caught.value.hint == "pip install 'realiz3d-bench[realiz3d]'"
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(DependencyMissing, match="needs the Python package safetensors"):
        TensorCache(tmp_path)


def test_captions_of_a_rendered_data_set(pixart: Path, tmp_path: Path) -> None:
    rendered = ["render-dataset", "--miniworld", "train", "--count", "1", "--resolution", "16"]
    assert main([*rendered, "--out", str(tmp_path / "syn")]) == 0
    words = ["make-real-set", "--base", str(pixart), "--captions", str(tmp_path / "syn"), *FLAGS, "--per-caption", "1"]
    assert main([*words, "--out", str(tmp_path / "real")]) == 0
    images = RealImages(tmp_path / "real", resolution=16)
    assert images.ids == ("train_000_egg/0",) and "egg" in images[0].caption
    assert Image.open(tmp_path / "real/train_000_egg/0.png").size == (16, 16)
