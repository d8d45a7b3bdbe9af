"""docs/realiz3d.md and docs/guide.md: names that exist, defaults that are the paper's, commands that run as printed."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

DOCS = Path(__file__).parents[2] / "docs"


def mapped_names() -> list[str]:
    """`module.name` in the right column of the table that maps the paper to the code."""
    text = (DOCS / "realiz3d.md").read_text()
    table = text.split("## The paper, line by line")[1].split("\n## ")[0]
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
    return [name for cell in cells for name in re.findall(r"`([a-z_0-9]+(?:\.\w+)+)`", cell)]


def test_the_table_names_code_that_exists() -> None:
    names = mapped_names()
    assert len(names) > 25
    for name in names:
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            try:
                found = import_module(".".join(["realiz3d", *parts[:end]]))
            except ModuleNotFoundError:
                continue
            for attribute in parts[end:]:
                found = getattr(found, attribute)
            break
        else:
            pytest.fail(f"{name} is not in realiz3d")


def test_numbers_of_the_paper_are_the_defaults() -> None:
    from inspect import signature

    from realiz3d import DomainPlan, DomainShifters, Realiz3DPipeline, Shifting, draw_stops
    from realiz3d.training.realiz3d_method import Realiz3DSettings
    from realiz3d.tuning import BLOCK_FRACS, T_MAX_VALUES

    assert signature(DomainShifters.for_model).parameters["rank"].default == 8
    trained = signature(DomainPlan.train).parameters
    assert (trained["reassign_p"].default, trained["tau"].default) == (0.1, 0.4)
    assert signature(draw_stops).parameters["tau"].default == 0.4
    assert Shifting() == Shifting(0.3, 950.0)
    assert BLOCK_FRACS == (0.0, 0.1, 0.2, 0.3, 0.4) and sorted(T_MAX_VALUES) == [800, 850, 900, 950, 1000]
    assert signature(Realiz3DPipeline.__call__).parameters["num_inference_steps"].default == 50
    method = Realiz3DSettings()
    assert (method.rank, method.stage2.tau, method.stage2.reassign_p) == (8, 0.4, 0.1)
    assert method.stage1.length.epochs == 3 and method.stage2.length.epochs == 10
    assert method.stage2.learning_rate == method.stage1.learning_rate == 5e-5


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("$ realiz3d-bench ")]


@pytest.mark.slow
def test_the_guide_runs_as_printed(
    tmp_path: Path, mesh_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tiny_pipelines

    from bench.cli import main

    monkeypatch.chdir(tmp_path)
    shutil.copytree(mesh_folder, "my-meshes")
    shutil.move("my-meshes/prompts.csv", "captions.csv")
    tiny_pipelines.pixart(tmp_path / "base-model")
    Path("photos").mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"photos/{number}.png")
    guide = (DOCS / "guide.md").read_text()
    suite = next(block for block in re.findall(r"```yaml\n(.*?)```", guide, re.S) if block.startswith("# validation"))
    Path("validation.yaml").write_text(suite)
    found = commands(guide)
    assert [words[0] for words in found] == [
        "render-dataset", "make-real-set", "train", "tune-shifting", "generate", "score"
    ]  # fmt: skip
    for words in found:
        code = main(words)
        assert code == 0, (words, capsys.readouterr().err[-2000:])
    assert Path("runs/scores/report/index.html").is_file()
