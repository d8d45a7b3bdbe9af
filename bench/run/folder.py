"""The run folder as the run uses it: the manifest that says what was run, and whose folder it is.

A folder belongs to one protocol: the name, task, cases, views and seed of its suite. Generators, metrics and references
may come and go (samples and scores are recognised by what they were made from), but numbers of two protocols must
never meet in one table, so a folder of another protocol is refused. It belongs to one command at a time
(`groundwork.lock`), and says whose it is before anything else is written to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.results.layout import MARKER, RunLayout
from bench.run.plan import Plan, case_digest
from groundwork.files import is_leftover, write_atomically
from groundwork.hashing import hash_json
from groundwork.lock import LOCK_FILES

_WITHOUT_MANIFEST = (
    "delete this one file and give the command that made the folder again: samples and scores are recognised by what "
    "they were made from, and nothing is made twice"
)


class RunFolder(RunLayout):
    """A run folder that a run writes to."""

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or None for a folder that holds none. Raises `UsageError` for a broken one."""
        if not self.manifest.is_file():
            return None
        try:
            content = json.loads(self.manifest.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(
                f"the run folder's manifest cannot be read: {error}",
                where=str(self.manifest),
                hint=_WITHOUT_MANIFEST,
            ) from error
        if not isinstance(content, dict) or not isinstance(content.get("protocol"), dict):
            raise UsageError(
                "the run folder's manifest does not say what was run",
                where=str(self.manifest),
                expected="a manifest.json that a run wrote",
                hint=_WITHOUT_MANIFEST,
            )
        return content

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Write JSON atomically, readable, without NaN."""
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        write_atomically(path, text.encode("utf-8", "backslashreplace"))  # lone surrogates of names, as JSON has them

    def fits(self, plan: Plan) -> dict[str, Any]:
        """The plan's protocol, when the folder is its own or nobody's. Raises `UsageError` when it is another's.

        Nothing is written.
        """
        protocol = plan_protocol(plan)
        if self.root.exists() and not self.root.is_dir():
            raise UsageError("--out is a file", where=str(self.root), expected="a folder, new or of an earlier run")
        before = self.read_manifest()
        if before is None:
            if not self._is_new() and not self._holds_samples():
                raise UsageError(
                    "--out is a folder that is not empty and holds no run",
                    where=str(self.root),
                    hint="choose a new folder; nothing in it was touched",
                )
            return protocol
        differences = _differences(before["protocol"], protocol)
        if differences:
            raise UsageError(
                "the run folder belongs to another suite",
                where=str(self.root),
                expected="; ".join(differences),
                hint="choose another --out: numbers of two protocols must not meet in one table",
            )
        return protocol

    def _is_new(self) -> bool:
        """Whether nothing lies here but what a command leaves that ended before it could say whose the folder is."""
        if not self.root.is_dir():
            return True
        kept = LOCK_FILES | {self.features.name}
        return all(path.name in kept or is_leftover(path.name) for path in self.root.iterdir())

    def _holds_samples(self) -> bool:
        """Whether samples of a run are here whose manifest was lost: they say themselves what they were made from."""
        return any(True for _ in self.samples.glob(f"*/*/seed_*/{MARKER}"))


def plan_protocol(plan: Plan) -> dict[str, Any]:
    """What a sample means: suite name, task, views, suite seed, and all cases (before `--limit`)."""
    suite = plan.suite
    views = suite.views.model_dump(mode="json")
    views.get("cameras", {}).pop("path", None)  # what the files say is part of each case
    return {
        "suite": suite.name,
        "task": suite.task,
        "views": views,
        "seed": suite.seed,
        "cases": hash_json([case_digest(case) for case in plan.all_cases]),
    }


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """What sets two protocols apart, field by field: `views.resolution = 512, not 128`."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = dict.fromkeys([*wanted, *found])
        return [
            line
            for key in keys
            for line in _differences(found.get(key), wanted.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if found == wanted else [f"{name} = {_short(found)}, not {_short(wanted)}"]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
