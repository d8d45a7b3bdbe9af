"""The exported JSON Schema: current, described, and of the same mind as the reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.suite.schema import Suite, suite_schema

EXPORTED = Path(__file__).parents[2] / "docs" / "suite.schema.json"


def test_exported_schema_is_current() -> None:
    written = json.loads(EXPORTED.read_text(encoding="utf-8"))
    assert written == suite_schema(), "run: realiz3d-bench validate --schema > docs/suite.schema.json"


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield schema
        for value in schema.values():
            yield from _objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


def test_every_field_is_described_and_every_section_closed() -> None:
    found = list(_objects(suite_schema()))
    assert len(found) >= 9
    for section in found:
        assert section["additionalProperties"] is (section["title"] == "GeneratorEntry")
        assert section["description"]
        undescribed = [
            name for name, field in section["properties"].items() if not field.get("description") and name != "source"
        ]
        assert undescribed == [], section["title"]


def test_schema_knows_the_fields_of_the_model() -> None:
    schema = suite_schema()
    assert set(schema["properties"]) == set(Suite.model_fields)
    assert set(schema["required"]) == {name for name, field in Suite.model_fields.items() if field.is_required()}
    for reference in _references(schema):
        assert reference.startswith("#/$defs/")
        assert reference.rpartition("/")[2] in schema["$defs"]


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def test_schema_agrees_with_the_reader() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(suite_schema())
    validator.check_schema(suite_schema())
    good = {
        "name": "a",
        "version": 1,
        "task": "texturing",
        "cases": {"source": "meshes", "path": "x"},
        "references": {"a": {"built": "b"}, "c": {"miniworld": {"look": "rich"}}},
        "generators": [{"name": "g", "use": "folder", "path": "x"}],
        "metrics": ["cde", {"fid": {"reference": "a"}}],
    }
    assert list(validator.iter_errors(good)) == []
    for key, value in [
        ("metrics", []),
        ("references", {"a": {"folder": "x", "built": "y"}}),
        ("cases", {"source": "x"}),
        ("nme", 3),
    ]:
        assert list(validator.iter_errors(good | {key: value})) != []
