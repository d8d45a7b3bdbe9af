"""The shifters as a module: values, precision, files."""

from __future__ import annotations

import json

import pytest
import torch

import realiz3d
from realiz3d.shifters import DomainShifters


def random_shifters() -> DomainShifters:
    torch.manual_seed(0)
    shifters = DomainShifters(n_blocks=3, dim=10, rank=4)
    torch.nn.init.normal_(shifters.left)
    return shifters


def test_the_table_is_w_left_w_right_e():
    shifters = random_shifters()
    table = shifters.table()
    assert table.shape == (3, 2, 10)
    for block in range(3):
        for domain in range(2):
            expected = shifters.left[block] @ (shifters.right[block] @ shifters.embed[block, domain])
            torch.testing.assert_close(table[block, domain], expected)


def test_fresh_shifters_add_nothing_and_can_learn():
    shifters = DomainShifters(n_blocks=3, dim=10)
    assert not shifters.table().any()
    assert shifters.right.any() and shifters.embed.any()
    assert shifters.config.rank == 8


def test_they_fit_the_model(tiny, trained):
    model = trained(tiny)
    assert model.shifters.embed.shape == (4, 2, model.dim)


def test_they_stay_in_float32_whatever_they_are_cast_to(tmp_path):
    shifters = random_shifters()
    before = {name: value.clone() for name, value in shifters.state_dict().items()}
    for cast in (lambda m: m.to(torch.bfloat16), lambda m: m.half(), lambda m: torch.nn.Sequential(m).bfloat16()):
        cast(shifters)
    assert all(torch.equal(value, before[name]) for name, value in shifters.state_dict().items())
    with torch.autocast("cpu", torch.bfloat16):
        assert shifters().dtype == torch.float32
        assert torch.equal(shifters(), shifters.table())
    shifters.save_pretrained(tmp_path)
    loaded = DomainShifters.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert all(torch.equal(value, before[name]) for name, value in loaded.state_dict().items())


def test_they_run_in_a_bfloat16_model(tiny_hosts, trained, real_plan):
    tiny = tiny_hosts["pixart"]
    model = trained(tiny)
    model.to(torch.bfloat16)
    out = model(
        tiny.latents(1).bfloat16(), tiny.times(1), tiny.text(1).to("cpu", torch.bfloat16), plan=real_plan(model)
    )
    assert out.dtype == torch.bfloat16 and model.shifters.left.dtype == torch.float32


def test_the_file_is_safetensors_with_three_tensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    random_shifters().save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "diffusion_pytorch_model.safetensors"]
    stored = safetensors.load_file(tmp_path / "diffusion_pytorch_model.safetensors")
    assert sorted(stored) == ["embed", "left", "right"]
    assert json.loads((tmp_path / "config.json").read_text())["_class_name"] == "DomainShifters"


def test_a_pipeline_records_them_under_the_package_name():
    from diffusers.pipelines.pipeline_loading_utils import _fetch_class_library_tuple

    from realiz3d.control import ViewpointControl

    assert _fetch_class_library_tuple(random_shifters()) == ("realiz3d", "DomainShifters")
    assert _fetch_class_library_tuple(ViewpointControl(dim=4)) == ("realiz3d", "ViewpointControl")
    assert realiz3d.DomainShifters is DomainShifters and realiz3d.ViewpointControl is ViewpointControl


def test_every_exported_name_exists_and_others_do_not():
    assert all(hasattr(realiz3d, name) for name in realiz3d.__all__)
    with pytest.raises(AttributeError, match="DomainShifter'"):
        _ = realiz3d.DomainShifter
