"""Which parts a `Realiz3DPipeline` may have: saved and loaded, left out, taken off, cast, compiled; and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines  # noqa: E402
from random_pipelines import ELSEWHERE, FAMILIES, SIDE, WORDS, control, generators, load_base, make, sample  # noqa: E402

from realiz3d import DomainPlan, DomainShifters, Realiz3DPipeline, Shifting  # noqa: E402
from realiz3d.errors import UsageError  # noqa: E402


@pytest.mark.parametrize("family", FAMILIES)
def test_saving_and_loading_gives_the_same_pictures(bases: dict[str, Path], family: str, tmp_path: Path) -> None:
    pipe = make(bases, family, t_max=400.0)
    before = sample(pipe, 0, 1)
    pipe.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "Realiz3DPipeline"
    assert index["domain_shifters"] == ["realiz3d", "DomainShifters"]
    loaded = Realiz3DPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    after = sample(loaded, 0, 1)
    torch.testing.assert_close(after.images, before.images, **ELSEWHERE)
    assert before.domain_plan == after.domain_plan
    assert after.domain_plan["settings"]["t_max"] == 400.0


def test_parts_may_be_absent(bases: dict[str, Path], tmp_path: Path) -> None:
    full = make(bases)
    words = full.encode_prompt(WORDS[:1])
    none = full.encode_prompt("")
    wanted = sample(full, 0, output_type="latent").images
    pipe = Realiz3DPipeline.from_base(
        full, model=full.multiview, vae=None, text_encoder=None, tokenizer=None, text_pipeline=full.config.text_pipeline
    )
    pipe.set_progress_bar_config(disable=True)
    from realiz3d import encode_control

    maps = control(1)
    latents = encode_control(full.vae, maps["normal"] * 2 - 1, maps["position"] * 2 - 1)
    given = {"control": latents, "height": 8, "width": 8, "output_type": "latent"}
    found = sample(pipe, 0, prompt=words, negative_prompt=none, **given)
    torch.testing.assert_close(found.images, wanted, **ELSEWHERE)
    with pytest.raises(UsageError, match="no text encoder"):
        sample(pipe, 0, **given)
    pipe.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["vae"] == [None, None]


def test_a_pipeline_without_shifters_has_no_plan(bases: dict[str, Path]) -> None:
    pipe = Realiz3DPipeline.from_base(load_base(bases, "pixart"), view_size=SIDE)
    pipe.set_progress_bar_config(disable=True)
    images, plan = sample(pipe, 0, return_dict=False, output_type="pil")
    assert plan is None and len(images) == 1 and [picture.size for picture in images[0]] == [(SIDE, SIDE)] * 4
    with pytest.raises(UsageError, match="without domain shifters"):
        sample(pipe, 0, domain_plan=Shifting())


def test_shifters_can_be_taken_off_and_put_on_again(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    shifters, shifted = pipe.domain_shifters, sample(pipe, 0).images
    pipe.domain_shifters = None
    plain = sample(pipe, 0)
    assert plain.domain_plan is None and not torch.equal(plain.images, shifted)
    pipe.domain_shifters = shifters
    assert torch.equal(sample(pipe, 0).images, shifted)


def test_bfloat16_keeps_shifters_and_the_sampler_in_float32(bases: dict[str, Path], tmp_path: Path) -> None:
    pipe = make(bases)
    exact = sample(pipe, 0, guidance_scale=1.5).images
    pipe.save_pretrained(tmp_path)
    half = Realiz3DPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)
    half.set_progress_bar_config(disable=True)
    assert half.transformer.dtype == torch.bfloat16 and half.domain_shifters.left.dtype == torch.float32
    out = sample(half, 0, guidance_scale=1.5, output_type="latent").images
    assert out.dtype == torch.float32
    assert (sample(half, 0, guidance_scale=1.5).images - exact).abs().mean() < 0.05


def test_compiled_blocks_give_the_same_pictures_and_refuse_later_parts(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    wanted = sample(pipe, 0).images
    pipe.compile(backend="eager")
    torch.testing.assert_close(sample(pipe, 0).images, wanted, atol=1e-5, rtol=0)
    pipe.domain_shifters = DomainShifters.for_model(pipe.multiview, rank=4)
    from realiz3d.errors import OutOfOrder

    with pytest.raises(OutOfOrder, match="compiled"):
        sample(pipe, 0)


Change = Callable[[Realiz3DPipeline], dict[str, Any]]
MISTAKES: dict[str, tuple[Change, str]] = {
    "kind": (lambda _: {"control": {"normals": 0, "position": 0}}, "did you mean 'normal'"),
    "missing": (lambda _: {"control": {"normal": control(1)["normal"]}}, "the maps 'normal' and 'position'"),
    "range": (lambda _: {"control": {k: v * 2 - 1 for k, v in control(1).items()}}, "values in [0, 1]"),
    "views": (lambda _: {"control": {k: v[:, :3] for k, v in control(1).items()}}, "(1, 4, 3, H, W)"),
    "height": (lambda _: {"control": None, "height": 18}, "no patch straddles two views"),
    "size": (lambda _: {"height": 32, "width": 32}, "control maps of 16 x 16"),
    "output": (lambda _: {"output_type": "pils"}, "did you mean 'pil'"),
    "noise": (lambda _: {"latents": torch.zeros(1, 4, 8, 8)}, "expected: (1, 4, 4, 8, 8)"),
    "generators": (lambda _: {"generator": generators(0, 1)}, "2 generators for 1 samples"),
    "negative": (lambda _: {"negative_prompt": ["a", "b", "c"]}, "3 negative prompts for 1"),
    "blocks": (lambda _: {"domain_plan": DomainPlan.constant("real", 7)}, "a plan for 7 blocks"),
    "steps": (lambda p: {"domain_plan": DomainPlan.inference(p.multiview.n_blocks, [9.0, 0.0])}, "a plan for 2 steps"),
}


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_mistakes_are_explained(bases: dict[str, Path], name: str) -> None:
    change, words = MISTAKES[name]
    pipe = make(bases)
    with pytest.raises(UsageError) as error:
        sample(pipe, 0, **change(pipe))
    assert words in str(error.value)


def test_a_u_net_is_refused(tmp_path: Path) -> None:
    base = diffusers.DiffusionPipeline.from_pretrained(tiny_pipelines.stable_diffusion(tmp_path), safety_checker=None)
    with pytest.raises(UsageError, match="no transformer"):
        Realiz3DPipeline.from_base(base)
