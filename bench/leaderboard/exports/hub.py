"""The Hugging Face Hub: `.eval_results/*.yaml` of a model's repository, and `model-index` for older model cards.

https://huggingface.co/docs/hub/eval-results
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from bench.leaderboard.entry import Entry, EntryRow
from bench.leaderboard.exports.places import Places
from bench.leaderboard.pin import Pin
from groundwork.errors import UsageError


def eval_results(entry: Entry, pin: Pin, places: Places) -> str:
    """The primary results as `.eval_results/<suite>.yaml`. Raises `UsageError` without a dataset of the Hub."""
    if not places.dataset:
        raise UsageError(
            "the Hub files results under a dataset, and none is named",
            expected="--dataset OWNER/NAME, the dataset that holds the suite",
        )
    found = []
    for row in _primary(entry, pin):
        item: dict[str, Any] = {
            "dataset": {"id": places.dataset, "task_id": task_id(row.metric), "revision": entry.suite.hash[:40]},
            "value": row.value,
            "date": entry.date,
        }
        if places.site:
            item["source"] = {"url": places.at(f"suites/{entry.board}/index.html"), "name": entry.board}
        item["notes"] = f"{row.n_objects} objects, {entry.tier}, signature {row.signature}"
        found.append(item)
    return _yaml(found)


def model_index(entry: Entry, pin: Pin, places: Places) -> str:
    """The metadata block of a model card: all rows with a number."""
    source = {"name": f"realiz3d-bench {entry.harness.version}".strip()}
    if places.site:
        source["url"] = places.at(f"suites/{entry.board}/index.html")
    result: dict[str, Any] = {
        "task": {"type": "text-to-image", "name": pin.task.replace("_", " ")},
        "dataset": {
            "type": places.dataset or entry.suite.name,
            "name": entry.board,
            "revision": entry.suite.hash[:40],
        },
        "metrics": [
            {"type": task_id(row.metric), "name": row.metric, "value": row.value, "args": {"signature": row.signature}}
            for row in entry.rows
            if row.status == "ok" and row.value is not None
        ],
    }
    if places.site:
        result["source"] = source
    return _yaml({"model-index": [{"name": entry.generator.model, "results": [result]}]})


def task_id(metric: str) -> str:
    """A result's name in letters that the Hub allows: `ed_cluster[x]@photos` is `ed_cluster_x_photos`."""
    return re.sub(r"\W+", "_", metric).strip("_")


def _primary(entry: Entry, pin: Pin) -> list[EntryRow]:
    rows = [row for name in pin.primary if (row := entry.row(name)) is not None]
    return [row for row in rows if row.status == "ok" and row.value is not None]


def _yaml(document: Any) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text
