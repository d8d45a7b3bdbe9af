"""Error maps: what is drawn where, kept for whom, and drawn again when."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict

from bench.cli import main
from bench.geometry.cameras import view_cameras
from bench.geometry.scene import SceneGeometry
from bench.heat import LEVELS, TILE, UNSCORED, colours, position, strip_png
from bench.metrics.declaration import ErrorScale, Measurement, Result
from bench.metrics.loo_psnr import LooPsnr, loo_error, loo_psnr

LOO = "loo_psnr.png"


class Sketch:
    """A metric with a map of whatever kind it is told to draw."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        draws: str

    needs_mesh = False
    error_scale = ErrorScale("../sketch", "parts", 1.0)

    def __init__(self, options):
        self.options = options

    def results(self):
        return (Result("../sketch", "up", "", axis="consistency"),)

    def parameters(self):
        return "v1"

    def measure(self, sample):
        return {"../sketch": Measurement(1.0)}

    def error_map(self, sample):
        if self.options.draws == "raises":
            raise RuntimeError("out of ink")
        return torch.zeros(sample.views.shape[:3] if self.options.draws == "well" else (2, 2))


def start(tmp_path: Path, mesh_folder: Path, generators: str = "", metrics: str = "", *flags: str) -> int:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 128}}
generators: [{generators or "{name: top, use: ceiling}, {name: noise, use: noise, sigma: 0.2}"}]
metrics: [{metrics or "loo_psnr"}]
""")
    return main(["run", str(suite), "--out", str(tmp_path / "run"), "--offline", *flags])


def maps_of(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted((root / "maps").rglob("*.png"))}


def indices(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "P"
        return np.asarray(image)


def test_scale_is_even_to_the_eye_and_pinned():
    scale = colours().astype(float)
    assert tuple(scale[0]) == (68, 1, 84) and tuple(scale[-1]) == (253, 231, 37)
    luminance = scale @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()
    assert [position(e, 0.25) for e in (-1.0, 0.0, 0.0625, 0.25, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_errors_unscored_and_background_are_told_apart():
    errors = np.full((2, 4, 4), np.nan)
    errors[0, 1, 1], errors[0, 1, 2], errors[1, 0, 0] = 0.0, 0.25, 0.0625
    foreground = np.zeros((2, 4, 4), bool)
    foreground[0, 1:3, 1:3] = True
    png = strip_png(errors, foreground, 0.25, {"made_from": "x"})
    found = indices(png)
    assert found.shape == (4, 8)
    assert (found[1, 1], found[1, 2], found[0, 4]) == (0, LEVELS - 1, round(0.5 * (LEVELS - 1)))
    assert (found == LEVELS).sum() == 2 and (found == LEVELS + 1).sum() == 32 - 5
    with Image.open(io.BytesIO(png)) as image:
        assert image.info["made_from"] == "x"
        rgba = np.asarray(image.convert("RGBA"))
    assert tuple(rgba[2, 2]) == (*UNSCORED, 255) and rgba[0, 0, 3] == 0
    assert tuple(rgba[1, 2, :3]) == tuple(colours()[-1])
    assert strip_png(errors, foreground, 0.25, {"made_from": "x"}) == png


@pytest.mark.parametrize("side", [100, 128, 129, 256, 500, 1024])
def test_large_views_are_averaged_down(side):
    errors = np.full((3, side, side), 0.04)
    errors[:, ::2] = 0.0
    found = indices(strip_png(errors, None, 0.16, {}))
    assert found.shape[1] == 3 * found.shape[0] and found.shape[0] <= TILE
    if side == 256:  # blocks of two lines, one of each kind
        assert (found == round((0.02 / 0.16) ** 0.5 * (LEVELS - 1))).all()


def test_half_scored_blocks_keep_their_own_mean():
    errors = np.full((1, 256, 256), np.nan)
    errors[0, :, ::2] = 0.25
    assert (indices(strip_png(errors, None, 0.25, {})) == LEVELS - 1).all()


def test_run_keeps_a_map_a_sample_and_draws_none_twice(tmp_path, mesh_folder, monkeypatch):
    assert start(tmp_path, mesh_folder) == 0
    run = tmp_path / "run"
    drawn = maps_of(run)
    assert set(drawn) == {f"maps/{g}/{c}/seed_0/{LOO}" for g in ("top", "noise") for c in ("egg", "disc", "loaf")}
    levels = {
        g: [v[v < LEVELS].mean() for k, b in drawn.items() if f"/{g}/" in k and (v := indices(b)).any()]
        for g in ("top", "noise")
    }
    assert max(levels["top"]) < min(levels["noise"])

    times = {path: path.stat().st_mtime_ns for path in run.rglob("*.png")}
    scores = (run / "scores.parquet").read_bytes()
    monkeypatch.setattr(LooPsnr, "measure", None)  # nothing is measured for a map alone
    (run / "maps/noise/egg/seed_0" / LOO).unlink()
    (run / "maps/noise/disc/seed_0" / LOO).write_bytes(b"half a picture")
    assert start(tmp_path, mesh_folder) == 0
    assert maps_of(run) == drawn and (run / "scores.parquet").read_bytes() == scores
    touched = {path.parent.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert touched == {"egg", "disc"}


def test_maps_are_the_same_bytes_from_any_worker(tmp_path, mesh_folder):
    assert start(tmp_path, mesh_folder) == 0
    drawn = maps_of(tmp_path / "run")
    shutil.rmtree(tmp_path / "run/maps")
    assert start(tmp_path, mesh_folder, "", "", "--workers", "2") == 0
    assert maps_of(tmp_path / "run") == drawn


def test_maps_go_with_their_samples(tmp_path, mesh_folder):
    top, noise = "{name: top, use: ceiling}", "{name: noise, use: noise, sigma: %s}"
    assert start(tmp_path, mesh_folder, f"{top}, {noise % 0.2}") == 0
    run = tmp_path / "run"
    before = maps_of(run)
    # another noise is another sample, and the same map of the ceiling
    assert start(tmp_path, mesh_folder, f"{top}, {noise % 0.3}") == 0
    after = maps_of(run)
    assert set(after) == set(before)
    assert {k.split("/")[1] for k in after if after[k] != before[k]} == {"noise"}
    # left out of the plan: samples and maps stay; gone from the disk: maps go too
    shutil.rmtree(run / "samples/noise/egg")
    assert start(tmp_path, mesh_folder, top) == 0
    assert set(before) - set(maps_of(run)) == {f"maps/noise/egg/seed_0/{LOO}"}
    # a metric that is no longer asked for
    assert start(tmp_path, mesh_folder, top, "silhouette_iou") == 0
    assert {k.split("/")[1] for k in maps_of(run)} == {"noise"}


def test_sample_that_cannot_be_made_again_has_no_map(tmp_path, mesh_folder):
    assert start(tmp_path, mesh_folder, "{name: mine, use: ceiling}") == 0
    run, theirs = tmp_path / "run", tmp_path / "theirs"
    for case in ("egg", "disc", "loaf"):
        shutil.copytree(run / f"samples/mine/{case}/seed_0", theirs / case)
        (theirs / case / "sample.json").unlink()
    (theirs / "egg/view_0.png").write_bytes(b"")
    assert start(tmp_path, mesh_folder, f"{{name: mine, use: folder, path: {theirs}}}") == 3
    assert {k.split("/")[2] for k in maps_of(run)} == {"disc", "loaf"}


@pytest.mark.parametrize(("draws", "said"), [("raises", "out of ink"), ("small", "(2, 2)")])
def test_map_that_fails_is_told_and_costs_no_number(tmp_path, mesh_folder, capsys, draws, said):
    metrics = f'{{"{__name__}:Sketch": {{draws: {draws}}}}}'
    assert start(tmp_path, mesh_folder, "{name: top, use: ceiling}", metrics, "--json") == 3
    captured = capsys.readouterr()
    assert said in captured.err and "error map of ../sketch" in captured.err
    (row,) = json.loads(captured.out)["rows"]
    assert row["status"] == "ok" and row["value"] == 1.0


def test_names_of_results_stay_in_the_folder(tmp_path, mesh_folder):
    metrics = f'{{"{__name__}:Sketch": {{draws: well}}}}'
    assert start(tmp_path, mesh_folder, "{name: top, use: ceiling}", metrics) == 0
    assert set(maps_of(tmp_path / "run")) == {f"maps/top/{c}/seed_0/..%2Fsketch.png" for c in ("egg", "disc", "loaf")}
    assert "..%2Fsketch" not in (tmp_path / "run/report/report.md").read_text()


def test_maps_pool_to_the_number(mesh_folder):
    from bench.cases.mesh_folder import mesh_folder_cases

    case = mesh_folder_cases(mesh_folder, None)[0]
    cameras = view_cameras((0.0, 90.0, 180.0, 270.0), 0.0, "perspective", 40.0, 96)
    scene = SceneGeometry(case.mesh.load(), cameras)
    views = torch.rand(4, 96, 96, 3, generator=torch.Generator().manual_seed(0))
    errors = loo_error(views, scene.correspondence)
    scored = errors.isfinite()
    assert torch.equal(scored, scene.correspondence.scoring_mask)
    pooled = -10 * torch.log10(errors[scored].square().mean())
    assert float(pooled) == pytest.approx(loo_psnr(views, scene.correspondence).value, abs=1e-9)
