"""A model to gate, and runs of it: it paints the truth, with a blur and noise that follow from the noise seed."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from scipy.ndimage import gaussian_filter

from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import ground_truth
from bench.run.options import RunOptions
from bench.run.session import run
from bench.suite.load import load_suite
from groundwork.progress import Reporter

REALISM = "kd_cluster[efficientnet_lite0]@photos"
SUITE = f"""
name: gated
version: 1
task: texturing
cases: {{source: miniworld, split: eval, count: 6}}
views: {{resolution: 64, azimuths: [0, 30, 60, 90]}}
references:
  photos: {{shipped: photo_cutouts}}
generators:
  - {{name: mine, use: "gate_models:Painter"}}
metrics:
  - loo_psnr
  - silhouette_iou
  - kd_cluster: {{reference: photos, extractor: efficientnet_lite0}}
primary: ["{REALISM}", silhouette_iou]
gates: {{loo_psnr: {{delta: 1.0}}, silhouette_iou: {{delta: 0.05}}}}
"""


class Painter(SingleCaseGenerator):
    """The truth, blurred by `blur` px, with noise of its own strength on every view; `broken` cases fail."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        blur: float = 0.3
        noise: float = 0.03
        draw: int = 0
        seconds: float = 0.0  # that it takes longer
        broken: tuple[str, ...] = ()

    def views(self, request):
        if request.case.id in self.options.broken:
            raise RuntimeError("out of paint")
        time.sleep(self.options.seconds)
        truth = ground_truth(request.case, request.cameras, request.background, self.context.device).views / 255.0
        size = truth.shape[1:]
        noise = [np.random.default_rng([seed, self.options.draw]).standard_normal(size) for seed in request.noise_seeds]
        soft = gaussian_filter(truth, (0, self.options.blur, self.options.blur, 0), mode="nearest")
        return np.uint8(np.round(255 * np.clip(soft + self.options.noise * np.stack(noise), 0, 1)))


def write_suite(folder: Path, name: str = "suite.yaml") -> Path:
    """The suite as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(SUITE)
    return folder / name


def paint(suite: Path, out: Path, *settings: str, **options) -> Path:
    """A run of the suite, `settings` as after --set."""
    quiet = Reporter(Console(file=io.StringIO()))
    run(load_suite(suite, settings), RunOptions(out=out, offline=True, **options), quiet)
    return out
