"""The rows of the paper's tables as configs: equal by construction in all that is not the method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from baseline_runs import METHODS, config_of

from groundwork.yaml_tree import parse
from realiz3d.errors import UsageError
from realiz3d.training import load_config, shipped_configs
from realiz3d.training.extends import merged
from realiz3d.training.registry import SHIPPED, method_settings

ROOMS = {name: file.parent.parent.name for name, file in shipped_configs().items()}
ROWS = sorted(name for name, room in ROOMS.items() if room == "baselines")
BASELINES = [name for name in ROWS if not name.startswith("text-")]
ABLATION = sorted(name for name in ROOMS if name.startswith("ablation-"))


def test_every_row_of_table_1_that_trains_has_a_config():
    ranked = ("lora", "linear-adapters", "domain-adapter", "spatial-adapter")
    wanted = {f"{name}-r{rank}" for name in ranked for rank in (32, 128)}
    wanted |= {"syn-only", "syn-real", "domain-switcher-joint", "domain-switcher-2stage"}
    assert set(BASELINES) == wanted
    for name in BASELINES:
        if "-r" in name and name != "syn-real":
            assert load_config(name).method.rank == int(name.rpartition("-r")[2])


@pytest.mark.parametrize("name", [*BASELINES, *ABLATION])
def test_a_config_differs_from_the_papers_setting_in_its_method_alone(name):
    ours, theirs = load_config("pixart-xl-512"), load_config(name)
    assert theirs.name == name
    for section in ("task", "seed", "base", "optimisation", "checkpoints", "logging"):
        assert getattr(ours, section) == getattr(theirs, section)
    assert ours.data.model_copy(update={"real": theirs.data.real}) == theirs.data
    assert (theirs.data.real is None) == (not theirs.method.learns_from_real())
    lines = shipped_configs()[name].read_text().splitlines()
    assert len(lines) <= 6


@pytest.mark.parametrize("name", BASELINES)
def test_phases_last_as_the_paper_says(name):
    phases = {phase.name: phase for phase in load_config(name).method.build(0).phases()}
    assert phases["control"].settings.length.epochs == 10
    assert phases["control"].settings.learning_rate == 5e-5
    assert "adapter" not in phases or phases["adapter"].settings.length.epochs == 3
    # a very short warm-up on real samples precedes what uses real data, and nothing else
    assert ("warmup" in phases) == load_config(name).method.learns_from_real()
    assert ("adapter" in phases) == name.startswith(("domain-adapter", "spatial-adapter", "domain-switcher-2"))


def test_table_2():
    rows = {int(name.split("-")[1]): load_config(name) for name in ABLATION}
    assert sorted(rows) == list(range(1, 9))

    def switches(number):
        method, sampling = rows[number].method, rows[number].sampling
        stage2 = method.stage2
        shifting = (sampling.block_frac, sampling.t_max) == (0.3, 950.0)
        assert shifting or (sampling.block_frac, sampling.t_max) == (0.0, None)
        return method.joint, stage2.real_data, stage2.layer_aware, stage2.reassignment, shifting

    # joint, real data at stage 2, layer-aware, reassignment, inference shifting
    assert switches(1) == (True, True, False, False, False)
    assert switches(2) == (False, False, False, False, False)
    assert switches(3) == (False, True, False, False, False)
    assert switches(4) == (False, True, False, False, True)
    assert switches(5) == (False, True, False, True, False)
    assert switches(6) == (False, True, False, True, True)
    assert switches(7) == (False, True, True, True, False)
    assert switches(8) == (False, True, True, True, True)
    # rows that differ in sampling alone share a training, and the last is the paper's method
    hashes = [rows[number].hash() for number in range(1, 9)]
    assert hashes[2] == hashes[3] and hashes[4] == hashes[5] and hashes[6] == hashes[7]
    assert len(set(hashes)) == 5
    assert hashes[7] == load_config("pixart-xl-512").hash()


@pytest.mark.parametrize("name", [*BASELINES, "pixart-xl-512"])
def test_a_row_of_table_3_is_that_of_table_1_with_another_task(name):
    """Base, budget, optimiser, method and real data are the same; the objects are rendered with LGM's cameras."""
    one, three = (load_config(found).model_dump() for found in (name, f"text-{name}"))
    assert (three.pop("name"), three.pop("task")) == (f"text-{name}", "text_to_multiview")
    assert (one.pop("name"), one.pop("task")) == (name, "texturing")
    assert three["data"]["synthetic"].pop("path").name == "objects-lgm"
    assert one["data"]["synthetic"].pop("path").name == "objects"
    assert one == three
    assert len(shipped_configs()[f"text-{name}"].read_text().splitlines()) <= 7


def test_table_3_has_every_row_that_trains():
    assert set(ROWS) == {*BASELINES, *(f"text-{name}" for name in BASELINES)}


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_methods_are_found_by_name(name):
    kind = method_settings(name)
    assert kind.model_fields["name"].default == name and kind().build(0).name == name


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_messages_point_into_the_methods_fields(tmp_path):
    file = write(tmp_path / "run.yaml", "extends: pixart-xl-512\nname: mine\nmethod:\n  name: lora\n  rnak: 3\n")
    with pytest.raises(UsageError, match="unknown key: 'rnak'") as caught:
        load_config(file)
    assert f"{file}:5" in caught.value.where and "rank" in caught.value.hint
    write(file, "extends: pixart-xl-512\nname: mine\nmethod: {name: loar}\n")
    with pytest.raises(UsageError, match="unknown method 'loar'") as caught:
        load_config(file)
    assert f"{file}:3" in caught.value.where and "did you mean 'lora'" in caught.value.hint
    write(file, "extends: pixart-xl-512\nname: mine\nmethod: {name: 'json:loads'}\n")
    with pytest.raises(UsageError, match="this is not a method"):
        load_config(file)


def test_a_method_of_ones_own_needs_no_registration(tmp_path, monkeypatch):
    source = (
        "from baselines.full_tuning import FullTuningSettings\n\n\nclass Mine(FullTuningSettings):\n    name: str\n"
        "    extra: int = 7\n"
    )
    write(tmp_path / "my_method_of_tests.py", source)
    monkeypatch.syspath_prepend(tmp_path)
    text = "extends: syn-only\nname: mine\nmethod: {name: 'my_method_of_tests:Mine', extra: 8}\n"
    config = load_config(write(tmp_path / "run.yaml", text))
    assert config.method.extra == 8
    # a checkpoint from anywhere must not choose which module is imported
    with pytest.raises(UsageError, match="unknown method"):
        method_settings("my_method_of_tests:Mine", registered_only=True)


def test_extending(tmp_path):
    write(tmp_path / "below.yaml", "extends: syn-real\nname: below\nmethod: {control: {length: {epochs: 2}}}\n")
    file = write(tmp_path / "above.yaml", "extends: below.yaml\nname: above\nmethod: {control: {length: {steps: 9}}}\n")
    config = load_config(file)
    assert (config.name, config.method.real_data) == ("above", True)
    assert (config.method.control.length.steps, config.method.control.length.epochs) == (9, None)
    write(tmp_path / "below.yaml", "extends: above.yaml\nname: below\n")
    with pytest.raises(UsageError, match="without end"):
        load_config(file)
    write(tmp_path / "below.yaml", "extends: [1]\nname: below\n")
    with pytest.raises(UsageError, match="'extends' names no config"):
        load_config(file)
    write(tmp_path / "below.yaml", "extends: syn-olny\nname: below\n")
    with pytest.raises(UsageError, match="there is no config"):
        load_config(file)


def extended(below: dict, above: dict) -> dict:
    trees = [parse(json.dumps(values), "x", Path(), UsageError)[0] for values in (below, above)]
    found = merged(*trees).plain()
    assert [tree.plain() for tree in trees] == [below, above]
    return found


def test_another_kind_replaces_a_section():
    below = {
        "method": {"name": "lora", "rank": 4},
        "base": {"text": {"encoder": "labels", "names": ["a"]}, "vae": None},
    }
    above = {"method": {"name": "full_tuning"}, "base": {"text": {"encoder": "pipeline"}}}
    assert extended(below, above) == {
        "method": {"name": "full_tuning"},
        "base": {"text": {"encoder": "pipeline"}, "vae": None},
    }
    assert extended(below, {"method": {"rank": 8}})["method"] == {"name": "lora", "rank": 8}


def test_methods_without_real_data_say_so_and_the_others_want_it(world):
    for method in METHODS.values():
        config = config_of(world, "pixart", method)
        data = config.model_dump(mode="json")["data"] | {"real": None}
        if config.method.learns_from_real():
            with pytest.raises(ValueError, match="learns from real pictures"):
                config_of(world, "pixart", method, data=data)
        else:
            assert config_of(world, "pixart", method, data=data).data.real is None
