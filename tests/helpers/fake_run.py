"""A run folder as a run would write it, with everything that strangers and failures may put into one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.results.scores import ScoreRow, frame
from bench.results.summary import SUMMARY_FORMAT

HOSTILE_PROMPT = 'a cow | </script><script>alert("x")</script> & <img src=https://evil.example/x.png onerror=alert(1)>'
HOSTILE_MESSAGE = "RuntimeError: <b>shape</b> | mismatch\nline two `code` $x_1$ 100% \\input{secret}"

METRICS = [
    {"name": "cde", "axis": "consistency", "direction": "up", "unit": "", "title": "consistent detail energy"},
    {
        "name": "kd_cluster[efficientnet_lite0]@photos",
        "axis": "realism",
        "direction": "down",
        "unit": "",
        "title": "kernel distance to photos",
    },
    {"name": "silhouette_iou", "axis": "control", "direction": "up", "unit": "", "title": "outline against the mesh"},
    {"name": "loo_psnr", "axis": "consistency", "direction": "up", "unit": "dB", "title": "leave-one-view-out PSNR"},
    {"name": "emr", "axis": "consistency", "direction": "down", "unit": "px", "title": "equivalent misregistration"},
    {"name": "fid@photos", "axis": "realism", "direction": "down", "unit": "", "title": "Fréchet distance to photos"},
    {"name": "throughput", "axis": "speed", "direction": "up", "unit": "images/s", "title": "images a second"},
]
PRIMARY = [metric["name"] for metric in METRICS[:3]]
RANGES = {  # from the worst to the best value that is likely
    "cde": (0.1, 0.95),
    "kd_cluster[efficientnet_lite0]@photos": (0.06, 0.008),
    "silhouette_iou": (0.7, 0.99),
    "loo_psnr": (13.0, 36.0),
    "emr": (6.0, 0.3),
    "fid@photos": (260.0, 150.0),
    "throughput": (0.5, 4.0),
}
NORMALISED = ("cde", "loo_psnr", "emr")
UNDIVIDED = "6 of 6 objects not measurable: ceiling & floor | <b>do not differ</b> enough"
SET_METRICS = {"kd_cluster[efficientnet_lite0]@photos", "fid@photos"}


@dataclass
class FakeRun:
    """Options of a made-up run; `write` puts it on disk."""

    generators: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"name": "realiz3d", "use": "realiz3d"},
            {"name": "syn-only", "use": "full_tuning"},
            {"name": "theirs_v2 | <i>new", "use": "folder"},
            {"name": "ceiling", "use": "ceiling", "calibration": True},
        ]
    )
    n_cases: int = 6
    size: int = 24
    comparable: bool = True
    suite_hash: str = "5f" * 32
    signature_extra: str = ""
    shift: float = 0.0
    seed: int = 0
    pictures: list[np.ndarray] = field(default_factory=list)

    def write(self, root: Path) -> Path:
        rng = np.random.default_rng(self.seed)
        cases = [f"case_{i:02d}" for i in range(self.n_cases)]
        names = [generator["name"] for generator in self.generators]
        scores: list[ScoreRow] = []
        rows: list[dict[str, Any]] = []
        skill = {name: 0.75 * 0.82**g for g, name in enumerate(names)} | {"ceiling": 0.97, "floor": 0.05}
        for metric in METRICS:
            low, high = RANGES[metric["name"]]
            for g, name in enumerate(names):
                centre = low + (high - low) * skill[name] + self.shift
                row: dict[str, Any] = {
                    "generator": name,
                    "metric": metric["name"],
                    "axis": metric["axis"],
                    "direction": metric["direction"],
                    "unit": metric["unit"],
                    "n_objects": self.n_cases,
                    "n_images": 4 * self.n_cases,
                    "status": "ok",
                    "note": "",
                    "bold": g == 0,
                    "coverage": 0.343 if metric["name"] in ("cde", "loo_psnr", "emr") else None,
                    "signature": f"{metric['name']} n={4 * self.n_cases} background=white{self.signature_extra} v1",
                }
                if metric["name"] in SET_METRICS:
                    half = 0.04 * abs(high - low)
                    row |= {"value": centre, "ci_low": centre - half, "ci_high": centre + half}
                    # one generator made fewer pictures than the others for one of the distances
                    n = 9 if metric["name"] == "fid@photos" and g == 0 else 12
                    row |= {"reference_floor": 0.3 * abs(high - low) + n, "reference_floor_n": n}
                    scores.append(
                        ScoreRow(name, None, None, None, metric["name"], row["value"], metric["unit"], row["signature"])
                    )
                else:
                    values = centre + 0.08 * abs(high - low) * rng.standard_normal(self.n_cases)
                    half = 2 * float(values.std(ddof=1)) / np.sqrt(self.n_cases)
                    mean = float(values.mean())
                    row |= {"value": mean, "ci_low": mean - half, "ci_high": mean + half}
                    scores += [
                        ScoreRow(
                            name,
                            case,
                            0,
                            None,
                            metric["name"],
                            value,
                            metric["unit"],
                            row["signature"],
                            row["coverage"],
                        )
                        for case, value in zip(cases, values, strict=True)
                    ]
                    if metric["name"] in NORMALISED:
                        share = skill[name] - self.shift
                        row |= {
                            "normalised": share,
                            "normalised_ci_low": share - 0.02,
                            "normalised_ci_high": share + 0.02,
                        }
                        row |= {"normalised_n": self.n_cases - (metric["name"] == "loo_psnr"), "normalised_note": ""}
                    else:
                        row |= {"normalised": None, "normalised_n": None, "normalised_note": UNDIVIDED}
                rows.append(row)
        self._troubles(rows, names)
        summary = {
            "format": SUMMARY_FORMAT,
            "suite": {
                "name": "multiview-texturing",
                "version": 1,
                "task": "texturing",
                "hash": self.suite_hash,
                "description": "Objects of the mini-world, four orthogonal views, scored against real photographs.",
            },
            "comparable": self.comparable,
            "n_cases": self.n_cases,
            "n_cases_of_suite": self.n_cases if self.comparable else 40,
            "seeds": [0],
            "views": {
                "azimuths": [0, 90, 180, 270],
                "elevation": 0,
                "projection": "perspective",
                "fov": 40,
                "resolution": self.size,
            },
            "primary": PRIMARY,
            "metrics": METRICS,
            "generators": self.generators,
            "rows": rows,
            "comparisons": [
                {
                    "metric": metric,
                    "a": a,
                    "b": b,
                    "difference": (difference := float(rng.normal(0, 0.05))),
                    "ci_low": difference - 0.03,
                    "ci_high": difference + 0.03,
                    "detectable": 0.041,
                    "p_value": float(rng.uniform(0, 0.2)),
                    "p_holm": float(rng.uniform(0, 0.4)),
                    "method": "sign-flip permutation, 9999 draws",
                    "effect_size": float(rng.normal()),
                }
                for metric in PRIMARY
                for i, a in enumerate(names)
                for b in names[i + 1 :]
            ],
            "references": [{"name": "photos", "digest": "ab" * 32, "n": 210, "source": "object cut-outs on white"}],
            "failures": [{"generator": names[1], "case": cases[-1], "seed": 0, "message": HOSTILE_MESSAGE}],
            "cases": [
                {"id": case, "prompt": HOSTILE_PROMPT if i == 0 else f"a realistic photo of object {i} on white"}
                for i, case in enumerate(cases)
            ],
        }
        manifest = {
            "started": "2026-05-14T09:31:07Z",
            "command": ["realiz3d-bench", "run", "multiview-texturing", "--out", "runs/a b"],
            "hardware": {"device": "cuda:0", "gpu": "NVIDIA H100 80GB HBM3", "cpu": "16 cores"},
            "timing": {"total": 908.65, "stages": {"generate": 812.4, "score": 96.25}},
            "versions": {"torch": "2.11.0"},
            "note": HOSTILE_PROMPT,
        }
        root.mkdir(parents=True, exist_ok=True)
        (root / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        frame(scores).to_parquet(root / "scores.parquet", index=False)
        self._samples(root, names, cases, rng)
        return root

    def _troubles(self, rows: list[dict[str, Any]], names: list[str]) -> None:
        """One cell of each kind that has no number."""
        for generator, metric, status, note in (
            (names[1], "emr", "not_measurable", "coverage 4.1 % is under 10 %"),
            (names[2], "fid@photos", "weights_missing", "inception.pt not found | see <hint>"),
            (names[1], "throughput", "failed", HOSTILE_MESSAGE),
        ):
            row = next(row for row in rows if row["generator"] == generator and row["metric"] == metric)
            row |= {
                "value": float("nan"),
                "ci_low": None,
                "ci_high": None,
                "status": status,
                "note": note,
                "bold": False,
            }

    def _samples(self, root: Path, names: list[str], cases: list[str], rng: np.random.Generator) -> None:
        for g, name in enumerate(names):
            for c, case in enumerate(cases):
                if g == 1 and case == cases[-1]:
                    continue  # the failed one
                folder = root / "samples" / name / case / "seed_0"
                folder.mkdir(parents=True)
                for view in range(4):
                    if self.pictures:
                        picture = self.pictures[(c * 4 + view + 3 * g) % len(self.pictures)]
                    else:
                        picture = rng.integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)
                    Image.fromarray(picture).save(folder / f"view_{view}.png", compress_level=1)
