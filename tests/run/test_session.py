"""The spine, end to end, on three small meshes: plan, generate, score, store, report."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil

import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_runs import KD, go, rows, write_suite, written

from bench.cli import main
from bench.errors import BenchError, InputError, UsageError
from bench.results.summary import summary_schema
from bench.run.options import RunOptions
from bench.run.session import dry_run
from bench.suite.load import load_suite
from reports import write_reports


def test_run_folder_is_the_documented_one(finished):
    out = finished / "run"
    assert not (out / "report").exists()  # commands write it, a run does not
    write_reports([out], formats=["html", "md"])
    for name in (
        "manifest.json",
        "scores.parquet",
        "summary.json",
        "features",
        "report/index.html",
        "report/report.md",
    ):
        assert (out / name).exists(), name
    samples = sorted(p.relative_to(out).as_posix() for p in out.glob("samples/*/*/*/*.png"))
    assert samples[0] == "samples/ceiling/disc/seed_0/view_0.png"
    assert len(samples) == 2 * 3 * 4
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["suite"]["name"] == "small"
    assert manifest["versions"]["torch"]
    for package in ("torchvision", "transformers", "open_clip_torch", "diffusers", "lpips", "clean-fid"):
        there = importlib.util.find_spec(package.removesuffix("_torch").replace("-", "")) is not None
        assert (package in manifest["versions"]) == there
    assert set(manifest["generators"]) == {"ceiling", "noise"}
    assert "total" in manifest["timing"]


def test_summary_has_a_row_for_every_generator_and_metric(finished):
    summary = json.loads((finished / "run/summary.json").read_text())
    jsonschema.validate(summary, summary_schema())
    found = rows(summary)
    assert {row["metric"]: row["axis"] for row in summary["rows"]} == {
        "loo_psnr": "consistency", "silhouette_iou": "control", KD: "realism"
    }  # fmt: skip
    assert set(found) == {(g, m) for g in ("ceiling", "noise") for m in ("loo_psnr", "silhouette_iou", KD)}
    assert all(row["status"] == "ok" and row["n_objects"] == 3 and row["n_images"] == 12 for row in found.values())
    assert summary["comparable"] is True
    (reference,) = summary["references"]
    assert (reference["name"], reference["n"], reference["source"]) == ("photos", 188, "reference set photo_cutouts")
    compared = {c["metric"]: c for c in summary["comparisons"]}
    assert set(compared) == {"loo_psnr", "silhouette_iou", KD}
    loo = compared["loo_psnr"]
    assert loo["difference"] == pytest.approx(
        found["ceiling", "loo_psnr"]["value"] - found["noise", "loo_psnr"]["value"]
    )
    assert loo["p_value"] is None and "3 objects are too few" in loo["method"]
    assert compared[KD]["p_value"] is None and "3 objects are too few" in compared[KD]["method"]


def test_noise_ranks_below_the_ceiling(finished):
    found = rows(json.loads((finished / "run/summary.json").read_text()))
    assert found["noise", "loo_psnr"]["value"] < found["ceiling", "loo_psnr"]["value"] - 10


def test_signatures_name_what_was_measured(finished):
    found = rows(json.loads((finished / "run/summary.json").read_text()))
    distance = found["ceiling", KD]["signature"]
    for part in (
        "extractor=efficientnet_lite0_texture@sha256:",
        "resize=",
        "background=white",
        "n=12",
        "reference=photos@sha256:",
    ):
        assert part in distance
    assert "resolution=128" in found["ceiling", "loo_psnr"]["signature"]
    assert found["ceiling", "loo_psnr"]["signature"] == found["noise", "loo_psnr"]["signature"]


def test_one_failing_case_leaves_the_rest_scored(tmp_path, mesh_folder):
    stumbling = '  - {name: third, use: "small_runs:Stumbling", on: egg}'
    outcome = go(write_suite(tmp_path / "suite.yaml", mesh_folder, stumbling), tmp_path / "run")
    assert len(outcome.incomplete) == 1
    assert "third / egg / seed 0" in outcome.incomplete[0] and "out of paint" in outcome.incomplete[0]
    found = rows(outcome.summary.to_json())
    third = found["third", "loo_psnr"]
    assert third["status"] == "ok" and (third["n_objects"], third["n_missing"]) == (3, 1)
    assert third["note"].startswith("1 of 3 samples failed; 1 sample counts as the floor (")
    # no floor generator here, so the worst that the metric knows: two thirds of what the others got
    assert third["value"] == pytest.approx(2 / 3 * third["measured"])
    assert third["signature"] == found["ceiling", "loo_psnr"]["signature"]
    far = found["third", KD]
    assert (far["n_objects"], far["n_missing"], far["n_images"]) == (3, 1, 8)
    assert far["value"] > far["measured"]  # an empty picture is far from any photograph
    table = pd.read_parquet(tmp_path / "run/scores.parquet").query("generator == 'third' and case == 'egg'")
    assert set(table["metric"]) == {"loo_psnr", "silhouette_iou"}
    assert set(table["status"]) == {"failed"} and table["value"].isna().all()
    with_third = [c for c in outcome.summary.comparisons if "third" in (c.a, c.b)]
    assert len(with_third) == 6 and all("samples that count as the floor: 1 of third" in c.method for c in with_third)
    for c in with_third:
        gap = found[c.a, c.metric]["value"] - found[c.b, c.metric]["value"]
        assert c.difference == pytest.approx(gap)


def test_run_folder_of_another_suite_is_refused(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished / "run", out)
    other = tmp_path / "other.yaml"
    other.write_text((finished / "suite.yaml").read_text().replace("resolution: 128", "resolution: 32"))
    with pytest.raises(UsageError, match="another suite") as caught:
        go(other, out)
    assert caught.value.expected == "views.resolution = 128, not 32"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"protocol": null}', "[" * 100_000])
def test_run_folder_with_a_broken_manifest_is_refused(suite_file, tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/manifest.json").write_text(content)
    with pytest.raises(UsageError, match="manifest") as caught:
        go(suite_file, tmp_path / "run")
    assert "delete this one file" in caught.value.hint


def test_folder_with_other_things_in_it_is_left_alone(suite_file, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        go(suite_file, tmp_path / "home")
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_scoring_written_images_gives_the_same_numbers(finished, tmp_path, capsys):
    plain = tmp_path / "plain"
    for view in (finished / "run/samples/noise").rglob("view_*.png"):
        target = plain / view.parts[-3] / view.name
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(view).save(target)
    arguments = [
        "score",
        str(plain),
        "--suite",
        str(finished / "suite.yaml"),
        "--name",
        "noise",
        "--out",
        str(tmp_path / "s"),
    ]
    assert main([*arguments, "--offline"]) == 0
    assert capsys.readouterr().out.strip().endswith("index.html")
    theirs = pd.read_parquet(tmp_path / "s/scores.parquet")
    ours = pd.read_parquet(finished / "run/scores.parquet").query("generator == 'noise'").reset_index(drop=True)
    pd.testing.assert_frame_equal(theirs, ours)


def test_missing_weights_are_an_explicit_row(tmp_path, mesh_folder, monkeypatch):
    for variable in ("REALIZ3D_BENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder, metrics="  - kid: {reference: photos}")
    outcome = go(suite, tmp_path / "run")
    row = rows(outcome.summary.to_json())["ceiling", "kid@photos"]
    assert row["status"] == "weights_missing" and row["value"] is None and row["note"]
    assert outcome.incomplete == ()


def test_a_generator_as_reference(tmp_path, mesh_folder):
    suite = write_suite(
        tmp_path / "suite.yaml", mesh_folder, references="  base: {generator: ceiling}",
        metrics="  - kd: {reference: base, extractor: efficientnet_lite0}",
    )  # fmt: skip
    found = rows(go(suite, tmp_path / "run").summary.to_json())
    assert found["ceiling", "kd[efficientnet_lite0]@base"]["status"] == "not_measurable"
    assert found["noise", "kd[efficientnet_lite0]@base"]["status"] == "ok"


def test_hidden_copies_of_reference_pictures_are_told(finished, tmp_path, mesh_folder):
    """Mirrored and compressed, they are no longer the same to a network; the row of the distance says it anyway."""
    own = sorted((finished / "run/samples/ceiling").rglob("view_0.png"))
    (tmp_path / "photos").mkdir()
    for number, view in enumerate(own[:2]):
        with Image.open(view) as picture:
            picture.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
                tmp_path / "photos" / f"{number}.jpg", quality=60
            )
    for number in range(4):
        flat = np.full((64, 64, 3), 40 * number, np.uint8)
        flat[16:48, 8 + 8 * number : 40] = 255
        Image.fromarray(flat).save(tmp_path / "photos" / f"other_{number}.png")
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder)
    suite.write_text(suite.read_text().replace("{shipped: photo_cutouts}", '{folder: "photos"}'))
    found = rows(go(suite, tmp_path / "run", generators=("ceiling",)).summary.to_json())
    assert re.search(
        r"\d+ of 12 pictures nearly copy the reference \(0 by features, [2-9]", found["ceiling", KD]["note"]
    )
    assert not rows(json.loads((finished / "run/summary.json").read_text()))["ceiling", KD]["note"]


def test_limit_marks_results_as_not_comparable(finished, tmp_path):
    outcome = go(finished / "suite.yaml", tmp_path / "run", limit=2)
    assert outcome.summary.comparable is False
    assert outcome.summary.n_cases == 2
    write_reports([tmp_path / "run"], formats=["md"])
    assert "not comparable" in (tmp_path / "run/report/report.md").read_text().lower()


@pytest.mark.parametrize("count", [0, 1])
def test_reference_of_fewer_than_two_pictures(tmp_path, mesh_folder, count):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(count):
        Image.fromarray(np.full((32, 32, 3), index, np.uint8)).save(folder / f"{index}.png")
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder)
    suite.write_text(suite.read_text().replace("{shipped: photo_cutouts}", f'{{folder: "{folder}"}}'))
    with pytest.raises(InputError, match="at least two"):
        go(suite, tmp_path / "run")


def test_mesh_without_texture_is_one_failed_case(tmp_path, mesh_folder):
    import trimesh

    painted = tmp_path / "painted"
    shutil.copytree(mesh_folder, painted)
    (painted / "egg.glb").unlink()
    bare = trimesh.load(mesh_folder / "egg.glb", force="mesh", process=False)
    trimesh.Trimesh(bare.vertices, bare.faces, process=False).export(painted / "egg.obj", include_normals=False)
    suite = write_suite(
        tmp_path / "suite.yaml", mesh_folder, f'  - {{name: theirs, use: textured_mesh, path: "{painted}"}}'
    )
    outcome = go(suite, tmp_path / "run")
    assert len(outcome.incomplete) == 1
    assert "theirs / egg" in outcome.incomplete[0] and "nothing to show" in outcome.incomplete[0]
    assert rows(outcome.summary.to_json())["theirs", "loo_psnr"]["n_missing"] == 1


def test_textured_meshes_equal_the_ceiling_made_of_them(tmp_path, mesh_folder):
    suite = write_suite(
        tmp_path / "suite.yaml", mesh_folder, f'  - {{name: theirs, use: textured_mesh, path: "{mesh_folder}"}}'
    )
    found = rows(go(suite, tmp_path / "run").summary.to_json())
    assert found["theirs", "loo_psnr"]["value"] == found["ceiling", "loo_psnr"]["value"]


def test_two_seeds_are_averaged_within_an_object(tmp_path, mesh_folder):
    outcome = go(write_suite(tmp_path / "suite.yaml", mesh_folder), tmp_path / "run", seeds=(0, 1))
    row = rows(outcome.summary.to_json())["noise", "loo_psnr"]
    assert (row["n_objects"], row["n_images"]) == (3, 24)
    table = pd.read_parquet(tmp_path / "run/scores.parquet").query("generator == 'noise' and metric == 'loo_psnr'")
    assert sorted(set(table["seed"])) == [0, 1]
    assert table["value"].nunique() == 6  # every seed has its own noise
    assert row["value"] == pytest.approx(table.groupby("case")["value"].mean().mean())


def test_generators_that_failed_on_different_cases_are_compared(finished, tmp_path, mesh_folder):
    first, second = written(finished / "run", tmp_path / "first"), written(finished / "run", tmp_path / "second")
    shutil.rmtree(first / "egg")
    shutil.rmtree(second / "disc")
    entries = f'  - {{name: first, use: folder, path: "{first}"}}\n  - {{name: second, use: folder, path: "{second}"}}'
    outcome = go(write_suite(tmp_path / "suite.yaml", mesh_folder, entries), tmp_path / "run")
    found = rows(outcome.summary.to_json())
    for metric in ("loo_psnr", KD):
        assert found["first", metric]["n_images"] == found["second", metric]["n_images"] == 8
        assert found["first", metric]["signature"] == found["second", metric]["signature"]
        assert found["first", metric]["note"].startswith("1 of 3 samples failed; 1 sample counts as the floor")
    compared = [c for c in outcome.summary.comparisons if {c.a, c.b} == {"first", "second"}]
    assert len(compared) == 3 and all("1 of first, 1 of second" in c.method for c in compared)
    for c in compared:
        assert c.difference == pytest.approx(found["first", c.metric]["value"] - found["second", c.metric]["value"])


def test_dry_run_writes_nothing(suite_file, tmp_path):
    text = dry_run(load_suite(suite_file), RunOptions(out=tmp_path / "run"))
    assert "3 of 3 samples to make" in text and KD in text
    assert not (tmp_path / "run").exists()


def test_exit_codes(tmp_path, mesh_folder, capsys):
    stumbling = '  - {name: third, use: "small_runs:Stumbling", on: egg}'
    suite = write_suite(tmp_path / "suite.yaml", mesh_folder, stumbling)
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline"]) == 3
    assert "out of paint" in capsys.readouterr().err
    assert main(["run", str(suite), "--out", str(tmp_path / "run"), "--generators", "thrid"]) == 2
    assert "did you mean 'third'" in capsys.readouterr().err


def test_unknown_device_is_an_error_for_people(suite_file, tmp_path):
    with pytest.raises(BenchError, match="device"):
        go(suite_file, tmp_path / "run", device="tpu0")


def test_the_best_contestant_is_bold_and_no_yardstick_is(finished, mesh_folder, tmp_path):
    theirs = written(finished / "run", tmp_path / "theirs")
    contestants = (
        "  - {name: mine, use: 'small_runs:Stumbling', on: nothing}\n"
        f"  - {{name: theirs, use: folder, path: {theirs}}}"
    )
    summary = go(write_suite(tmp_path / "suite.yaml", mesh_folder, contestants), tmp_path / "run").summary
    bold = {(row.generator, row.metric) for row in summary.rows if row.bold}
    assert ("mine", "silhouette_iou") in bold and ("theirs", "silhouette_iou") not in bold
    assert {generator for generator, _ in bold} <= {"mine", "theirs"}
