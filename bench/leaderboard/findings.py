"""What `leaderboard check` found, and the three ways to print it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning"]
FORMATS = ("text", "json", "github")


@dataclass(frozen=True, order=True)
class Finding:
    """Something wrong (`error`) or worth a look (`warning`). `code` names the kind, `line` is 1 where none is known."""

    file: str
    line: int
    level: Level
    code: str
    message: str
    hint: str = ""


def write_findings(findings: Sequence[Finding], entries: int, format: str) -> str:
    """All of it as text. `entries`: how many were looked at."""
    errors = sum(one.level == "error" for one in findings)
    if format == "json":
        document = {"entries": entries, "errors": errors, "findings": [asdict(one) for one in findings]}
        return json.dumps(document, indent=1, ensure_ascii=True)
    if format == "github":
        return "\n".join([*map(_annotation, findings), _total(entries, errors, len(findings) - errors)])
    lines = []
    for one in findings:
        lines.append(f"{one.file}:{one.line}: {one.level}: {one.message} [{one.code}]")
        lines += [f"  do: {one.hint}"] if one.hint else []
    return "\n".join([*lines, _total(entries, errors, len(findings) - errors)])


def _total(entries: int, errors: int, warnings: int) -> str:
    looked = f"{entries} {'entry' if entries == 1 else 'entries'}"
    parts = [f"{errors} {'error' if errors == 1 else 'errors'}"]
    parts += [f"{warnings} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []
    return f"{looked}: {', '.join(parts)}"


def _annotation(one: Finding) -> str:
    """A workflow command: a text of strangers must not end it, nor begin another."""
    text = one.message + (f" ({one.hint})" if one.hint else "")
    properties = f"file={_property(one.file)},line={one.line},title={_property('leaderboard: ' + one.code)}"
    return f"::{one.level} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
