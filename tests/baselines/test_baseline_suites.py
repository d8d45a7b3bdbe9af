"""The shipped suites of the paper's tables: each row finds its training, and the base model answers as a reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.suite.load import load_suite
from realiz3d.training import load_config, shipped_configs


def config_behind(entry):
    """The config whose default output folder the entry reads."""
    name = Path(entry.options["checkpoint"]).name.removeprefix("train-")
    assert name in shipped_configs(), name
    return load_config(name)


def test_table_1_has_every_row_that_has_a_config():
    entries = {entry.name: entry for entry in load_suite("multiview-texturing").generators}
    baselines = {name for name, file in shipped_configs().items() if file.parent.parent.name == "baselines"}
    assert set(entries) == baselines | {"base", "sdedit", "realiz3d"}
    for name in baselines:
        assert config_behind(entries[name]).name == name
    assert config_behind(entries["realiz3d"]).method.name == "realiz3d"
    assert entries["sdedit"].use == "sdedit" and config_behind(entries["sdedit"]).name == "syn-only"


def test_table_2_samples_each_row_as_its_config_says():
    entries = [entry for entry in load_suite("ablation").generators if entry.name != "base"]
    assert [int(entry.name.split("-")[1]) for entry in entries] == list(range(1, 9))
    rows = {int(name.split("-")[1]): load_config(name) for name in shipped_configs() if name.startswith("ablation-")}
    for number, entry in enumerate(entries, 1):
        assert config_behind(entry).hash() == rows[number].hash()
        sampling = rows[number].sampling
        if entry.options.get("shifting", True):
            assert (entry.options["block_frac"], entry.options["t_min"]) == (sampling.block_frac, sampling.t_min)
        else:
            assert (sampling.block_frac, sampling.t_min) == (0.0, None)


@pytest.mark.parametrize("name", ["multiview-texturing", "ablation"])
def test_rows_are_sampled_alike(name):
    suite = load_suite(name)
    for entry in suite.generators:
        if entry.name == "base":
            continue
        extra = set(entry.options) - {"checkpoint", "dtype", "prompt_suffix", "shifting", "block_frac", "t_min", "t"}
        assert not extra and entry.options["dtype"] == "bfloat16"
        assert entry.options["prompt_suffix"] == ", highly photorealistic and detailed"
    assert suite.references["base"].generator == "base"


def test_the_base_model_answers_with_four_pictures_a_prompt(tmp_path):
    pytest.importorskip("transformers")
    import tiny_pipelines
    from suite_pictures import generated

    folder = tiny_pipelines.pixart(tmp_path / "pixart")
    _, made = generated(
        tmp_path, f"{{name: base, use: diffusers, path: '{folder}', steps: 2, call: {{num_images_per_prompt: 4}}}}"
    )
    assert made[0].shape == (4, 16, 16, 3) and float(made[0].std()) > 0
