"""The registry: who is described, who is refused and why."""

from __future__ import annotations

import dataclasses
from typing import Any

import diffusers
import pytest
import torch

from realiz3d.errors import HostRefused
from realiz3d.hosts import HOSTS, REFUSED, host_for
from realiz3d.hosts.base import Window, pack_latents, unpack_latents, window_rows
from realiz3d.multiview import MultiviewModel
from realiz3d.tiling import spread, tile, untile, untile_tokens


def test_every_name_is_a_diffusers_class():
    for name in [*HOSTS, *REFUSED]:
        assert isinstance(getattr(diffusers, name), type), name


def test_what_the_hosts_say_about_themselves(tiny):
    host = host_for(tiny.transformer())
    assert len(host.blocks) == 4
    assert host.in_channels == tiny.channels
    assert host.dim == {"pixart": 24, "flux": 32, "qwen": 32}.get(tiny.name, 16)
    assert host.patch == {"sana": 1}.get(tiny.name, 2)
    assert host.objective == ("epsilon" if tiny.name in ("pixart", "dit") else "flow")
    assert host.text_stream is (tiny.name in ("sd3", "flux", "qwen"))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refusals_give_the_reason(name):
    network = getattr(diffusers, name).__new__(getattr(diffusers, name))
    with pytest.raises(HostRefused) as refusal:
        host_for(network)
    assert REFUSED[name] in str(refusal.value) and "PixArtTransformer2DModel" in str(refusal.value)


def test_unknown_networks_and_wrappers_get_a_hint(tiny_hosts):
    class DiTTransformer2DModell(torch.nn.Module):
        """A misspelt name."""

    with pytest.raises(HostRefused, match="did you mean 'DiTTransformer2DModel'"):
        host_for(DiTTransformer2DModell())
    with pytest.raises(HostRefused, match="wrap the transformer first, then compile"):
        MultiviewModel.wrap(torch.compile(tiny_hosts["dit"].transformer(), backend="eager"))
    peft = pytest.importorskip("peft")
    lora = peft.get_peft_model(tiny_hosts["dit"].transformer(), peft.LoraConfig(r=2, target_modules=["to_q"]))
    with pytest.raises(HostRefused, match="inject_adapter_in_model"):
        MultiviewModel.wrap(lora)


def test_a_subclass_of_a_host_is_a_host(tiny_hosts):
    transformer = tiny_hosts["pixart"].transformer()
    transformer.__class__ = type("MyPixArt", (type(transformer),), {})
    assert host_for(transformer).name == "MyPixArt"


def test_editing_variants_of_qwen_image_are_refused(tiny_hosts):
    transformer = tiny_hosts["qwen"].transformer()
    transformer.register_to_config(zero_cond_t=True)
    with pytest.raises(HostRefused, match="zero_cond_t"):
        MultiviewModel.wrap(transformer)


def test_pixart_sees_the_size_of_the_grid_in_both_modes(tiny_hosts):
    """Checkpoints with sample_size=128 are conditioned on resolution and aspect ratio."""
    tiny = tiny_hosts["pixart"]
    torch.manual_seed(0)
    transformer = diffusers.PixArtTransformer2DModel(
        num_layers=2, num_attention_heads=2, attention_head_dim=12, cross_attention_dim=24, in_channels=4,
        sample_size=128, caption_channels=16, norm_num_groups=1,
    )  # fmt: skip
    seen: list[dict[str, Any]] = []
    transformer.register_forward_pre_hook(
        lambda _m, _a, kwargs: seen.append(kwargs["added_cond_kwargs"]), with_kwargs=True
    )
    for position_mode, expected in [("grid", 128.0), ("view", 64.0)]:
        model = MultiviewModel.wrap(transformer, control_channels=0, position_mode=position_mode)
        model(tiny.latents(2), tiny.times(2), tiny.text(2))
        model(tiny.latents(2), tiny.times(2), tiny.text(2), mode="single")
        grid, single = seen[-2:]
        assert grid["resolution"].tolist() == [[128.0, 128.0]] * 2
        assert single["resolution"].tolist() == [[expected, expected]] * 8
        assert single["aspect_ratio"].tolist() == [[1.0]] * 8
        model.unwrap()


def test_guidance_distilled_hosts_read_the_guidance_scale(tiny_hosts):
    for name in ("flux", "sana"):
        tiny = tiny_hosts[name]
        torch.manual_seed(0)
        config = {name: value for name, value in tiny.transformer().config.items() if name[0] != "_"}
        transformer = type(tiny.transformer())(**{**config, "guidance_embeds": True}).eval()
        for parameter in transformer.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        model = MultiviewModel.wrap(transformer, control_channels=0)
        text = tiny.text(1)
        outputs = [
            model(tiny.latents(1), tiny.times(1), dataclasses.replace(text, guidance=scale)) for scale in (1.0, 4.0)
        ]
        assert not torch.allclose(*outputs), name


def test_tiling_puts_view_v_in_row_v_over_columns():
    views = torch.arange(6.0)[None, :, None, None, None].expand(1, 6, 1, 1, 2)
    grid = tile(views, (2, 3))
    assert grid[0, 0].tolist() == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]
    random = torch.randn(2, 6, 3, 4, 5)
    assert torch.equal(untile(tile(random, (2, 3)), (2, 3)), random)
    tokens = tile(random, (2, 3)).flatten(2).transpose(1, 2)
    assert torch.equal(untile_tokens(tokens, (2, 3), (8, 15)), random.flatten(3).transpose(2, 3))
    vectors = torch.randn(2, 6, 7)
    assert torch.equal(untile_tokens(spread(vectors, (2, 3), (4, 5)), (2, 3), (8, 15))[:, :, 11], vectors)


def test_packing_is_that_of_the_flux_pipeline():
    pictures = torch.randn(2, 4, 6, 8)
    expected = diffusers.FluxPipeline._pack_latents(pictures, 2, 4, 6, 8)
    assert torch.equal(pack_latents(pictures, 2), expected)
    assert torch.equal(unpack_latents(expected, 2, (6, 8)), pictures)


def test_window_rows_are_the_tokens_of_one_view():
    numbers = torch.arange(24.0).reshape(1, 1, 4, 6)
    for view in range(6):
        rows = window_rows(Window((2, 3), view), (2, 2), torch.device("cpu"))
        assert numbers.flatten()[rows].tolist() == untile(numbers, (2, 3))[0, view].flatten().tolist()
