"""Sides of a gate made of numbers: what a run or a baseline holds of one generator, without either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.gate.sides import Scored, Side

CASES = tuple(f"object_{number:02d}" for number in range(20))
GATES = {"psnr": 0.5, "distance": 0.01}


def psnr(values, **changes) -> Scored:
    """An object metric, higher is better; `values` in the order of `CASES`."""
    values = np.asarray(values, dtype=np.float64)
    found = dict(zip(CASES, values.tolist(), strict=False))
    mean = float(values.mean()) if len(values) else float("nan")
    scored = Scored("psnr", "up", "dB", "agreement", "ok", "", mean, "psnr resolution=128 v1", False, 1, found)
    return replace(scored, **changes)


def distance(value: float, without, **changes) -> Scored:
    """A distance between sets, lower is better; `without` are those without each object."""
    found = dict(zip(CASES, np.asarray(without, dtype=np.float64).tolist(), strict=False))
    scored = Scored("distance", "down", "", "realism", "ok", "", value, "distance n=20 v1", True, 1, found)
    return replace(scored, **changes)


def side(harm: float = 0.0, noise: float = 0.1, seed: int = 0, n: int = 20, drifted: float = 0.0, **changes) -> Side:
    """A side that is worse than `side()` by `harm` dB, and by a hundredth of it in the distance."""
    truth, rng = np.random.default_rng(99), np.random.default_rng(seed)
    values = truth.normal(25, 3, 20)[:n] - harm + rng.normal(0, noise, n)
    without = 0.1 + harm / 100 + truth.normal(0, 2e-3, 20)[:n] + noise * rng.normal(0, 1e-4, n)
    results = {"psnr": psnr(values), "distance": distance(float(0.1 + harm / 100), without)}
    plain = Side(
        kind="run", place=f"run-{seed}", generator="mine", suite="small", version=1, suite_hash="ab" * 32,
        comparable=True, protocol={"task": "texturing", "views": {"resolution": 128}, "cases": "c" * 64},
        cases=CASES[:n], seeds=(0,), gates=dict(GATES), versions={"torch": "2.14"}, commit="", results=results,
        digests={f"{case}/0": f"{seed}-{case}" for case in CASES[:n]},
    )  # fmt: skip
    return replace(plain, **changes)


def with_result(one: Side, name: str, **changes) -> Side:
    """The same side with one of its results changed."""
    return replace(one, results={**one.results, name: replace(one.results[name], **changes)})
