"""Run folders with known answers: scores by (generator, metric), pictures with features that are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.extractors.efficientnet_lite0 import texture_extractor
from bench.extractors.feature_store import FeatureStore
from bench.results.scores import ScoreRow, frame
from bench.results.summary import SUMMARY_FORMAT
from bench.run.samples import SampleKey, SampleStore
from groundwork.hashing import hash_array

SEEDS = (0, 1, 2)
CASES = tuple(f"eval_{number:03d}" for number in range(12))
TEXTURE = "kd_cluster[efficientnet_lite0_texture]@photos"
UNITS = {"reprojection_psnr_white": "dB"}
DOWN = ("reprojection_efficientnet_lite0_white", "kd_cluster", "normal_error")
Values = npt.NDArray[np.float64]


def write_run(
    root: Path,
    table: int,
    rows: Mapping[str, str | None],
    scores: Mapping[tuple[str, str], Values],
    *,
    stated: Mapping[tuple[str, str], float] | None = None,
    suite: Mapping[str, Any] | None = None,
    digests: Mapping[SampleKey, str] | None = None,
    cases: tuple[str, ...] = CASES,
    primary: tuple[str, ...] = (),
) -> Path:
    """A run folder. `rows`: the paper's row of each generator. `scores`: values (objects, seeds), NaN for not
    measurable. `stated`: set distances that only the summary has.
    """
    stated = stated or {}
    metrics = list(dict.fromkeys(metric for _, metric in (*scores, *stated)))
    directions = {name: "down" if name.startswith(DOWN) else "up" for name in metrics}
    long = [
        ScoreRow(
            generator, case, seed, None, metric, float(values[o, s]), UNITS.get(metric, ""), f"{metric} v1", None,
            "ok" if np.isfinite(values[o, s]) else "not_measurable",
            (digests or {}).get(SampleKey(generator, case, seed), ""),
        )
        for (generator, metric), values in scores.items()
        for o, case in enumerate(cases)
        for s, seed in enumerate(SEEDS)
    ]  # fmt: skip
    root.mkdir(parents=True)
    frame(long).to_parquet(root / "scores.parquet", index=False)
    labels = {
        m: {"axis": "realism" if "@" in m else "consistency", "direction": directions[m], "unit": UNITS.get(m, "")}
        for m in metrics
    }
    values = {pair: float(np.nanmean(found)) for pair, found in scores.items()} | dict(stated)
    summary = {
        "format": SUMMARY_FORMAT,
        "suite": {"name": f"made-up-{table}", "version": 1, "hash": "0" * 64},
        "seeds": list(SEEDS),
        "primary": list(primary),
        "metrics": [{"name": m, **label} for m, label in labels.items()],
        "generators": [
            {"name": name, "paper": None if row is None else {"table": table, "row": row}} for name, row in rows.items()
        ],
        "cases": [{"id": case} for case in cases],
        "rows": [
            {"generator": g, "metric": m, **labels[m], "value": v if np.isfinite(v) else None, "status": "ok"}
            for (g, m), v in values.items()
        ],
    }
    (root / "summary.json").write_text(json.dumps(summary))
    manifest = {
        "suite": suite or {"references": {"photos": {"shipped": "photo_cutouts"}, "base": {"generator": "base"}}}
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


def mini_suite(generators: list[str]) -> dict[str, Any]:
    """A suite of twelve objects and two views, as its manifest has it."""
    return {
        "name": "made-up-1",
        "version": 1,
        "task": "texturing",
        "cases": {"source": "miniworld", "split": "eval", "count": 12},
        "views": {"azimuths": [0, 90], "resolution": 16},
        "seeds": list(SEEDS),
        "references": {"photos": {"shipped": "photo_cutouts"}, "base": {"generator": "base"}},
        "generators": [{"name": name, "use": "folder"} for name in generators],
        "metrics": [
            {"kd_cluster": {"reference": name, "extractor": "efficientnet_lite0_texture"}}
            for name in ("photos", "base")
        ],
    }


def write_pictures(root: Path, cases: tuple[str, ...], features: Mapping[str, Values]) -> dict[SampleKey, str]:
    """Pictures of noise whose stored features are `features[generator]` (objects, seeds, views, D); their digests."""
    random, store, fingerprint = (
        np.random.default_rng(0),
        SampleStore(root / "samples"),
        texture_extractor().fingerprint(),
    )
    digests, rows = {}, []
    for generator, values in features.items():
        for o, case in enumerate(cases):
            for s, seed in enumerate(SEEDS):
                views = random.integers(0, 256, (values.shape[2], 16, 16, 3), dtype=np.uint8)
                key = SampleKey(generator, case, seed)
                digests[key] = store.write(key, views, "made up")
                rows += [
                    (fingerprint, hash_array(view), vector.astype(np.float32))
                    for view, vector in zip(views, values[o, s], strict=True)
                ]
    cache = FeatureStore(root / "features")
    cache.put(rows)
    cache.close()
    return digests
