"""`Realiz3DPipeline` on tiny random instances of real diffusers pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from random_pipelines import (  # noqa: E402
    ELSEWHERE,
    FAMILIES,
    FLOW,
    SIDE,
    STEPS,
    WORDS,
    control,
    generators,
    load_base,
    make,
    sample,
)  # fmt: skip

from realiz3d import DomainPlan, Realiz3DPipeline, Shifting, Text, ViewpointControl  # noqa: E402
from realiz3d.errors import UsageError  # noqa: E402


@pytest.mark.parametrize("family", FAMILIES)
def test_one_view_without_shifters_and_control_is_the_base_pipeline(bases: dict[str, Path], family: str) -> None:
    """diffusers' own pipelines are the reference for text, guidance, timesteps, scaling and decoding."""
    base = load_base(bases, family)
    base.scheduler = base.scheduler if family in FLOW else diffusers.DDIMScheduler(clip_sample=False)
    side = 32 if family == "sana" else SIDE  # Sana's own pipeline takes multiples of 32 only
    noise = torch.randn(2, 1, 4, side // 2, side // 2, generator=torch.Generator().manual_seed(0))
    asked: dict[str, Any] = {"guidance_scale": 3.0, "num_inference_steps": STEPS, "output_type": "np"}
    words: Any = WORDS
    if family == "dit":  # takes neither latents nor a size
        words = ["a chair", "a lamp"]
        noise = torch.randn(2, 4, 8, 8, generator=generators(0)[0])[:, None]
        wanted = base([1, 2], generator=generators(0)[0], **asked).images
    else:
        flat: Any = noise[:, 0]
        if family in ("flux", "qwen"):
            flat = base._pack_latents(flat, 2, 4, side // 2, side // 2)
        own: dict[str, Any] = {"latents": flat, "height": side, "width": side, **asked}
        if family in ("pixart", "sana"):
            own |= {"use_resolution_binning": False, "clean_caption": False}
        if family == "sana":
            own["complex_human_instruction"] = None
        if family == "qwen":  # its guidance is renormalised, ours is not: compare without
            own |= {"guidance_scale": None, "true_cfg_scale": 1.0}
            asked["guidance_scale"] = 1.0
        wanted = base(words, **own).images
    pipe = Realiz3DPipeline.from_base(base, views=(1, 1), control_channels=0)
    pipe.set_progress_bar_config(disable=True)
    found = pipe(words, latents=noise, height=side, width=side, **asked)
    assert found.domain_plan is None
    np.testing.assert_allclose(found.images[:, 0], wanted, atol=2e-5)


class Calls:
    """What the transformer was called with, and what its blocks were told to add."""

    def __init__(self, pipe: Realiz3DPipeline) -> None:
        self.pictures: list[Tensor] = []
        self.text: list[Tensor] = []
        self.shifts: list[list[Tensor]] = []
        self._pipe = pipe
        pipe.transformer.register_forward_pre_hook(self._record, with_kwargs=True)
        for block in pipe.multiview.host.blocks:
            block.register_forward_pre_hook(self._shift)

    def _record(self, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.pictures.append(args[0] if args else kwargs["hidden_states"])
        self.text.append(kwargs.get("encoder_hidden_states", kwargs.get("class_labels")))
        self.shifts.append([])

    def _shift(self, block: Any, _args: Any) -> None:
        self.shifts[-1].append(block.__dict__["realiz3d_slot"].read().shift[:, 0].clone())

    def letters(self) -> list[list[str]]:
        """[step][sample]: R or S a block, read off the residuals that the blocks added."""
        table = self._pipe.domain_shifters.table()
        steps = []
        for shifts in self.shifts:
            samples = range(len(shifts[0]))
            steps.append(["".join(_letter(shift[b], table[i]) for i, shift in enumerate(shifts)) for b in samples])
        return steps


def _letter(shift: Tensor, rows: Tensor) -> str:
    real, synthetic = torch.equal(shift, rows[0]), torch.equal(shift, rows[1])
    assert real != synthetic
    return "R" if real else "S"


@pytest.mark.parametrize("family", ["pixart", "sd3", "dit"])
def test_guidance_changes_the_text_and_nothing_else(bases: dict[str, Path], family: str) -> None:
    pipe = make(bases, family)
    calls = Calls(pipe)
    sample(pipe, 0, 1, guidance_scale=2.0)
    assert len(calls.pictures) == STEPS
    for pictures, text, shifts in zip(calls.pictures, calls.text, calls.shifts, strict=True):
        without, with_text = pictures.chunk(2)
        assert torch.equal(without, with_text)  # noisy latents, control and its flag
        assert without[:, 4:12].abs().max() > 0 and not without[:, 12].any()
        none, words = text.chunk(2)
        assert not torch.equal(none, words)
        for shift in shifts:
            assert torch.equal(*shift.chunk(2))


def test_guidance_mixes_the_two_branches(bases: dict[str, Path]) -> None:
    """eps = eps_0 + s (eps_text - eps_0), against one step of each branch alone."""
    pipe = make(bases)
    given = {"output_type": "latent", "num_inference_steps": 1}
    alone = sample(pipe, 0, guidance_scale=1.0, **given).images
    without = sample(pipe, 0, guidance_scale=1.0, prompt=[""], **given).images
    # one DDIM step is affine in the prediction, and its coefficients do not depend on it
    mixed = sample(pipe, 0, guidance_scale=3.0, **given).images
    torch.testing.assert_close(mixed, without + 3.0 * (alone - without), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_run_in_the_domains_of_the_plan(bases: dict[str, Path], family: str) -> None:
    pipe = make(bases, family)
    calls = Calls(pipe)
    out = sample(pipe, 0, 1, num_inference_steps=6, domain_plan=Shifting(0.5, 700.0))
    n, flow = pipe.multiview.n_blocks, family in FLOW
    early = -(-n // 2)
    times = [1000 * (6 - i) / 6 for i in range(6)] if flow else out.domain_plan["timesteps"]
    wanted = ["S" * n if t >= 700 else "S" * early + "R" * (n - early) for t in times]
    assert len(set(wanted)) == 2
    assert [step[0] for step in out.domain_plan["blocks"]] == wanted
    assert [set(step) for step in calls.letters()] == [{row} for row in wanted]


def test_a_plan_may_differ_by_sample(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    plan = DomainPlan.train(["real", "synthetic"], pipe.multiview.n_blocks, reassign_p=0.0)
    calls = Calls(pipe)
    both = sample(pipe, 0, 1, domain_plan=plan, guidance_scale=2.0).images
    n = pipe.multiview.n_blocks
    assert calls.letters() == [["R" * n, "S" * n] * 2] * STEPS
    one = sample(pipe, 0, domain_plan=DomainPlan.constant("real", n), control=_first(control(2)), guidance_scale=2.0)
    torch.testing.assert_close(both[:1], one.images, atol=1e-5, rtol=0)


def _first(maps: dict[str, Tensor]) -> dict[str, Tensor]:
    return {kind: values[:1] for kind, values in maps.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sample_does_not_depend_on_its_batch(bases: dict[str, Path], family: str) -> None:
    pipe = make(bases, family)
    both = sample(pipe, 4, 9).images
    first = sample(pipe, 4, control=_first(control(2))).images
    second = {kind: values[1:] for kind, values in control(2).items()}
    last = sample(pipe, 9, control=second, prompt=WORDS[1:]).images
    # float32 on a CPU: other batch sizes take other paths through the kernels
    torch.testing.assert_close(both, torch.cat([first, last]), atol=1e-5, rtol=0)
    assert (both[0] - both[1]).abs().max() > 1e-3


def test_noise_comes_from_each_samples_own_generator(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    assert torch.equal(sample(pipe, 0, 1).images, sample(pipe, 0, 1).images)
    assert not torch.equal(sample(pipe, 0, 1).images, sample(pipe, 0, 2).images)
    noise = torch.stack([torch.randn(4, 8, 8, generator=rng) for rng in generators(5) for _ in range(1)])
    shared = torch.Generator().manual_seed(5)
    seen: list[Tensor] = []
    pipe.transformer.register_forward_pre_hook(
        lambda _m, args, kwargs: seen.append((*args, kwargs)[0]), with_kwargs=True
    )
    sample(pipe, 5, generator=shared, guidance_scale=1.0)
    first = seen[0] if isinstance(seen[0], Tensor) else seen[0]["hidden_states"]
    assert torch.equal(first[0, :4, :8, :8], noise[0])  # view 0 in the grid's corner


def test_null_control_is_zero_maps_and_a_raised_flag(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    calls = Calls(pipe)
    null = sample(pipe, 0, control=None).images
    assert all(not pictures[:, 4:12].any() and (pictures[:, 12] == 1).all() for pictures in calls.pictures)
    assert not torch.equal(null, sample(pipe, 0).images)


def test_control_comes_as_maps_arrays_pictures_or_latents(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    eight_bit = {k: (v * 255).round().to(torch.uint8) for k, v in control(1).items()}
    tensors = {k: v.float() / 255 for k, v in eight_bit.items()}
    wanted = sample(pipe, 0, control=tensors).images
    arrays = {k: v.movedim(2, -1).numpy() for k, v in eight_bit.items()}
    torch.testing.assert_close(sample(pipe, 0, control=arrays).images, wanted, **ELSEWHERE)
    torch.testing.assert_close(
        sample(pipe, 0, control={k: v[0] for k, v in arrays.items()}).images, wanted, **ELSEWHERE
    )
    from PIL import Image

    pictures = {k: [[Image.fromarray(view) for view in v[0]]] for k, v in arrays.items()}
    torch.testing.assert_close(sample(pipe, 0, control=pictures).images, wanted, **ELSEWHERE)
    from realiz3d import encode_control

    latents = encode_control(pipe.vae, tensors["normal"] * 2 - 1, tensors["position"] * 2 - 1)
    torch.testing.assert_close(sample(pipe, 0, control=latents).images, wanted, **ELSEWHERE)


def test_viewpoints_place_the_views(bases: dict[str, Path], tmp_path: Path) -> None:
    pipe = make(bases, control_channels=0)
    embedding = ViewpointControl.for_model(pipe.multiview)
    torch.nn.init.normal_(embedding.embed.weight, std=0.3)
    pipe.viewpoint_control = embedding
    around = torch.tensor([[0.0, 0.0], [1.6, 0.0], [3.1, 0.0], [4.7, 0.0]])
    seen = sample(pipe, 0, control=None, viewpoints=around).images
    null = sample(pipe, 0, control=None).images
    turned = sample(pipe, 0, control=None, viewpoints=around.roll(1, 0)[None]).images
    assert not torch.equal(seen, null) and not torch.equal(seen, turned)
    pipe.save_pretrained(tmp_path)
    loaded = Realiz3DPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    torch.testing.assert_close(sample(loaded, 0, control=None, viewpoints=around).images, seen, **ELSEWHERE)
    with pytest.raises(UsageError, match="viewpoints of shape"):
        sample(pipe, 0, control=None, viewpoints=around[:3])


def test_callbacks_see_and_change_tensors_and_can_stop(bases: dict[str, Path]) -> None:
    pipe = make(bases)
    seen: list[tuple[int, int, list[str]]] = []

    def watch(_pipe: Any, step: int, t: Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append((step, int(t), sorted(tensors)))
        return {}

    names = ("latents", "prompt_embeds", "control_latents")
    plain = sample(pipe, 0, callback_on_step_end=watch, callback_on_step_end_tensor_inputs=names)
    assert seen == [(i, int(t), sorted(names)) for i, t in enumerate(plain.domain_plan["timesteps"])]
    assert pipe.num_timesteps == STEPS and pipe.guidance_scale == 4.5

    def zero(_pipe: Any, step: int, _t: Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"latents": torch.zeros_like(tensors["latents"])}

    assert not sample(pipe, 0, callback_on_step_end=zero, output_type="latent").images.any()

    def no_text(_pipe: Any, _step: int, _t: Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"prompt_embeds": tensors["prompt_embeds"] * 0.1}

    changed = sample(pipe, 0, callback_on_step_end=no_text, callback_on_step_end_tensor_inputs=["prompt_embeds"])
    assert not torch.equal(plain.images, changed.images)

    def stop(pipe: Any, _step: int, _t: Tensor, _tensors: dict[str, Any]) -> dict[str, Any]:
        pipe._interrupt = True
        return {}

    calls = Calls(pipe)
    sample(pipe, 0, callback_on_step_end=stop)
    assert len(calls.pictures) == 1
    sample(pipe, 0)
    assert len(calls.pictures) == 1 + STEPS
    with pytest.raises(UsageError, match="cannot be given 'latent'") as error:
        sample(pipe, 0, callback_on_step_end=watch, callback_on_step_end_tensor_inputs=["latent"])
    assert "did you mean 'latents'" in str(error.value)


def test_class_labels_in_place_of_prompts(bases: dict[str, Path]) -> None:
    pipe = make(bases, "dit")
    named = sample(pipe, 0, prompt=["a photo of a lamp"]).images
    assert torch.equal(named, sample(pipe, 0, prompt=Text(labels=torch.tensor([2]))).images)
    assert not torch.equal(named, sample(pipe, 0, prompt=["a mug"]).images)


def test_methods_that_know_domains_by_other_means_sample_in_the_real_one(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    from realiz3d.extras import Extra, domains_at

    seen: list[Tensor | None] = []

    class Switch(Extra):
        reads_domains = True

        def install(self, model: Any) -> list[Any]:
            block = model.host.blocks[0]
            return [block.register_forward_pre_hook(lambda module, _args: seen.append(domains_at(module)))]

    pipe = Realiz3DPipeline.from_base(load_base(bases, "pixart"), view_size=SIDE)
    pipe.set_progress_bar_config(disable=True)
    pipe.multiview.add_extra("switch", Switch())
    plan = sample(pipe, 0).domain_plan
    n = pipe.multiview.n_blocks
    assert plan["blocks"] == [["R" * n]] * STEPS
    assert [domains.tolist() for domains in seen if domains is not None] == [[0, 0]] * STEPS
    sample(pipe, 0, domain_plan=DomainPlan.constant("synthetic", n), guidance_scale=1.0)
    assert [domains.tolist() for domains in seen[STEPS:] if domains is not None] == [[1]] * STEPS
    with pytest.raises(UsageError, match="cannot hold the model's switch"):
        pipe.save_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "EulerAncestralDiscreteScheduler"])
def test_other_schedulers_sample_too(bases: dict[str, Path], name: str) -> None:
    """Also those that add noise while they sample, which comes from each sample's own generator."""
    pipe = make(bases)
    pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config)
    both = sample(pipe, 0, 1).images
    assert torch.equal(both, sample(pipe, 0, 1).images)
    one = sample(pipe, 0, control=_first(control(2))).images
    torch.testing.assert_close(both[:1], one, atol=1e-5, rtol=0)
