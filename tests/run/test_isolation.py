"""One broken input costs its own rows, never the run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel, ConfigDict
from small_runs import go, rows

from bench.generators.base import SingleCaseGenerator


class SetUpOnce(SingleCaseGenerator):
    """Can be set up when the run is planned, and not when it is needed."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

    made = 0

    def __init__(self, name, options, context):
        super().__init__(name, options, context)
        SetUpOnce.made += 1
        if SetUpOnce.made > 1:
            raise RuntimeError("the card is gone")

    def views(self, request):
        raise AssertionError


@pytest.fixture(scope="module")
def summary(tmp_path_factory, mesh_folder):
    """A run in which a mesh of the cases, one of a method, a reference picture and a plug-in are broken."""
    root = tmp_path_factory.mktemp("broken")
    for name in ("cases", "theirs"):
        shutil.copytree(mesh_folder, root / name)
    (root / "cases/disc.glb").write_bytes(b"glTF, or so it says")
    (root / "theirs/egg.glb").write_bytes(b"")
    (root / "photos").mkdir()
    for index in range(4):
        Image.fromarray(np.full((32, 32, 3), 60 * index, np.uint8)).save(root / f"photos/{index}.png")
    cut = (root / "photos/3.png").read_bytes()
    (root / "photos/3.png").write_bytes(cut[: len(cut) // 2])
    (root / "suite.yaml").write_text(f"""
name: broken
version: 1
task: texturing
cases: {{source: meshes, path: cases, prompts: cases/prompts.csv}}
views: {{resolution: 64}}
references:
  sound: {{shipped: photo_cutouts}}
  torn: {{folder: photos}}
generators:
  - {{name: ceiling, use: ceiling}}
  - {{name: theirs, use: textured_mesh, path: theirs}}
  - {{name: once, use: "{__name__}:SetUpOnce"}}
metrics:
  - silhouette_iou
  - kd_cluster: {{reference: sound, extractor: efficientnet_lite0_texture}}
  - kd_cluster: {{reference: torn, extractor: efficientnet_lite0_texture}}
""")
    outcome = go(root / "suite.yaml", root / "run")
    return rows(outcome.summary.to_json()), outcome.incomplete


def test_a_broken_mesh_of_the_cases(summary):
    found, incomplete = summary
    ceiling = found["ceiling", "silhouette_iou"]
    assert (ceiling["n_objects"], ceiling["n_missing"]) == (2, 0)
    assert any(line.startswith("ceiling / disc / seed 0: ") and "disc.glb" in line for line in incomplete)


def test_a_broken_mesh_of_a_method(summary):
    found, incomplete = summary
    theirs = found[
        "theirs", "silhouette_iou"
    ]  # the egg counts as the floor; the disc, whose case is broken, for nobody
    assert (theirs["n_objects"], theirs["n_missing"]) == (2, 1)
    assert any(line.startswith("theirs / egg / seed 0: ") and "empty (zero bytes)" in line for line in incomplete)


def test_a_broken_reference_picture(summary):
    found, _incomplete = summary
    torn = found["ceiling", "kd_cluster[efficientnet_lite0_texture]@torn"]
    assert torn["status"] == "failed" and "reference 'torn'" in torn["note"] and "3.png" in torn["note"]
    assert found["ceiling", "kd_cluster[efficientnet_lite0_texture]@sound"]["status"] == "ok"


def test_a_generator_that_cannot_be_set_up_again(summary):
    found, incomplete = summary
    assert found["once", "silhouette_iou"]["status"] == "failed"
    assert sum(line.startswith("once / ") and "the card is gone" in line for line in incomplete) == 3
