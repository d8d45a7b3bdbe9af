"""What is written beside a reference set's features: enough to know it, to check it and to make it again."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from bench.errors import ReferenceSetError, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAX_BYTES = 64 * 1024 * 1024


class ExtractorRecord(BaseModel):
    """One extractor's features: its fingerprint and signature when they were computed, and the array's own SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str
    signature: str
    features: str


class Provenance(BaseModel):
    """A reference set in words and hashes. `digest` pins the framed pictures, whatever the extractor.

    `background` is sRGB in [0, 1], `preparation` the version of the framing, `files` the relative names in row order.
    `recipe` says how the pictures were chosen and made, where a program did that.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str
    count: int
    background: tuple[float, float, float]
    preparation: str
    digest: str
    extractors: dict[str, ExtractorRecord]
    files: tuple[str, ...]
    recipe: dict[str, JsonValue] | None = None


def check_name(name: str) -> None:
    """Raise `UsageError` unless `name` can be a file name and part of a metric's name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot name a reference set",
            expected="letters, digits, '_' and '-', at most 64, a letter or digit first",
        )


def read_provenance(path: Path) -> Provenance:
    """Read `<name>.json`. Raises `ReferenceSetError` when it is broken or written by another version."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReferenceSetError("the provenance file is too large to be one", where=str(path))
        return Provenance.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReferenceSetError(f"the provenance file cannot be read: {error.strerror}", where=str(path)) from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "the file"
        raise ReferenceSetError(
            f"the provenance file is not valid: {field}: {problem['msg']}",
            where=str(path),
            hint="build the set again: realiz3d-bench reference build NAME FOLDER",
        ) from error
