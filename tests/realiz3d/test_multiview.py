"""The two modes against independent forwards of the unwrapped host."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch

from realiz3d.errors import HostRefused, OutOfOrder, UsageError
from realiz3d.hosts.base import pack_latents, unpack_latents
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.shifters import DomainShifters
from realiz3d.text import Text
from realiz3d.tiling import tile, untile

# float32: another batch size, or the same weights elsewhere in memory (those mapped from a file are not aligned as
# torch aligns its own), is another order of summation
TOLERANCE = {"atol": 5e-6, "rtol": 1e-5}


def base_forward(tiny: Any, transformer: Any, pictures: torch.Tensor, t: torch.Tensor, text: Text, crop: Any = None):
    """The host alone, called the way its diffusers pipeline calls it. `crop` = (grid height, width, top, left) in
    tokens."""
    common: dict[str, Any] = {"return_dict": False}
    if tiny.name == "dit":
        return transformer(pictures, timestep=t, class_labels=text.labels, **common)[0]
    common["encoder_hidden_states"] = text.embeds
    if tiny.name == "pixart":
        extra = {"resolution": None, "aspect_ratio": None}
        out = transformer(pictures, timestep=t, encoder_attention_mask=text.mask, added_cond_kwargs=extra, **common)[0]
        return out.chunk(2, dim=1)[0]
    if tiny.name == "sana":
        return transformer(pictures, timestep=t, encoder_attention_mask=text.mask, **common)[0]
    if tiny.name == "sd3":
        return transformer(pictures, timestep=t, pooled_projections=text.pooled, **common)[0]
    height, width = pictures.shape[-2] // 2, pictures.shape[-1] // 2
    tokens = pack_latents(pictures, 2)
    if tiny.name == "qwen":
        shapes = [[(1, height, width)]] * len(pictures)
        out = transformer(tokens, timestep=t / 1000, encoder_hidden_states_mask=text.mask, img_shapes=shapes, **common)[
            0
        ]
    else:
        top, left = crop[2:] if crop else (0, 0)
        ids = torch.zeros(height, width, 3)
        ids[..., 1] += torch.arange(height)[:, None] + top
        ids[..., 2] += torch.arange(width)[None] + left
        out = transformer(
            tokens,
            timestep=t / 1000,
            pooled_projections=text.pooled,
            img_ids=ids.reshape(-1, 3),
            txt_ids=torch.zeros(text.embeds.shape[1], 3),
            **common,
        )[0]
    return unpack_latents(out, 2, tuple(pictures.shape[-2:]))


def with_cropped_positions(tiny: Any, transformer: Any, side: int, row: int, column: int) -> None:
    """Make the host believe that its table of positions is the crop of one view out of the 2 x 2 grid."""
    if tiny.name in ("pixart", "dit"):
        embed = transformer.pos_embed
        grid = embed.pos_embed.unflatten(1, (embed.height, embed.width))  # built for a 16-pixel picture, as the grid is
        half = side // embed.patch_size
        crop = grid[:, row * half : (row + 1) * half, column * half : (column + 1) * half]
        embed.pos_embed = crop.flatten(1, 2)
        embed.height = embed.width = half
    elif tiny.name == "sd3":
        embed = transformer.pos_embed
        table = embed.pos_embed.unflatten(1, (embed.pos_embed_max_size, embed.pos_embed_max_size))
        half, first = side // embed.patch_size, (embed.pos_embed_max_size - 2 * side // embed.patch_size) // 2
        top, left = first + row * half, first + column * half
        crop = table[:, top : top + half, left : left + half]
        embed.cropped_pos_embed = lambda *_: crop.flatten(1, 2)
    elif tiny.name == "qwen":
        original, half = transformer.pos_embed.forward, side // 2

        def forward(shapes: Any, **options: Any) -> Any:
            image, text = original([[(1, 2 * half, 2 * half)]], **options)
            table = image.unflatten(0, (2 * half, 2 * half))
            crop = table[row * half : (row + 1) * half, column * half : (column + 1) * half]
            return crop.flatten(0, 1), text

        transformer.pos_embed.forward = forward


def test_multiview_mode_with_fresh_shifters_is_the_base_model_on_the_tiled_picture(tiny):
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    base, transformer = tiny.transformer(), tiny.transformer()
    if tiny.name == "sana":  # its convolutions stay within the views: compare where they reach no neighbour
        for block in [*base.transformer_blocks, *transformer.transformer_blocks]:
            taps = block.ff.conv_depth.weight.data
            taps *= torch.tensor([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    expected = untile(base_forward(tiny, base, tile(x, (2, 2)), t, text), (2, 2))
    model = MultiviewModel.wrap(transformer)
    model.attach(DomainShifters.for_model(model))
    plan = DomainPlan.train(["real", "synthetic"], model.n_blocks)
    torch.testing.assert_close(model(x, t, text, plan=plan), expected, **TOLERANCE)


def test_single_image_mode_equals_independent_forwards_with_the_grids_positions(tiny):
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2, 4)
    model = MultiviewModel.wrap(tiny.transformer())
    got = model(x, t, text, mode="single")
    for view in range(4):
        row, column = divmod(view, 2)
        alone = tiny.transformer()
        with_cropped_positions(tiny, alone, tiny.side, row, column)
        half = tiny.side // 2
        crop = (2 * half, 2 * half, row * half, column * half)
        expected = base_forward(tiny, alone, x[:, view], t, text.of_view(view), crop)
        torch.testing.assert_close(got[:, view], expected, **TOLERANCE)


def test_single_image_mode_with_view_positions_equals_the_untouched_base_model(tiny):
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2, 4)
    model = MultiviewModel.wrap(tiny.transformer(), position_mode="view")
    got = model(x, t, text, mode="single")
    base = tiny.transformer()
    for view in range(4):
        expected = base_forward(tiny, base, x[:, view], t, text.of_view(view))
        torch.testing.assert_close(got[:, view], expected, **TOLERANCE)


def test_views_do_not_see_each_other_in_single_image_mode_and_do_in_multiview_mode(tiny, trained, real_plan):
    model = trained(tiny)
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    changed = x.clone()
    changed[:, 1] += 1.0
    for mode, shared in [("single", False), ("multiview", True)]:
        before = model(x, t, text, mode=mode, plan=real_plan(model))
        after = model(changed, t, text, mode=mode, plan=real_plan(model))
        assert torch.equal(before[:, 0], after[:, 0]) is not shared
        assert not torch.equal(before[:, 1], after[:, 1])


def test_a_mixed_batch_equals_separate_runs(tiny, trained):
    model = trained(tiny)
    x, t, grid_text, real_text = tiny.latents(5), tiny.times(5), tiny.text(2), tiny.text(3, 4, seed=9)
    rng = torch.Generator().manual_seed(3)
    domains = ["synthetic"] * 2 + ["real"] * 3
    plan = DomainPlan.train(domains, model.n_blocks, reassign_p=0.7, rng=rng)
    mixed = model(x, t, (grid_text, real_text), mode="mixed", n_grid=2, plan=plan)

    def part(start: int, stop: int) -> DomainPlan:
        return DomainPlan(plan.domains[:, :, start:stop])

    grids = model(x[:2], t[:2], grid_text, mode="multiview", plan=part(0, 2))
    reals = model(x[2:], t[2:], real_text, mode="single", plan=part(2, 5))
    torch.testing.assert_close(mixed, torch.cat([grids, reals]), **TOLERANCE)


def test_a_text_per_view_reaches_its_view(tiny, trained, real_plan):
    model = trained(tiny)
    x, t = tiny.latents(1), tiny.times(1)
    text = tiny.text(1, 4)
    together = model(x, t, text, mode="single", plan=real_plan(model))
    shared = model(x, t, text.of_view(2), mode="single", plan=real_plan(model))
    torch.testing.assert_close(together[:, 2], shared[:, 2], **TOLERANCE)
    assert not torch.allclose(together[:, 0], shared[:, 0], **TOLERANCE)


def test_sanas_convolution_does_not_leak_between_views_of_a_grid(tiny_hosts):
    tiny = tiny_hosts["sana"]
    transformer = tiny.transformer()
    for block in transformer.transformer_blocks:  # without self-attention nothing may cross a view's edge
        torch.nn.init.zeros_(block.attn1.to_out[0].weight)
    model = MultiviewModel.wrap(transformer)
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    changed = x.clone()
    changed[:, 1] += 1.0
    assert torch.equal(model(x, t, text)[:, [0, 2, 3]], model(changed, t, text)[:, [0, 2, 3]])


def test_the_shift_is_added_to_the_image_tokens_of_the_block_that_the_plan_names(tiny, trained):
    model = trained(tiny)
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    seen: list[torch.Tensor] = []

    def spy(block: Any, args: Any, kwargs: Any) -> None:
        seen.append((args[0] if args else kwargs["hidden_states"]).mean(dim=1))

    def inputs(domains: list[list[int]]) -> list[torch.Tensor]:
        """What enters each block, (samples, d), under a plan of (blocks, samples)."""
        seen.clear()
        model(x, t, text, plan=DomainPlan(torch.tensor([domains])))
        return list(seen)

    handles = [block.register_forward_pre_hook(spy, with_kwargs=True) for block in model.host.blocks]
    plain = [[1, 0] for _ in range(model.n_blocks)]
    usual, table = inputs(plain), model.shifters.table()
    for block in range(model.n_blocks):
        changed = inputs([[0, 0] if at == block else row for at, row in enumerate(plain)])
        for before in range(block):
            torch.testing.assert_close(changed[before], usual[before], **TOLERANCE)
        moved = table[block][0] - table[block][1]
        torch.testing.assert_close(changed[block][0] - usual[block][0], moved, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(changed[block][1], usual[block][1], **TOLERANCE)
    for handle in handles:
        handle.remove()


def test_attach_after_compile_is_refused(tiny_hosts):
    model = MultiviewModel.wrap(tiny_hosts["dit"].transformer())
    shifters = DomainShifters.for_model(model)
    model.compile_blocks(backend="eager")
    for late in (lambda: model.attach(shifters), model.unwrap, model.detach_shifters):
        with pytest.raises(OutOfOrder, match="compiled already"):
            late()
    whole = tiny_hosts["dit"].transformer()
    whole.compile(backend="eager")
    with pytest.raises(OutOfOrder, match="compiled already"):
        MultiviewModel.wrap(whole)


@pytest.mark.parametrize("name", ["pixart", "sd3"])
def test_compiled_blocks_follow_the_plan_and_share_their_graphs(tiny_hosts, trained, name):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    tiny = tiny_hosts[name]
    model, eager = trained(tiny), trained(tiny)
    counter = CompileCounter()
    model.compile_blocks(backend=counter, fullgraph=True)
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    plans = [DomainPlan.train(["real", "synthetic"], 4, reassign_p=p, rng=torch.Generator()) for p in (0.0, 1.0)]
    with torch.no_grad():
        for plan in plans:
            torch.testing.assert_close(model(x, t, text, plan=plan), eager(x, t, text, plan=plan), **TOLERANCE)
    # the hook is one graph for all blocks, and every kind of block one: SD3 has dual-attention, plain and last blocks
    assert counter.frame_count == 1 + {"pixart": 1, "sd3": 3}[name]


def test_a_host_called_directly_says_so(tiny_hosts, trained):
    tiny = tiny_hosts["pixart"]
    model = trained(tiny, control_channels=0)
    with pytest.raises(OutOfOrder, match="outside of a forward"):
        base_forward(tiny, model.transformer, tile(tiny.latents(1), (2, 2)), tiny.times(1), tiny.text(1))
    with pytest.raises(OutOfOrder, match="wrapped already"):
        MultiviewModel.wrap(model.transformer)


def test_unwrap_gives_the_host_back(tiny):
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    untouched = base_forward(tiny, tiny.transformer(), x[:, 0], t, text)
    model = MultiviewModel.wrap(tiny.transformer(), control_channels=0)
    model.attach(DomainShifters.for_model(model))
    torch.testing.assert_close(base_forward(tiny, model.unwrap(), x[:, 0], t, text), untouched, **TOLERANCE)


def test_a_deep_copy_is_a_model_of_its_own(tiny, trained, real_plan):
    """Averaged weights are kept in copies."""
    model = trained(tiny)
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1, 4)
    expected = model(x, t, text, mode="single", plan=real_plan(model), stop=[1])
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    got = twin(x, t, text, mode="single", plan=real_plan(twin), stop=[1])
    torch.testing.assert_close(got, expected, **TOLERANCE)
    got.sum().backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    with torch.no_grad():
        torch.testing.assert_close(twin(x, t, text, mode="single", plan=real_plan(twin)), expected, **TOLERANCE)


def test_the_config_wraps_a_saved_model_again(tiny, trained, real_plan, tmp_path):
    model = trained(tiny, position_mode="view")
    with torch.no_grad():
        model.host.projection.weight.normal_()  # the control columns too
    model.transformer.save_pretrained(tmp_path / "transformer")
    model.shifters.save_pretrained(tmp_path / "shifters")
    config = json.loads(json.dumps(model.config()))

    again = MultiviewModel.wrap(type(model.transformer).from_pretrained(tmp_path / "transformer"), **config)
    again.attach(DomainShifters.from_pretrained(tmp_path / "shifters"))
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    maps = torch.randn(1, 4, 8, tiny.side, tiny.side)
    for mode in ("single", "multiview"):
        expected = model(x, t, text, maps, mode=mode, plan=real_plan(model))
        got = again.eval()(x, t, text, maps, mode=mode, plan=real_plan(again))
        torch.testing.assert_close(got, expected, **TOLERANCE)


def test_lora_lives_beside_the_shifters(tiny, trained, real_plan):
    peft = pytest.importorskip("peft")
    model = trained(tiny)
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    before = model(x, t, text, plan=real_plan(model))
    config = peft.LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v"], init_lora_weights=True)
    peft.inject_adapter_in_model(config, model.transformer)
    model.eval()
    torch.testing.assert_close(model(x, t, text, plan=real_plan(model)), before, atol=0, rtol=0)

    from peft.tuners.lora import LoraLayer

    layers = [module for module in model.transformer.modules() if isinstance(module, LoraLayer)]
    with torch.no_grad():
        for layer in layers:
            layer.lora_B["default"].weight.normal_()
    with_lora = model(x, t, text, plan=real_plan(model))
    assert not torch.allclose(with_lora, before)
    other = model(x, t, text, plan=DomainPlan.constant("synthetic", model.n_blocks))
    assert not torch.allclose(with_lora, other)
    for layer in layers:
        layer.enable_adapters(False)
    torch.testing.assert_close(model(x, t, text, plan=real_plan(model)), before, atol=0, rtol=0)


def test_mistakes_are_named(tiny_hosts, trained, real_plan):
    tiny = tiny_hosts["pixart"]
    model = trained(tiny)
    x, t, text, plan = tiny.latents(2), tiny.times(2), tiny.text(2), real_plan(model)
    bad_calls: list[tuple[str, Any]] = [
        ("no plan says", lambda: model(x, t, text)),
        ("latents of shape", lambda: model(x[:, :3], t, text, plan=plan)),
        ("patch size", lambda: model(x[..., :7], t, text, plan=plan)),
        ("one text per sample", lambda: model(x, t, tiny.text(2, 4), plan=plan)),
        ("3 texts for 2 samples", lambda: model(x, t, tiny.text(3), plan=plan)),
        ("mode='folded'", lambda: model(x, t, text, mode="folded", plan=plan)),
        ("only a mixed batch", lambda: model(x, t, text, mode="mixed", n_grid=1, plan=plan)),
        ("n_grid=2", lambda: model(x, t, (text, text), mode="mixed", n_grid=2, plan=plan)),
        ("plan for 3 samples", lambda: model(x, t, text, plan=DomainPlan.train(["real"] * 3, 4))),
        ("plan for 5 blocks", lambda: model(x, t, text, plan=DomainPlan.constant("real", 5))),
        ("where one step runs", lambda: model(x, t, text, plan=DomainPlan.inference(4, [999, 500]))),
        ("stop of shape", lambda: model(x, t, text, plan=plan, stop=[1])),
        ("last block must train", lambda: model(x, t, text, plan=plan, stop=[3, 3])),
        ("control maps of shape", lambda: model(x, t, text, x, plan=plan)),
        ("blocks of width", lambda: model.attach(DomainShifters(n_blocks=4, dim=8))),
    ]
    for message, call in bad_calls:
        with pytest.raises(UsageError, match=message):
            call()
    with pytest.raises(HostRefused, match="square"):
        MultiviewModel.wrap(tiny_hosts["dit"].transformer(), views=(1, 4))
