"""Views on another plain ground than the suite's: what depends on it is not measurable, or they are cut out."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import go, rows

from bench.metrics.declaration import FeatureSet
from bench.references.reference_set import ReferenceFeatures
from bench.run.set_notes import is_constant, sizes
from groundwork.notes import Note

CASES = ("red-mug", "blue-pot", "green-cup")
KD = "kd_cluster[efficientnet_lite0_texture]@photos"


def write_views(root: Path, grounds: dict[str, int]) -> None:
    for case, ground in grounds.items():
        (root / case).mkdir(parents=True)
        for view in range(4):
            random = np.random.default_rng([len(case), view])
            picture = np.full((64, 64, 3), ground, np.uint8)
            picture[16:48, 16:48] = random.integers(0, 110, (32, 32, 3))
            Image.fromarray(picture).save(root / case / f"view_{view}.png")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grounds")
    write_views(folder / "white", dict.fromkeys(CASES, 255))
    write_views(folder / "grey", dict.fromkeys(CASES, 150))
    write_views(folder / "one", {**dict.fromkeys(CASES, 255), "red-mug": 150})
    (folder / "prompts.csv").write_text("case,prompt\n" + "".join(f"{c},a {c.replace('-', ' ')}\n" for c in CASES))
    (folder / "suite.yaml").write_text(f"""
name: grounds
version: 1
task: text_to_multiview
cases: {{source: prompts, path: prompts.csv}}
views: {{resolution: 64}}
references: {{photos: {{shipped: photo_cutouts}}, theirs: {{generator: grey}}, few: {{folder: white}}}}
generators:
  - {{name: white, use: folder, path: white}}
  - {{name: grey, use: folder, path: grey}}
  - {{name: one, use: folder, path: one}}
  - {{name: cut, use: folder, path: grey, cut_out: true}}
metrics:
  - hull_iou
  - identity
  - kd_cluster: {{reference: photos, extractor: efficientnet_lite0_texture}}
  - kd_cluster: {{reference: theirs, extractor: efficientnet_lite0_texture}}
  - kd_cluster: {{reference: few, extractor: efficientnet_lite0_texture}}
primary: ["{KD}"]
""")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        return rows(go(folder / "suite.yaml", folder / "out").summary.to_json())


def test_what_depends_on_the_ground(scored):
    for name in (KD, KD.replace("photos", "theirs"), "hull_iou", "identity", "identity_colour"):
        assert scored["grey", name]["status"] == "not_measurable", name
    assert "3 of 3 samples of 'grey' stand on another plain ground" in scored["grey", KD]["note"]
    assert "cut_out: true" in scored["grey", KD]["note"]
    assert "samples of 'grey'" in scored["white", KD.replace("photos", "theirs")]["note"]


def test_cut_out_views_score_as_those_on_the_suites_ground(scored):
    for name in (KD, "hull_iou", "identity"):
        assert scored["cut", name]["status"] == "ok"
        assert scored["cut", name]["value"] == pytest.approx(scored["white", name]["value"], rel=0.02)


def test_a_few_samples_on_another_ground_are_told(scored):
    assert scored["one", KD]["status"] == "ok"
    assert "1 of 3 samples of 'one' stand on another plain ground" in scored["one", KD]["note"]
    assert not scored["white", KD]["note"]


def test_a_reference_of_few_pictures_and_of_the_generators_own(scored):
    note = scored["white", KD.replace("photos", "few")]["note"]
    assert "the reference has 12 pictures only" in note
    assert "12 of 12 pictures nearly copy the reference" in note


def test_sets_that_an_extractor_cannot_tell_apart():
    same, other = np.ones((60, 4), np.float32), np.eye(60, 4, dtype=np.float32)
    assert is_constant(same) and not is_constant(other)
    reference = ReferenceFeatures("photos", other, tuple(map(str, range(60))), "", "e")
    assert sizes(FeatureSet(same, ("a",) * 60), reference) == ["all 60 pictures look the same to the extractor"]
    assert sizes(FeatureSet(other, ("a",) * 60), reference) == []
