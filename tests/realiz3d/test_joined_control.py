"""Control: nothing changes at the start, everything can be learnt, and files keep it."""

from __future__ import annotations

import diffusers
import pytest
import torch

from realiz3d.control import Control, ViewpointControl, join_maps
from realiz3d.errors import UsageError
from realiz3d.latents import decode_views, encode_control, encode_views
from realiz3d.multiview import MultiviewModel

TOLERANCE = {"atol": 2e-6, "rtol": 1e-5}


def maps(tiny, batch: int = 2, channels: int = 8) -> torch.Tensor:
    rng = torch.Generator().manual_seed(11)
    return torch.randn(batch, 4, channels, tiny.side, tiny.side, generator=rng)


def test_a_widened_model_equals_its_base_for_any_control(tiny):
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    base = MultiviewModel.wrap(tiny.transformer(), control_channels=0)
    wide = MultiviewModel.wrap(tiny.transformer(), control_channels=8)
    for mode in ("multiview", "single"):
        expected = base(x, t, text, mode=mode)
        for control in (None, maps(tiny), Control(maps=maps(tiny), given=torch.tensor([True, False]))):
            torch.testing.assert_close(wide(x, t, text, control, mode=mode), expected, **TOLERANCE)


def test_control_and_its_absence_can_be_learnt(tiny):
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    model = MultiviewModel.wrap(tiny.transformer(), control_channels=8)
    weight = model.host.projection.weight
    columns = tiny.channels * model.host.pack**2
    model(x, t, text, maps(tiny)).square().sum().backward()
    flag = slice((tiny.channels + 8) * model.host.pack**2, None)
    assert weight.grad[:, columns : flag.start].abs().sum() > 0
    assert not weight.grad[:, flag].any()  # nobody lacked control
    weight.grad = None
    model(x, t, text).square().sum().backward()
    assert not weight.grad[:, columns : flag.start].any()
    assert weight.grad[:, flag].abs().sum() > 0


def test_what_stands_in_the_maps_of_a_sample_without_control_does_not_matter(tiny_hosts):
    tiny = tiny_hosts["pixart"]
    model = MultiviewModel.wrap(tiny.transformer())
    torch.nn.init.normal_(model.host.projection.weight)
    x, t, text, given = tiny.latents(2), tiny.times(2), tiny.text(2), torch.tensor([True, False])
    shown = maps(tiny)
    first = model(x, t, text, Control(maps=shown, given=given))
    shown[1] = float("nan")
    assert torch.equal(model(x, t, text, Control(maps=shown, given=given)), first)
    torch.testing.assert_close(model(x[1:], t[1:], text.samples(slice(1, 2))), first[1:], **TOLERANCE)
    assert not torch.allclose(model(x, t, text, shown.nan_to_num())[1], first[1])


def test_the_channels_are_latents_maps_flag(tiny_hosts):
    tiny = tiny_hosts["pixart"]
    x, shown = tiny.latents(2), maps(tiny)
    joined = join_maps(x, Control(maps=shown, given=torch.tensor([True, False])), 8)
    assert torch.equal(joined[:, :, :4], x) and torch.equal(joined[0, :, 4:12], shown[0])
    assert not joined[1, :, 4:12].any() and not joined[0, :, 12].any() and (joined[1, :, 12] == 1).all()


def test_a_widened_transformer_survives_its_file(tiny, tmp_path):
    model = MultiviewModel.wrap(tiny.transformer())
    torch.nn.init.normal_(model.host.projection.weight)
    model.transformer.save_pretrained(tmp_path)
    loaded, info = type(model.transformer).from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    assert loaded.config.in_channels == 13 * model.host.pack**2
    again = MultiviewModel.wrap(loaded.eval(), latent_channels=4)
    x, t, text = tiny.latents(2), tiny.times(2), tiny.text(2)
    torch.testing.assert_close(again(x, t, text, maps(tiny)), model(x, t, text, maps(tiny)), **TOLERANCE)
    with pytest.raises(UsageError, match="latent_channels"):
        MultiviewModel.wrap(again.unwrap(), control_channels=4, latent_channels=4)
    with pytest.raises(UsageError, match="widened before"):
        MultiviewModel.wrap(loaded, control_channels=0, latent_channels=4)


def test_widening_keeps_dtype_and_trainability(tiny):
    transformer = tiny.transformer().to(torch.bfloat16).requires_grad_(False)
    layer = MultiviewModel.wrap(transformer).host.projection
    assert layer.weight.dtype == torch.bfloat16 and not layer.weight.requires_grad


# --- viewpoints ---


def viewpoints(batch: int = 1) -> torch.Tensor:
    azimuths = torch.tensor([0.0, 90.0, 180.0, 270.0]).deg2rad()
    return torch.stack([azimuths, torch.zeros(4)], dim=-1).expand(batch, 4, 2)


def test_fresh_viewpoints_change_nothing_and_trained_ones_reach_their_view_only(tiny):
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    model = MultiviewModel.wrap(tiny.transformer(), control_channels=0)
    plain = {mode: model(x, t, text, mode=mode) for mode in ("multiview", "single")}
    model.attach(ViewpointControl.for_model(model))
    control = Control(viewpoints=viewpoints())
    for mode, expected in plain.items():
        assert torch.equal(model(x, t, text, control, mode=mode), expected)

    torch.nn.init.normal_(model.viewpoints.embed.weight)
    turned = viewpoints().clone()
    turned[0, 2, 0] += 1.0
    before = model(x, t, text, control, mode="single")
    after = model(x, t, text, Control(viewpoints=turned), mode="single")
    assert torch.equal(before[:, [0, 1, 3]], after[:, [0, 1, 3]]) and not torch.allclose(before[:, 2], after[:, 2])
    grid = [model(x, t, text, c) for c in (control, Control(viewpoints=turned), None)]
    assert not torch.allclose(grid[0], grid[1]) and not torch.allclose(grid[0], grid[2])


def test_viewpoints_are_periodic_told_apart_and_nothing_when_absent():
    torch.manual_seed(0)
    embedding = ViewpointControl(dim=6)
    torch.nn.init.normal_(embedding.embed.weight)
    here = torch.tensor([True])
    vectors = embedding(viewpoints(), here)
    torch.testing.assert_close(embedding(viewpoints() + 2 * torch.pi, here), vectors, atol=1e-4, rtol=1e-4)
    distances = torch.cdist(vectors[0], vectors[0]) + 10 * torch.eye(4)
    assert distances.min() > 0.5
    absent = embedding(viewpoints(), torch.tensor([False]))
    torch.testing.assert_close(absent[0], embedding.embed.weight[:, -1].expand(4, 6))


def test_viewpoint_mistakes_are_named(tiny_hosts, tmp_path):
    tiny = tiny_hosts["pixart"]
    model = MultiviewModel.wrap(tiny.transformer(), control_channels=0)
    x, t, text = tiny.latents(1), tiny.times(1), tiny.text(1)
    with pytest.raises(UsageError, match="without viewpoint control"):
        model(x, t, text, Control(viewpoints=viewpoints()))
    with pytest.raises(UsageError, match="without control channels"):
        model(x, t, text, maps(tiny, 1))
    with pytest.raises(UsageError, match="width"):
        model.attach(ViewpointControl(dim=3))
    ViewpointControl.for_model(model).save_pretrained(tmp_path)
    model.attach(ViewpointControl.from_pretrained(tmp_path))
    with pytest.raises(UsageError, match="viewpoints of shape"):
        model(x, t, text, Control(viewpoints=viewpoints(2)))


# --- latents ---


def tiny_vaes():
    torch.manual_seed(0)
    yield diffusers.AutoencoderKL(
        block_out_channels=(4, 4), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=2, scaling_factor=0.5, shift_factor=0.1,
    )  # fmt: skip
    yield diffusers.AutoencoderDC(
        in_channels=3, latent_channels=4, attention_head_dim=2, encoder_block_types=("ResBlock",) * 2,
        decoder_block_types=("ResBlock",) * 2, encoder_block_out_channels=(4, 4), decoder_block_out_channels=(4, 4),
        encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), encoder_qkv_multiscales=((), ()),
        decoder_qkv_multiscales=((), ()), upsample_block_type="interpolate", downsample_block_type="stride_conv",
        decoder_norm_types="rms_norm", decoder_act_fns="silu", scaling_factor=0.41407,
    )  # fmt: skip
    yield diffusers.AutoencoderKLQwenImage(
        base_dim=4, z_dim=4, dim_mult=[1, 1], num_res_blocks=1, temperal_downsample=[False],
        latents_mean=[0.1, 0.2, 0.3, 0.4], latents_std=[1.0, 2.0, 3.0, 4.0],
    )  # fmt: skip


def test_encoding_and_decoding_follow_each_autoencoders_scaling():
    for vae in tiny_vaes():
        vae.eval()
        pictures = torch.rand(2, 3, 3, 16, 16) * 2 - 1
        latents = encode_views(vae, pictures, chunk=4)
        one = pictures[1, 2][None]
        config = vae.config
        with torch.no_grad():
            if isinstance(vae, diffusers.AutoencoderKL):
                expected = (vae.encode(one).latent_dist.mean - 0.1) * 0.5
                back = vae.decode(expected / 0.5 + 0.1).sample
            elif isinstance(vae, diffusers.AutoencoderDC):
                expected = vae.encode(one).latent * config.scaling_factor
                back = vae.decode(expected / config.scaling_factor).sample
            else:
                mean, std = (torch.tensor(v)[:, None, None, None] for v in (config.latents_mean, config.latents_std))
                expected = ((vae.encode(one[:, :, None]).latent_dist.mean - mean) / std)[:, :, 0]
                back = vae.decode(expected[:, :, None] * std + mean).sample[:, :, 0]
        torch.testing.assert_close(latents[1, 2][None], expected, **TOLERANCE)
        torch.testing.assert_close(decode_views(vae, latents)[1, 2][None], back, atol=1e-5, rtol=1e-4)
        both = encode_control(vae, pictures, -pictures)
        torch.testing.assert_close(both[:, :, :4], latents, **TOLERANCE)
        torch.testing.assert_close(both[:, :, 4:], encode_views(vae, -pictures), **TOLERANCE)


def test_sampled_latents_need_their_generator_and_pictures_their_five_axes():
    vae = next(tiny_vaes()).eval()
    pictures = torch.zeros(1, 2, 3, 16, 16)
    a, b = (encode_views(vae, pictures, rng=torch.Generator().manual_seed(s)) for s in (0, 0))
    assert torch.equal(a, b) and not torch.equal(a, encode_views(vae, pictures))
    with pytest.raises(UsageError, match="pictures of shape"):
        encode_views(vae, pictures[0])
