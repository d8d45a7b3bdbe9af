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


@pytest.mark.parametrize(
    ("suite", "prefix", "elsewhere"), [("multiview-texturing", "", set()), ("text-to-multiview", "text-", {"trellis"})]
)
def test_tables_1_and_3_have_every_row_that_has_a_config(suite, prefix, elsewhere):
    loaded = load_suite(suite)
    entries = {entry.name: entry for entry in loaded.generators}
    baselines = {name for name, file in shipped_configs().items() if file.parent.parent.name == "baselines"}
    baselines = {name for name in baselines if not name.startswith("text-")}
    assert set(entries) == baselines | {"base", "sdedit", "realiz3d"} | elsewhere
    for name in baselines:
        assert config_behind(entries[name]).name == prefix + name
        assert config_behind(entries[name]).task == loaded.task
    assert config_behind(entries["realiz3d"]).name == f"{prefix}pixart-xl-512"
    assert entries["sdedit"].use == "sdedit" and config_behind(entries["sdedit"]).name == f"{prefix}syn-only"
    for name in elsewhere:
        assert entries[name].use == "textured_mesh" and entries[name].paper is not None


def test_table_2_samples_each_row_as_its_config_says():
    entries = [entry for entry in load_suite("ablation").generators if entry.name != "base"]
    assert [int(entry.name.split("-")[1]) for entry in entries] == list(range(1, 9))
    rows = {int(name.split("-")[1]): load_config(name) for name in shipped_configs() if name.startswith("ablation-")}
    for number, entry in enumerate(entries, 1):
        assert config_behind(entry).hash() == rows[number].hash()
        sampling = rows[number].sampling
        if entry.options.get("shifting", True):
            assert (entry.options["block_frac"], entry.options["t_max"]) == (sampling.block_frac, sampling.t_max)
        else:
            assert (sampling.block_frac, sampling.t_max) == (0.0, None)


@pytest.mark.parametrize("name", ["multiview-texturing", "ablation", "text-to-multiview"])
def test_rows_are_sampled_alike(name):
    suite = load_suite(name)
    for entry in suite.generators:
        if entry.name == "base" or entry.use == "textured_mesh":
            continue
        extra = set(entry.options) - {"checkpoint", "dtype", "prompt_suffix", "shifting", "block_frac", "t_max", "t"}
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


def test_published_numbers_and_trainings_stand_beside_measured_ones(trained, tmp_path):
    """In a report's texts, under their own headings, with the warning."""
    pytest.importorskip("transformers")
    from bench.cli import main

    run = trained("switcher_2stage", "pixart")
    (tmp_path / "suite.yaml").write_text(
        "name: tiny\nversion: 1\ntask: texturing\ncases: {source: miniworld, count: 2}\nviews: {resolution: 16}\n"
        "generators:\n"
        f"  - {{name: mine, use: realiz3d, checkpoint: '{run.last}', steps: 1, paper: {{table: 1, row: LoRA 32}}}}\n"
        "  - {name: floor, use: floor}\nmetrics: [silhouette_iou]\n"
    )
    assert main(["run", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "report" / "report.md").read_text()
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    numbers = "21.88 | 0.9012 | 0.1027 | 151.97 | 0.0157 | 204.80 | 0.0324 | 0.2682"
    assert f"| mine<br><sub>Table 1, LoRA 32</sub> | published | {numbers} |" in text
    assert "Not comparable: the published numbers" in text and "Nothing is known of the training of" not in text
    tex = (tmp_path / "out" / "report" / "tables.tex").read_text()
    assert numbers.replace("|", "&") in tex and "Not comparable: the published numbers" in tex
    for phase in run.trainer.progress.budgets:
        cost = f"{phase.trainable_parameters:,} | {phase.steps} | {phase.synthetic_samples} | {phase.real_samples}"
        assert f"| mine | {phase.phase} | {cost} |" in text
        assert rf"\quad {phase.phase} & {cost.replace('|', '&')} & " in tex
    assert ">Published numbers</h2>" in page and "151.97" in page and ">Training</h2>" in page
    assert "Trained on cpu." in text and "Trained on cpu." in page


@pytest.mark.parametrize(("name", "table"), [("multiview-texturing", 1), ("ablation", 2), ("text-to-multiview", 3)])
def test_every_row_that_a_suite_names_was_published(name, table):
    from bench.suite.paper_tables import published

    rows = published(table)
    named = [entry.paper for entry in load_suite(name).generators if entry.paper is not None]
    assert {paper.row for paper in named} == set(rows) and {paper.table for paper in named} == {table}


def test_a_row_that_the_paper_does_not_have_is_told(tmp_path):
    from bench.errors import SuiteError

    file = tmp_path / "suite.yaml"
    file.write_text(
        "name: tiny\nversion: 1\ntask: texturing\ncases: {source: miniworld}\nmetrics: [silhouette_iou]\ngenerators:\n"
        "  - {name: mine, use: floor, paper: {table: 1, row: LoRA 64}}\n"
    )
    with pytest.raises(SuiteError, match="Table 1 of the paper has no row 'LoRA 64'") as caught:
        load_suite(file)
    assert "did you mean 'LoRA 32'" in caught.value.hint or "did you mean 'LoRA 128'" in caught.value.hint
    assert f"{file}:7" in caught.value.where and caught.value.where.endswith("generators.mine.paper.row")


def test_a_checkpoint_that_paints_meshes_says_so_of_prompts(trained, tmp_path, capsys):
    pytest.importorskip("transformers")
    from bench.cli import main

    (tmp_path / "prompts.csv").write_text("case,prompt\nmug,a red mug\n")
    (tmp_path / "suite.yaml").write_text(
        "name: tiny\nversion: 1\ntask: text_to_multiview\ncases: {source: prompts, path: prompts.csv}\n"
        "views: {resolution: 16}\nmetrics: [hull_iou]\ngenerators:\n"
        f"  - {{name: mine, use: realiz3d, checkpoint: '{trained('syn_only', 'pixart').last}', steps: 1}}\n"
    )
    assert main(["run", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert "'mine' paints meshes, and case 'mug' is a prompt without one" in said
    assert "task: text_to_multiview" in said
