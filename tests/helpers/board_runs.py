"""A run that a board is made of: three models that paint, one of which fails on an object, and the yardsticks."""

from __future__ import annotations

from pathlib import Path

from gate_models import paint

SUITE = """
name: painted
version: 2
task: texturing
cases: {source: miniworld, split: eval, count: 6}
views: {resolution: 64, azimuths: [0, 30, 60, 90]}
references:
  photos: {shipped: photo_cutouts}
generators:
  - {name: ceiling, use: ceiling}
  - {name: floor, use: floor}
  - {name: mine, use: "gate_models:Painter"}
  - {name: theirs, use: "gate_models:Painter", blur: 2.0}
  - {name: fails, use: "gate_models:Painter", broken: [eval_002_cylinder]}
metrics:
  - loo_psnr
  - silhouette_iou
  - kd_cluster: {reference: photos, extractor: efficientnet_lite0}
primary: [silhouette_iou, "kd_cluster[efficientnet_lite0]@photos"]
"""
GENERATORS = ("ceiling", "mine", "theirs", "fails")
META = """
developer: {developer}
licence: Apache-2.0
overlap: None of the suite's objects were in the training data.
description: Paints the truth, with noise.
code: {{url: "https://example.org/code", commit: 0123abc}}
"""


def write_run(root: Path) -> Path:
    """The run folder."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "suite.yaml").write_text(SUITE)
    return paint(root / "suite.yaml", root / "run")


def write_meta(path: Path, developer: str = "Example Lab", **more: str) -> Path:
    """A file about a model."""
    path.write_text(META.format(developer=developer) + "".join(f"{key}: {value}\n" for key, value in more.items()))
    return path
