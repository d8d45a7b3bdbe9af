"""Configs: the paper's numbers, every ablation row, and mistakes that are named with their place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from realiz3d.errors import UsageError
from realiz3d.training import load_config, shipped_configs
from realiz3d.training.captions import WordVectors
from realiz3d.training.config import HashedWords
from realiz3d.training.realiz3d_method import Realiz3D, Realiz3DSettings
from realiz3d.training.section import Length

MINIMAL = """\
name: mine
base: {checkpoint: some/model}
data:
  synthetic: {path: objects}
  real: {path: photos}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", sorted(shipped_configs()))
def test_shipped_configs_are_valid(name):
    assert load_config(name).name == name


def test_defaults_are_the_papers(tmp_path):
    for config in (load_config(write(tmp_path, MINIMAL)), load_config("pixart-xl-512")):
        method, optimisation = config.method, config.optimisation
        assert (method.rank, method.stage2.tau, method.stage2.reassign_p) == (8, 0.4, 0.1)
        assert method.stage2.layer_aware and method.stage2.reassignment and method.stage2.real_data and not method.joint
        assert (method.stage1.length, method.stage2.length) == (Length(epochs=3), Length(epochs=10))
        assert method.stage1.learning_rate == method.stage2.learning_rate == method.warmup.learning_rate == 5e-5
        assert (optimisation.samples_per_step, optimisation.micro_batch) == (512, 8)
        assert (config.data.grid, config.data.resolution_px) == ((2, 2), 512)


@pytest.mark.parametrize(
    ("row", "settings", "phases"),
    [
        (1, {"joint": True, "stage2": {"layer_aware": False, "reassignment": False}}, ["warmup", "stage2"]),
        (
            2,
            {"stage2": {"real_data": False, "layer_aware": False, "reassignment": False}},
            ["warmup", "stage1", "stage2"],
        ),
        (3, {"stage2": {"layer_aware": False, "reassignment": False}}, ["warmup", "stage1", "stage2"]),
        (5, {"stage2": {"layer_aware": False}}, ["warmup", "stage1", "stage2"]),
        (7, {}, ["warmup", "stage1", "stage2"]),
    ],
)
def test_rows_of_the_ablation_are_configs(row, settings, phases):
    method = Realiz3D(Realiz3DSettings.model_validate(settings))
    assert [phase.name for phase in method.phases()] == phases
    assert method.phases()[-1].mix == ("synthetic" if row == 2 else "both")


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        (("data:", "data:\n  synthetik: 3"), "4: data.synthetik", "did you mean 'synthetic'"),
        (("name: mine", "name: mine\nmethod: {stage2: {layer_awareness: true}}"), "2: method.stage2.layer_awareness",
         "did you mean 'layer_aware'"),
        (("{path: photos}", "{path: photos, fit: croop}"), "5: data.real.fit", "did you mean 'crop'"),
        (("name: mine", "name: mine\ntask: painting"), "2: task", "texturing"),
        (("name: mine", "name: mine\noptimisation: {betas: [0.9, 1.9]}"), "2: optimisation.betas.1", "1.9"),
        (("name: mine", "name: mine\nname: other"), "2", "comes twice"),
        (("  real: {path: photos}\n", ""), "1", "data.real"),
        (("{checkpoint: some/model}", "{checkpoint: a/b, made: {transformer: X, config: {}}}"), "2: base",
         "exactly one of checkpoint and made"),
        (("{checkpoint: some/model}", "&x {checkpoint: some/model}"), "2", "anchors"),
        (("some/model", "!!python/object:os.system {}"), "2", "tag"),
        (("{path: objects}", "{path: objects, azimuths_deg: [0, 90]}"), "3: data", "4 numbers"),
        (("name: mine", "name: mine\nmethod: {stage1: {length: {epochs: 1, steps: 2}}}"), "2: method.stage1.length",
         "exactly one of epochs and steps"),
        (("{checkpoint: some/model}", "{checkpoint: some/model, text: {encoder: hashed_words, lenght_tokens: 3}}"),
         "2: base.text.lenght_tokens", "did you mean 'length_tokens'"),
        (("name: mine", "name: [mine"), "2", "not YAML"),
        (("name: mine", "seed: 1"), "1", "'name' is missing"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(tmp_path, change, where, message):
    path = write(tmp_path, MINIMAL.replace(*change))
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert f"{path}:{where}" in str(caught.value)
    assert message in str(caught.value)


def test_set_changes_fields_and_names_itself(tmp_path):
    path = write(tmp_path, MINIMAL)
    config = load_config(path, ["method.stage2.length.steps=7", "optimisation.ema_decay=9e-1", "data.cache=here"])
    assert config.method.stage2.length == Length(steps=7)
    assert config.optimisation.ema_decay == 0.9
    assert config.data.cache == Path.cwd() / "here"
    assert config.data.synthetic.path == tmp_path / "objects"
    with pytest.raises(UsageError, match=re.escape("--set optimisation.lr=3: optimisation.lr")):
        load_config(path, ["optimisation.lr=3"])
    with pytest.raises(UsageError, match="does not understand"):
        load_config(path, ["seed"])


def test_aliases_cannot_expand(tmp_path):
    bomb = "a: &a [x, x]\n" + "".join(f"b{i}: [*a, *a]\n" for i in range(9))
    with pytest.raises(UsageError, match="anchors and aliases"):
        load_config(write(tmp_path, bomb))


def test_unknown_configs_are_named(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'tiny-cpu'"):
        load_config("tiny-cpi")
    with pytest.raises(UsageError, match="there is no config"):
        load_config(tmp_path / "none.yaml")


def test_what_only_decides_speed_is_not_part_of_the_hash(tmp_path):
    path = write(tmp_path, MINIMAL)
    same = ["optimisation.micro_batch=4", "data.workers=0", "logging.tensorboard=true", "checkpoints.every_steps=5"]
    same += ["optimisation.compile=true", "optimisation.attention=math"]
    assert load_config(path, same).hash() == load_config(path).hash()
    assert load_config(path, ["seed=1"]).hash() != load_config(path).hash()


def test_words_keep_their_places_when_asked():
    one, other = "a red mug with a white handle", "a white mug with a red handle"
    for places in (False, True):
        words = WordVectors(HashedWords(width=16, length_tokens=8, places=places))
        bags = [sorted(map(tuple, entry["embeds"].tolist())) for entry in words.encode([one, other])]
        assert (bags[0] == bags[1]) is not places
