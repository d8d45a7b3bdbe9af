"""`Realiz3DPipeline` on tiny random instances of real diffusers pipelines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines  # noqa: E402

from realiz3d import (  # noqa: E402
    DomainPlan,
    DomainShifters,
    Realiz3DPipeline,
    Shifting,
    Text,
    ViewpointControl,
)
from realiz3d.errors import UsageError  # noqa: E402

FAMILIES = ("pixart", "sd3", "flux", "dit", "sana", "qwen")
FLOW = ("sd3", "flux", "sana", "qwen")
SIDE = 16  # pixels of a view
STEPS = 3
WORDS = ["a red mug", "an old chair, painted"]


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {name: getattr(tiny_pipelines, name)(root / name) for name in FAMILIES}


def load_base(bases: dict[str, Path], family: str) -> Any:
    base = diffusers.DiffusionPipeline.from_pretrained(bases[family])
    tiny_pipelines.randomise(base.transformer)
    if family == "dit":  # diffusers does not save the names of the classes
        base.labels = {"mug": 0, "chair": 1, "lamp": 2}
    base.set_progress_bar_config(disable=True)
    return base


def make(bases: dict[str, Path], family: str = "pixart", **options: Any) -> Realiz3DPipeline:
    """A pipeline as after training: every part that starts at zero is random."""
    pipe = Realiz3DPipeline.from_base(load_base(bases, family), **{"view_size": SIDE, **options})
    torch.manual_seed(7)
    shifters = DomainShifters.for_model(pipe.multiview, rank=4)
    torch.nn.init.normal_(shifters.left, std=0.5)
    torch.nn.init.normal_(shifters.embed)
    pipe.domain_shifters = shifters
    with torch.no_grad():
        pipe.multiview.host.projection.weight.normal_(std=0.2)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def control(batch: int, seed: int = 3) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {kind: torch.rand(batch, 4, 3, SIDE, SIDE, generator=rng) for kind in ("normal", "position")}


def sample(pipe: Realiz3DPipeline, *seeds: int, **changes: Any) -> Any:
    chosen = WORDS[: len(seeds)]
    arguments: dict[str, Any] = {
        "prompt": chosen, "control": control(len(seeds)), "num_inference_steps": STEPS, "generator": generators(*seeds),
        "output_type": "pt",
    }  # fmt: skip
    return pipe(**{**arguments, **changes})


@pytest.mark.parametrize("family", FAMILIES)
def test_saving_and_loading_gives_the_same_pictures(bases: dict[str, Path], family: str, tmp_path: Path) -> None:
    pipe = make(bases, family, t_min=400.0)
    before = sample(pipe, 0, 1)
    pipe.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "Realiz3DPipeline"
    assert index["domain_shifters"] == ["realiz3d", "DomainShifters"]
    loaded = Realiz3DPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    after = sample(loaded, 0, 1)
    assert torch.equal(before.images, after.images)
    assert before.domain_plan == after.domain_plan
    assert after.domain_plan["settings"]["t_min"] == 400.0


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
    assert torch.equal(wanted, sample(pipe, 0, control=arrays).images)
    assert torch.equal(wanted, sample(pipe, 0, control={k: v[0] for k, v in arrays.items()}).images)
    from PIL import Image

    pictures = {k: [[Image.fromarray(view) for view in v[0]]] for k, v in arrays.items()}
    assert torch.equal(wanted, sample(pipe, 0, control=pictures).images)
    from realiz3d import encode_control

    latents = encode_control(pipe.vae, tensors["normal"] * 2 - 1, tensors["position"] * 2 - 1)
    assert torch.equal(wanted, sample(pipe, 0, control=latents).images)


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
    assert torch.equal(seen, sample(loaded, 0, control=None, viewpoints=around).images)
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
    assert torch.equal(wanted, found.images)
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
