"""Noise follows from the suite's seed, the case, the sample's seed and the view, and from each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.run.options import RunOptions
from bench.run.plan import make_plan
from bench.suite.load import load_suite

SUITE = """\
name: small
version: 1
task: texturing
cases: {source: miniworld, count: 2}
views: {resolution: 32}
generators:
  - {name: ceiling, use: ceiling}
metrics: [silhouette_iou]
"""


def test_every_case_seed_and_view_has_noise_of_its_own(tmp_path: Path) -> None:
    """One noise for all views of an object would be agreement for nothing."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    options = RunOptions(out=tmp_path / "out")
    plans = [make_plan(load_suite(tmp_path / "suite.yaml", [f"seed={seed}"]), options) for seed in (0, 1)]
    drawn = [plan.noise_seeds(case, seed) for plan in plans for case in plan.cases for seed in (0, 1)]
    assert {len(views) for views in drawn} == {4}
    flat = [seed for views in drawn for seed in views]
    assert len(set(flat)) == len(flat) == 2 * 2 * 2 * 4
    again = make_plan(load_suite(tmp_path / "suite.yaml"), options)
    assert [again.noise_seeds(case, seed) for case in again.cases for seed in (0, 1)] == drawn[:4]
    pictures = [np.random.default_rng(seed).standard_normal(8).tolist() for seed in drawn[0]]
    assert len({tuple(picture) for picture in pictures}) == 4
