"""Two run folders of many objects as runs write them, without a model: what a gate reads, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bench.results.layout import RunLayout
from bench.results.leave_one_out import write_leave_one_out
from bench.results.scores import ScoreRow, frame
from bench.results.summary import CaseInfo, GeneratorInfo, MetricInfo, Row, SuiteInfo, Summary, ViewsInfo

METRICS = ("loo_psnr", "cde", "silhouette_iou")
DISTANCE = "kd_cluster[efficientnet_lite0]@photos"
GENERATORS = ("mine", "theirs")
VIEWS = 4


def store_runs(root: Path, objects: int) -> tuple[Path, Path]:
    """Two runs of two generators; all four differ by noise alone."""
    folders = root / "before", root / "after"
    for number, folder in enumerate(folders):
        _store(folder, objects, np.random.default_rng(number))
    return folders


def _store(folder: Path, objects: int, rng: np.random.Generator) -> None:
    layout = RunLayout(folder)
    folder.mkdir(parents=True)
    cases = [f"object_{i:03d}" for i in range(objects)]
    truth = np.random.default_rng(9).normal(0.6, 0.1, (objects, VIEWS))
    scores, rows, without = [], [], {}
    for generator in GENERATORS:
        for metric in METRICS:
            values = truth + rng.normal(0, 0.01, truth.shape)
            signature = f"{metric} resolution=64 v1"
            scores += [
                ScoreRow(generator, case, 0, view, metric, float(values[i, view]), "", signature, None, "ok", "ab" * 32)
                for i, case in enumerate(cases)
                for view in range(VIEWS)
            ]
            rows.append(_row(generator, metric, "up", float(values.mean()), objects, signature))
        distance = rng.normal(0.05, 1e-4)
        without[generator, DISTANCE] = dict(zip(cases, rng.normal(distance, 1e-4, objects).tolist(), strict=True))
        rows.append(_row(generator, DISTANCE, "down", distance, objects, f"{DISTANCE} n={objects * VIEWS} v1"))
    frame(scores).to_parquet(layout.scores)
    write_leave_one_out(layout.leave_one_out, without)
    summary = Summary(
        format=2,
        suite=SuiteInfo(name="stored", version=1, hash="cd" * 32),
        n_cases=objects,
        n_cases_of_suite=objects,
        seeds=(0,),
        views=ViewsInfo(azimuths=(0, 90, 180, 270), resolution=64),
        metrics=tuple(MetricInfo(name=row.metric, direction=row.direction, axis=row.axis) for row in rows[:4]),
        generators=tuple(GeneratorInfo(name=name, use="folder") for name in GENERATORS),
        cases=tuple(CaseInfo(id=case) for case in cases),
        rows=tuple(rows),
    )
    layout.summary.write_text(json.dumps(summary.to_json()))
    gates = {name: {"delta": 0.02} for name in (*METRICS, DISTANCE)}
    layout.manifest.write_text(json.dumps({"suite": {"gates": gates}, "protocol": {"task": "texturing"}}))


def _row(generator: str, metric: str, direction: str, value: float, objects: int, signature: str) -> Row:
    return Row(
        generator=generator,
        metric=metric,
        axis="consistency",
        direction=direction,
        value=value,
        n_objects=objects,
        n_images=objects * VIEWS,
        status="ok",
        signature=signature,
    )
