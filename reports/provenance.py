"""What the manifest and the suite say about a run, in the few facts that a reader asks for first."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.run_folder import RunResults
from reports.table import Table


@dataclass(frozen=True)
class Facts:
    """`headline` are (label, text) pairs; `command` is '' and `stages` empty where the manifest does not say."""

    headline: tuple[tuple[str, str], ...]
    command: str
    stages: tuple[tuple[str, float], ...]
    manifest: str


def facts_of(run: RunResults) -> Facts:
    """The facts of one run."""
    manifest, summary = run.manifest, run.summary
    headline = [
        ("date", _first_text(manifest, "date", "created", "started", "finished")[:19].replace("T", " ")),
        ("scored", _scored(run)),
        ("device", _device(manifest)),
        ("task", summary.suite.task.replace("_", " ")),
        ("suite hash", summary.suite.hash[:16]),
        ("comparable", "yes" if summary.comparable else "no, limited run"),
    ]
    return Facts(
        headline=tuple((label, text) for label, text in headline if text),
        command=_command(manifest),
        stages=_stages(manifest),
        manifest=json.dumps(manifest, indent=2, ensure_ascii=False) if manifest else "",
    )


def facts_of_table(table: Table) -> tuple[Facts, ...]:
    """The facts of each run of a table."""
    return tuple(facts_of(run) for run in table.runs)


def _scored(run: RunResults) -> str:
    summary = run.summary
    azimuths = summary.views.get("azimuths")
    counts = [(summary.n_cases, "object")]
    counts += [(len(azimuths), "view")] if isinstance(azimuths, list) else []
    counts += [(len(summary.seeds), "seed")] if summary.seeds else []
    return " × ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in counts if n is not None)


def _device(manifest: Mapping[str, Any]) -> str:
    hardware = manifest.get("hardware")
    if isinstance(hardware, Mapping):
        return _first_text(hardware, "device_name", "gpu", "device", "cpu")
    return hardware if isinstance(hardware, str) else _first_text(manifest, "device")


def _command(manifest: Mapping[str, Any]) -> str:
    for key in ("command_line", "command", "argv"):
        value = manifest.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value:
            return shlex.join(str(part) for part in value)
    return ""


def _stages(manifest: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    for key in ("wall_times", "wall_seconds", "stages"):
        value = manifest.get(key)
        if isinstance(value, Mapping):
            return tuple((str(name), float(spent)) for name, spent in value.items() if isinstance(spent, int | float))
    return ()


def _first_text(source: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        value = source.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value and isinstance(value[0], str):
            return str(value[0])
    return ""
