"""A board of many made-up entries whose numbers hold together, and the texts that strangers may put into them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.leaderboard.entry import Entry, content_id
from bench.leaderboard.files import write_document
from bench.leaderboard.making import entry_of, where_it_lies
from bench.leaderboard.objects import ObjectValue, write_objects
from bench.leaderboard.pin import PIN, Pin, PinnedCase, PinnedResult, judged_suffix, write_pin
from bench.results.summary import ViewsInfo
from bench.stats.difference import mean_difference
from bench.stats.intervals import jackknife_interval
from groundwork.files import write_atomically
from groundwork.hashing import hash_bytes, hash_json

# name, axis, direction, worst and best likely value
RESULTS = (
    ("cde", "consistency", "up", 0.1, 0.9),
    ("unjudged_seam", "consistency", "down", 0.5, 0.05),
    ("ed_cluster[efficientnet_lite0_interior]@photos", "realism", "down", 0.8, 0.02),
    ("silhouette_iou", "control", "up", 0.6, 0.99),
    ("identity", "control", "up", 0.1, 0.95),
    ("loo_psnr", "consistency", "up", 14.0, 33.0),
    ("colour_drift", "consistency", "down", 9.0, 1.0),
    ("kd_cluster[efficientnet_lite0]@photos", "realism", "down", 0.3, 0.01),
)
HOSTILE = {
    "script": "</th></table><script>document.body.textContent = 'owned'</script>",
    "picture": '<img src="https://evil.example/x.png" onerror="alert(1)">',
    "formula": '=HYPERLINK("https://evil.example","click")',
    "right to left": "نموذج ثلاثي الأبعاد واقعي",
    "template": "{{ 7 * 7 }}{% raw %} ${7*7} '\" onmouseover=alert(1) x='",
    "long": "W" * 100,
    "letters": "研究所のモデル 🦊 Ünïcödé",
}
LONG_PROMPT = "<b>a very long prompt</b> " + "x" * 100_000


def write_board(
    root: Path, count: int, names: tuple[str, ...] = (), seed: int = 0, sheets: bool = True, board: str = "made-up"
) -> list[Path]:
    """A pin and `count` entries below `root`; the first take their names, developers and remarks from `names`."""
    rng = np.random.default_rng(seed)
    cases = tuple(f"object_{i:02d}" for i in range(20))
    signatures = [f"{name} azimuths=0,90,180,270 resolution=256 v2" for name, *_ in RESULTS]
    pin = _pin(board, cases, signatures)
    write_pin(root / pin.board / PIN, pin)
    difficulty = rng.normal(0, 0.1, len(cases))
    paths = []
    for number in range(count):
        name = names[number] if number < len(names) else f"model {number:03d}"
        paths.append(_entry(root, pin, name, number, rng, difficulty, sheets, hostile=number < len(names)))
    return paths


def _pin(name: str, cases: tuple[str, ...], signatures: list[str]) -> Pin:
    protocol = {"name": name, "made_up": True}
    whole = {name for name, *_ in RESULTS if "@" in name}
    return Pin(
        format=1, name=name, version=1, hash=hash_json(protocol), task="texturing", protocol=protocol, seeds=(0,),
        description="A question that nobody asked. " * 8,
        cases=tuple(PinnedCase(id=case, prompt=LONG_PROMPT if i == 0 else f"a {case}") for i, case in enumerate(cases)),
        views=ViewsInfo(azimuths=(0, 90, 180, 270), resolution=256),
        primary=tuple(name for name, *_ in RESULTS[:5]),
        results=tuple(
            PinnedResult(name=name, axis=axis, direction=direction, title=f"what {name.partition('[')[0]} measures",
                         signature=signature + ("" if name in whole else judged_suffix(cases)))
            for (name, axis, direction, _, _), signature in zip(RESULTS, signatures, strict=True)
        ),
    )  # fmt: skip


def _entry(
    root: Path, pin: Pin, name: str, number: int, rng: np.random.Generator, difficulty: np.ndarray, sheets: bool,
    hostile: bool,
) -> Path:  # fmt: skip
    rows, objects = [], {}
    for result, (_, _, _, low, high) in zip(pin.results, RESULTS, strict=True):
        skill = float(np.clip(rng.beta(2, 2), 0.02, 0.98))
        values = low + (high - low) * (skill + difficulty + rng.normal(0, 0.05, len(difficulty)))
        distance = "@" in result.name
        if distance:
            value = float(low + (high - low) * skill)
            values = value + (values - values.mean()) / len(values)
            low_end, high_end = jackknife_interval(value, values)
        else:
            mean = mean_difference(values)
            value, (low_end, high_end) = mean.estimate, mean.interval().ends
        objects[result.name] = {c.id: ObjectValue(float(v)) for c, v in zip(pin.cases, values, strict=True)}
        rows.append({
            "metric": result.name, "axis": result.axis, "direction": result.direction, "value": value,
            "ci_low": low_end, "ci_high": high_end, "n_objects": len(values), "n_images": 4 * len(values),
            "status": "ok", "signature": result.signature, "by_object": "leave_one_out" if distance else "values",
        })  # fmt: skip
    table = write_objects(objects)
    sheet = _sheet(rng) if sheets else None
    text = name if hostile else ""
    document: dict[str, Any] = {
        "format": 1, "suite": pin.suite.model_dump(), "harness": {"version": "0.1.0"},
        "generator": {"name": f"m{number}", "model": name, "developer": name if hostile else f"Lab {number % 17}",
                      "description": text, "licence": text or "MIT", "calibration": name == "ceiling"},
        "sampled_by": text or "Lab", "evaluated_by": text or "Lab", "relationship": "first_party", "date": "2026-04-14",
        "hardware": {"gpu": text or "one"}, "command": text or "realiz3d-bench run made-up",
        "overlap": text or "not known", "remarks": text, "seeds": [0], "rows": rows, "objects": hash_bytes(table),
        "samples": {f"{c.id}/0": hash_json([number, c.id]) for c in pin.cases},
        "preview": sheet and {"sha256": hash_bytes(sheet), "cases": ["object_00", "object_07"], "views": 4, "size": 32},
    }  # fmt: skip
    document["id"] = content_id(document)
    document["history"] = [{"date": f"2026-05-{1 + number % 28:02d}", "event": "submitted", "by": text or "Lab"}]
    document |= {"state": {"active": True, "superseded_by": None, "withdrawn": None}, "tier": "claimed"}
    entry: Entry = entry_of(document, name)
    path = where_it_lies(root, entry)
    write_atomically(path.with_suffix(".parquet"), table)
    if sheet:
        write_atomically(path.with_suffix(".webp"), sheet)
    write_document(path, document)
    return path


def _sheet(rng: np.random.Generator) -> bytes:
    picture = np.kron(rng.integers(60, 255, (8, 16, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP")
    return buffer.getvalue()
