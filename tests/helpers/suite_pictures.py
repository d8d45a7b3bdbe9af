"""One generator of a tiny suite, run without the rest of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.generators.protocol import GenerationRequest
from bench.run.generate import SceneControls
from bench.run.options import RunOptions
from bench.run.plan import build_generator, make_plan
from bench.suite.load import load_suite

HEAD = "name: tiny\nversion: 1\ntask: texturing\ncases: {source: miniworld, count: 2}\nviews: {resolution: 16}\n"


def generated(folder: Path, line: str) -> tuple[str, list[Any]]:
    """The fingerprint and the pictures of one generator."""
    suite = folder / "suite.yaml"
    suite.write_text(f"{HEAD}generators:\n  - {line}\nmetrics: [loo_psnr]\n")
    plan = make_plan(load_suite(suite), RunOptions())
    generator = build_generator(plan.generators[0], plan.context)
    controls = SceneControls("cpu")
    requests = [
        GenerationRequest(case, plan.cameras, 0, plan.context.background, plan.noise_seeds(case, 0), controls)
        for case in plan.cases
    ]
    return generator.fingerprint(), [answer.views for answer in generator.generate(requests)]
