"""Cameras of each case through a whole run: meshes rendered from random places are scored as from common ones."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from camera_writers import random_cameras, write_nerf, write_pictures

from bench.api import run
from bench.cases.miniworld.world import miniworld_cases
from bench.cli import main
from bench.commands.input_checks import look_at_suite
from bench.errors import UsageError
from bench.generators.ground_truth import ground_truth
from bench.results.read import RunResults, read_run
from bench.run.options import RunOptions
from bench.run.plan import make_plan, set_up_generators
from bench.run.references import rendered_pictures
from bench.run.session import dry_run
from bench.suite.load import load_suite

SIDE = 64
WHITE = (1.0, 1.0, 1.0)
CASES = miniworld_cases("eval", 3, "rich", 0)
IDS = [case.id for case in CASES]
CAMERAS = {case.id: random_cameras(place, (4, 4, 5)[place], SIDE) for place, case in enumerate(CASES)}
OWN = "{{cameras: {{path: '{cameras}'}}, resolution: 64}}"


def write_suite(file: Path, pictures: Path, cameras: Path | None = None, views: str = OWN, more: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "name: own\nversion: 1\ntask: texturing\ncases: {source: miniworld, count: 3}\n"
        f"views: {views.format(cameras=cameras or pictures)}\n"
        "generators:\n"
        f"  - {{name: theirs, use: folder, path: '{pictures}', files: '{{case}}/r_{{view}}'}}\n"
        "  - {name: ceiling, use: ceiling}\n"
        f"{more}"
        "metrics: [silhouette_iou, cde, hull_iou]\nprimary: [silhouette_iou, cde]\n"
    )
    return file


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("theirs")
    for case in CASES:
        write_nerf(root / case.id, CAMERAS[case.id], name="./r_{}")
        write_pictures(root / case.id, ground_truth(case, CAMERAS[case.id], WHITE, "cpu").views, "r_{}.png")
    return root


@pytest.fixture(scope="module")
def finished(theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    outcome = run(write_suite(folder / "suite.yaml", theirs), out=folder / "run")
    assert not outcome.incomplete
    return folder / "run"


def copy(theirs: Path, to: Path) -> Path:
    return shutil.copytree(theirs, to / "copy")


def values(folder: Path, generator: str = "theirs") -> dict[str, float]:
    return {row.metric: row.value for row in read_run(folder).summary.rows if row.generator == generator}


def by_case(found: RunResults, metric: str, generator: str = "theirs") -> dict[str, list[str]]:
    rows = [row for row in found.score_rows if (row.metric, row.generator) == (metric, generator)]
    return {case: [row.signature for row in rows if row.case == case] for case in IDS}


def test_random_places_are_scored_as_common_ones(finished, tmp_path):
    assert values(finished) == values(finished, "ceiling")
    common = "{{azimuths: [0, 90, 180, 270], elevation: 10, distance: 2.9, fov: 35, resolution: 64}}"
    suite = write_suite(tmp_path / "suite.yaml", tmp_path, views=common)
    run(suite, out=tmp_path / "run", generators=("ceiling",))
    usual, own = values(tmp_path / "run", "ceiling"), values(finished)
    assert own["silhouette_iou"] == pytest.approx(usual["silhouette_iou"], abs=0.02) and own["silhouette_iou"] > 0.97
    assert own["hull_iou"] == pytest.approx(usual["hull_iou"], abs=0.02) and own["hull_iou"] > 0.98
    assert own["cde"] == pytest.approx(usual["cde"], abs=0.25)


def test_with_swapped_camera_files_the_numbers_collapse(theirs, finished, tmp_path):
    swapped = copy(theirs, tmp_path)
    first, second = (swapped / case / "transforms.json" for case in IDS[:2])
    texts = first.read_text(), second.read_text()
    first.write_text(texts[1])
    second.write_text(texts[0])
    suite = write_suite(tmp_path / "suite.yaml", swapped)
    run(suite, out=tmp_path / "run", generators=("theirs",))
    before, after = values(finished), values(tmp_path / "run")
    assert after["cde"] < 0.7 * before["cde"]
    assert after["silhouette_iou"] < before["silhouette_iou"] - 0.05 and after["hull_iou"] < before["hull_iou"] - 0.03
    (told,) = [f for f in look_at_suite(load_suite(suite)) if "outlines meet the meshes'" in f.seen]
    assert told.fails and "inspect FOLDER" in told.fix
    assert not [f for f in look_at_suite(load_suite(write_suite(suite, theirs))) if "outlines" in f.seen]


def test_cameras_are_part_of_what_every_number_says(finished):
    found = read_run(finished)
    prints = [signature for each in by_case(found, "cde").values() for signature in each]
    assert len(set(prints)) == 3 and all("cameras=each@sha256:" in signature for signature in prints)
    (row,) = [row for row in found.summary.rows if (row.metric, row.generator) == ("cde", "theirs")]
    assert "cameras=each@sha256:" in row.signature and row.signature.split(" n=")[0] not in prints
    assert row.n_images == 13 and found.summary.views.of_each_case and found.summary.views.azimuths == ()
    assert set(found.manifest["cameras"]) == set(IDS)
    for case in found.summary.cases:
        np.testing.assert_allclose(case.views, CAMERAS[case.id].angles, atol=0.01)


def test_another_camera_makes_and_scores_its_case_again(theirs, finished, tmp_path, capsys):
    moved = copy(theirs, tmp_path)
    plan = make_plan(load_suite(write_suite(tmp_path / "suite.yaml", theirs)), RunOptions())
    assert "0 of 3 samples to make" in dry_run(plan.suite, RunOptions(out=finished))
    before = {case.id: plan.sample_identity("x", case, 0) for case in plan.cases}
    content = json.loads((moved / IDS[0] / "transforms.json").read_text())
    content["camera_angle_x"] *= 1.1
    (moved / IDS[0] / "transforms.json").write_text(json.dumps(content))
    suite = write_suite(tmp_path / "suite.yaml", moved)
    after = make_plan(load_suite(suite), RunOptions())
    changed = [case.id for case in after.cases if after.sample_identity("x", case, 0) != before[case.id]]
    assert changed == [IDS[0]]
    with pytest.raises(UsageError, match="belongs to another suite"):
        run(suite, out=finished)
    run(suite, out=tmp_path / "run", generators=("ceiling",))
    assert main(["compare", str(finished), str(tmp_path / "run"), "--generator", "ceiling", "--delta", "cde=0.1"]) == 2
    assert "contents of the cases (prompts, meshes, cameras)" in " ".join("".join(capsys.readouterr()).split())


def test_a_broken_camera_file_costs_its_own_rows(theirs, tmp_path, capsys):
    broken = copy(theirs, tmp_path)
    (broken / IDS[1] / "transforms.json").write_text('{"frames": 3}')
    suite = write_suite(tmp_path / "suite.yaml", broken)
    outcome = run(suite, out=tmp_path / "run")
    assert len(outcome.incomplete) == 2 and all(IDS[1] in line for line in outcome.incomplete)
    for row in outcome.summary.rows:
        assert (row.status, row.n_objects, row.n_missing) == ("ok", 2, 0), row
    assert main(["validate", str(suite)]) == 2
    assert f"case '{IDS[1]}': the file does not describe cameras" in " ".join(capsys.readouterr().err.split())
    assert any(f.fails and "does not describe cameras" in f.seen for f in look_at_suite(load_suite(suite)))


def test_pictures_from_elsewhere_than_the_cases_cameras_are_refused(theirs, tmp_path):
    other = copy(theirs, tmp_path)
    write_nerf(other / IDS[0], random_cameras(9, 4, SIDE), name="./r_{}")
    (other / IDS[1] / "transforms.json").unlink()  # says nothing: its pictures are taken in their order
    outcome = run(write_suite(tmp_path / "suite.yaml", other, theirs), out=tmp_path / "run", generators=("theirs",))
    (line,) = outcome.incomplete
    assert IDS[0] in line and "no picture was taken from azimuth" in line


def test_pictures_are_matched_to_cameras_by_their_files(theirs, finished, tmp_path):
    """A program that numbers its pictures otherwise, with files that say so."""
    other = tmp_path / "other"
    for case in CASES:
        order = np.roll(np.arange(len(CAMERAS[case.id])), 1)
        content = json.loads((theirs / case.id / "transforms.json").read_text())
        content["frames"] = [content["frames"][old] | {"file_path": f"./r_{new}"} for new, old in enumerate(order)]
        (other / case.id).mkdir(parents=True)
        (other / case.id / "transforms.json").write_text(json.dumps(content))
        for new, old in enumerate(order):
            shutil.copy(theirs / case.id / f"r_{old}.png", other / case.id / f"r_{new}.png")
    run(write_suite(tmp_path / "suite.yaml", other, theirs), out=tmp_path / "run", generators=("theirs",))
    assert values(tmp_path / "run") == values(finished)


def test_a_model_of_one_set_of_views_says_why_not(theirs, tmp_path):
    more = "  - {name: small, use: miniworld_model, method: lora}\n"
    plan = make_plan(load_suite(write_suite(tmp_path / "suite.yaml", theirs, more=more)), RunOptions())
    with pytest.raises(UsageError, match="generator 'small': it makes its pictures for one set of views, and each"):
        set_up_generators(plan)


def test_cases_with_cameras_travel_to_other_processes(theirs, tmp_path):
    context = make_plan(load_suite(write_suite(tmp_path / "suite.yaml", theirs)), RunOptions()).context
    sent = pickle.loads(pickle.dumps(context))
    assert sent.cases == context.cases
    for case in sent.cases:
        np.testing.assert_array_equal(sent.cameras_of(case).intrinsics, context.cameras_of(case).intrinsics)


def test_a_reference_is_seen_by_the_cases_cameras_in_turn(theirs, tmp_path):
    suite = write_suite(tmp_path / "suite.yaml", theirs)
    suite.write_text(suite.read_text() + "references: {real: {miniworld: {split: train, count: 4}}}\n")
    plan = make_plan(load_suite(suite), RunOptions(limit=1))
    rendered = rendered_pictures(plan.suite.references["real"], plan)
    assert [rendered.objects.count(name) for name in dict.fromkeys(rendered.objects)] == [4, 4, 5, 4]
    whole = rendered_pictures(plan.suite.references["real"], make_plan(load_suite(suite), RunOptions()))
    assert whole.digest == rendered.digest


def test_the_page_names_each_cases_views(finished, tmp_path):
    from reports import write_reports

    write_reports([finished], tmp_path / "page", ("html",))
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    azimuth, elevation = CAMERAS[IDS[0]].angles[0]
    assert f"azimuth {round(azimuth, 2):g}°, elevation {round(elevation, 2):g}°" in page
