"""Every Eval Ever, schema 0.3: one JSON file a run, with each result's interval and signature.

https://github.com/evaleval/every_eval_ever; validated in tests by the package of that name, and by its JSON Schema.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bench.leaderboard.entry import Entry, EntryRow
from bench.leaderboard.exports.places import Places
from bench.leaderboard.pin import Pin
from bench.leaderboard.texts import slug

SCHEMA_VERSION = "0.3.0"


def every_eval_ever(entry: Entry, pin: Pin, places: Places) -> str:
    """The file's text. Rows without a number are left out: the schema has no word for them."""
    moment = str(int(datetime.fromisoformat(entry.date).replace(tzinfo=UTC).timestamp()))
    identity = f"{slug(entry.generator.developer)}/{slug(entry.generator.model)}"
    document = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{entry.board}/{identity.replace('/', '_')}/{moment}",
        "evaluation_timestamp": entry.date,
        "retrieved_timestamp": moment,
        "source_metadata": {
            "source_name": f"realiz3d-bench leaderboard, {entry.board}",
            "source_type": "evaluation_run",
            "source_organization_name": entry.evaluated_by,
            "evaluator_relationship": entry.relationship,
            "additional_details": _texts(entry_id=entry.id, tier=entry.tier, sampled_by=entry.sampled_by),
        },
        "eval_library": {
            "name": entry.harness.name,
            "version": entry.harness.version or "unknown",
            "additional_details": _texts(commit=entry.harness.commit, command=entry.command),
        },
        "model_info": _model(entry, identity),
        "evaluation_results": [
            _result(entry, pin, row, places) for row in entry.rows if row.status == "ok" and row.value is not None
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _model(entry: Entry, identity: str) -> dict[str, Any]:
    model, weights = entry.generator, entry.generator.weights
    return {
        "name": model.model,
        "id": identity,
        "developer": model.developer,
        "additional_details": {
            "deployment_type": "unknown",
            "model_availability": "open_weights" if weights and weights.url else "unknown",
            **_texts(
                licence=model.licence,
                weights=weights.url if weights else None,
                weights_sha256=weights.sha256 if weights else None,
                code=model.code.url if model.code else None,
                code_commit=model.code.commit if model.code else None,
                training_data_overlap=entry.overlap,
            ),
        },
    }


def _result(entry: Entry, pin: Pin, row: EntryRow, places: Places) -> dict[str, Any]:
    pinned = pin.result(row.metric)
    worst = pinned.worst if pinned else None
    up = row.direction == "up"
    detail: dict[str, Any] = {"score": row.value, "details": _texts(note=row.note, n_missing=row.n_missing or None)}
    if row.ci_low is not None and row.ci_high is not None:
        method = (
            "jackknife over objects" if row.by_object == "leave_one_out" else "t, corrected for skewness, over objects"
        )
        detail["uncertainty"] = {
            "confidence_interval": {
                "lower": row.ci_low, "upper": row.ci_high, "confidence_level": 0.95, "method": method,
            },
            "num_samples": row.n_objects,
        }  # fmt: skip
    return {
        "evaluation_result_id": f"{entry.id}:{row.metric}",
        "evaluation_name": f"{entry.board}: {row.metric}",
        "evaluation_timestamp": entry.date,
        "source_data": _source(entry, places),
        "metric_config": {
            "evaluation_description": (pinned.title if pinned else "") or row.metric,
            "metric_id": f"realiz3d-bench.{row.metric}",
            "metric_name": row.metric,
            "metric_unit": row.unit,
            "lower_is_better": not up,
            "score_type": "continuous",
            "min_score": worst if up and worst is not None else "-Infinity",
            "max_score": worst if not up and worst is not None else "Infinity",
            "additional_details": _texts(axis=row.axis, signature=row.signature),
        },
        "score_details": detail,
    }


def _source(entry: Entry, places: Places) -> dict[str, Any]:
    details = _texts(suite_hash=entry.suite.hash, version=entry.suite.version)
    address = places.at(f"entries/{entry.board}/suite.json")
    if address:
        return {"dataset_name": entry.board, "source_type": "url", "url": [address], "additional_details": details}
    return {"dataset_name": entry.board, "source_type": "other", "additional_details": details}


def _texts(**values: object) -> dict[str, str]:
    """The schema's free fields hold texts; what is not known is left out."""
    return {key: str(value) for key, value in values.items() if value not in (None, "")}
