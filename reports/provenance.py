"""What the manifest and the suite say about a run, in the few facts that a reader asks for first."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.results.read import RunResults


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
        ("date", _date(manifest)),
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


def _scored(run: RunResults) -> str:
    summary = run.summary
    azimuths = summary.views.azimuths
    counts = [(summary.n_cases, "object")]
    own = {len(case.views) for case in summary.cases}
    counts += [(len(azimuths), "view")] if azimuths else []
    counts += [(own.pop(), "view")] if summary.views.of_each_case and len(own) == 1 else []
    counts += [(len(summary.seeds), "seed")] if summary.seeds else []
    return " × ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in counts if n is not None)


def _date(manifest: Mapping[str, Any]) -> str:
    """'2026-05-14 09:31 UTC' of an ISO time stamp; what else stands there unchanged."""
    stamp = _first_text(manifest, "started", "date")
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment.tzinfo else stamp


def _device(manifest: Mapping[str, Any]) -> str:
    """The GPU when one was used, else the processor."""
    hardware = manifest.get("hardware")
    return _first_text(hardware, "gpu", "cpu", "device") if isinstance(hardware, Mapping) else ""


def _command(manifest: Mapping[str, Any]) -> str:
    command = manifest.get("command")
    if isinstance(command, list):
        return shlex.join(str(part) for part in command)
    return command if isinstance(command, str) else ""


def _stages(manifest: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Seconds by stage and in total, of the last command on this run folder."""
    timing = manifest.get("timing")
    if not isinstance(timing, Mapping):
        return ()
    stages = timing.get("stages")
    spent = dict(stages) if isinstance(stages, Mapping) else {}
    spent["total"] = timing.get("total")
    return tuple((str(name), float(value)) for name, value in spent.items() if isinstance(value, int | float))


def _first_text(source: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        value = source.get(key)
        if isinstance(value, str) and value:
            return value
    return ""
