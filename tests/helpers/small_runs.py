"""Runs of a small suite on three meshes, as tests of runs need them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from rich.console import Console

from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite
from groundwork.progress import Reporter

KD = "kd_cluster[efficientnet_lite0_texture]@photos"


class Stumbling(SingleCaseGenerator):
    """Ceiling that breaks on one case, or is interrupted there."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        on: str
        interrupt: bool = False

    armed = True

    def views(self, request):
        if request.case.id == self.options.on and Stumbling.armed:
            if self.options.interrupt:
                raise KeyboardInterrupt
            raise RuntimeError("out of paint")
        return ground_truth(request.case, request.cameras, request.background, self.context.device).views


def write_suite(path: Path, mesh_folder: Path, generators: str = "", metrics: str = "", references: str = "") -> Path:
    path.write_text(f"""
name: small
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}", prompts: "{mesh_folder}/prompts.csv"}}
views: {{resolution: 128}}
references:
  photos: {{shipped: photo_cutouts}}
{references}
generators:
  - {{name: ceiling, use: ceiling}}
  - {{name: noise, use: noise, sigma: 0.2}}
{generators}
metrics:
  - loo_psnr
  - silhouette_iou
  - kd_cluster: {{reference: photos, extractor: efficientnet_lite0_texture}}
{metrics}
primary: ["{KD}", silhouette_iou]
""")
    return path


def go(suite: Path, out: Path, **options):
    quiet = Reporter(Console(file=io.StringIO()))
    options.setdefault("isolate", "none")  # tests reach into the plug-ins
    return run(load_suite(suite), RunOptions(out=out, offline=True, **options), quiet)


def copy_of(whole: Path, target: Path) -> Path:
    """The run folder of the fixture `whole`, to be broken."""
    shutil.copytree(whole / "run", target)
    return target


def rows(summary: dict) -> dict[tuple[str, str], dict]:
    return {(row["generator"], row["metric"]): row for row in summary["rows"]}


def written(run_folder: Path, target: Path) -> Path:
    """The noise generator's pictures as `folder` and `score` take them."""
    for view in (run_folder / "samples/noise").rglob("view_*.png"):
        (target / view.parts[-3]).mkdir(parents=True, exist_ok=True)
        shutil.copy(view, target / view.parts[-3] / view.name)
    return target
