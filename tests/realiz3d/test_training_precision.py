"""bfloat16 where a processor has it; float32, told and on record, where it would only be imitated."""

from __future__ import annotations

import json
import platform
import warnings
from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("diffusers")

from training_worlds import moved, tiny_config, weights, write_world

from groundwork.notes import Note
from realiz3d.training.precision import computed_in
from realiz3d.training.run import train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def processor(monkeypatch: pytest.MonkeyPatch, machine: str, capability: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)


@pytest.mark.parametrize(
    ("machine", "capability", "expected"),
    [
        ("x86_64", "AVX2", "float32"),
        ("AMD64", "DEFAULT", "float32"),
        ("x86_64", "AVX512", "bfloat16"),
        ("aarch64", "DEFAULT", "bfloat16"),  # nothing has been measured there
    ],
)
def test_what_a_processor_computes_in(monkeypatch, machine, capability, expected):
    processor(monkeypatch, machine, capability)
    assert computed_in("bfloat16", CPU) == expected
    assert computed_in("float32", CPU) == "float32"
    assert computed_in("bfloat16", torch.device("cuda")) == "bfloat16"


def test_a_training_that_would_imitate_bfloat16_is_one_in_float32(world, tmp_path, monkeypatch):
    processor(monkeypatch, "x86_64", "AVX2")
    made = {}
    for wanted in ("float32", "bfloat16"):
        config = tiny_config(world, optimisation={"precision": wanted}, steps=(1, 2, 2))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            made[wanted] = weights(train(config, tmp_path / wanted, device="cpu"))
        notes = [str(one.message) for one in told if one.category is Note]
        assert any("imitate" in note for note in notes) == (wanted == "bfloat16")
        assert json.loads((tmp_path / wanted / "training.json").read_text())["precision"] == "float32"
    assert moved(made["float32"], made["bfloat16"]) == set()


def test_a_run_that_goes_on_in_another_precision_says_so(world, tmp_path, monkeypatch):
    config = tiny_config(world, optimisation={"precision": "bfloat16"}, steps=(1, 2, 2))
    processor(monkeypatch, "x86_64", "AVX2")
    train(config, tmp_path, device="cpu")
    processor(monkeypatch, "x86_64", "AVX512")
    with pytest.warns(Note, match="was computed in float32 on another kind of machine; it goes on in bfloat16"):
        train(config, tmp_path, device="cpu", from_step=3)


def test_where_a_processor_has_bfloat16_it_is_used(world, tmp_path, monkeypatch):
    processor(monkeypatch, "x86_64", "AVX512")
    made = {}
    for wanted in ("float32", "bfloat16"):
        config = tiny_config(world, optimisation={"precision": wanted}, steps=(1, 2, 2))
        made[wanted] = weights(train(config, tmp_path / wanted, device="cpu"))
        assert json.loads((tmp_path / wanted / "training.json").read_text())["precision"] == wanted
    assert moved(made["float32"], made["bfloat16"])
