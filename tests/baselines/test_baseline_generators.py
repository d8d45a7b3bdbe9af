"""Checkpoints of compared methods as generators of a suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from baseline_runs import Run
from suite_pictures import generated

pytest.importorskip("transformers")


@pytest.mark.parametrize("method", ["syn_only", "lora", "linear_adapters", "spatial_adapter", "switcher_2stage"])
def test_any_method_is_a_generator(trained, tmp_path, method):
    run: Run = trained(method, "pixart")
    _, made = generated(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{run.trainer.out}', steps: 2}}")
    assert [views.shape for views in made] == [(4, 16, 16, 3)] * 2
    assert made[0].dtype == np.uint8 and float(made[0].std()) > 1


def test_the_fingerprint_knows_what_lies_beside_the_transformer(trained, tmp_path):
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    run: Run = trained("linear_adapters", "pixart")
    line = "{{name: mine, use: realiz3d, checkpoint: '{}', steps: 2}}"
    first = generated(tmp_path, line.format(run.last))
    other = Path(shutil.copytree(run.last, tmp_path / "other"))
    weights = next((other / "extras").rglob("*.safetensors"))
    save_file({name: value + torch.ones(()) for name, value in load_file(weights).items()}, weights)
    second = generated(tmp_path, line.format(other))
    assert first[0] != second[0]
    assert not np.array_equal(first[1][0], second[1][0])


def test_sdedit_redoes_the_checkpoints_pictures(trained, tmp_path):
    run: Run = trained("syn_only", "pixart")
    where = f"checkpoint: '{run.last}', steps: 4, guidance: 1"
    plain = generated(tmp_path, f"{{name: mine, use: realiz3d, {where}}}")
    redone = generated(tmp_path, f"{{name: mine, use: sdedit, {where}}}")
    further = generated(tmp_path, f"{{name: mine, use: sdedit, {where}, t: 800}}")
    assert len({plain[0], redone[0], further[0]}) == 3
    assert redone[1][0].shape == plain[1][0].shape
    assert not np.array_equal(redone[1][0], plain[1][0]) and not np.array_equal(redone[1][0], further[1][0])
