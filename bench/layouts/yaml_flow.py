"""Plain values as one line of YAML, to be pasted into a suite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_TEXT = ("true", "false", "null", "yes", "no", "on", "off")


def flow(value: Any) -> str:
    """`{azimuths: [0, 90], background: "#7f7f7f"}`: texts are quoted where YAML could take them for something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT else quoted(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def quoted(text: str) -> str:
    """In double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
