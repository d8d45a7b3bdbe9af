"""Whether two inputs answer one question, and if not, in which part they differ: in words, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench.gate.document import Difference
from bench.gate.sides import Scored, Side
from bench.results.signatures import signature_fields

# of a signature: which objects were judged is compared object by object, where there is a value for each
_COUNTS = ("n", "cases")


def differences_of_sides(baseline: Side, candidate: Side) -> tuple[Difference, ...]:
    """Parts of the question in which two sides differ: suite, version, task, views, cases. None: they compare."""
    found = []
    if baseline.suite != candidate.suite:
        found.append(Difference(part="suite", baseline=baseline.suite, candidate=candidate.suite))
    elif baseline.version != candidate.version:
        before, after = (str(side.version) for side in (baseline, candidate))
        found.append(Difference(part="version of the suite", baseline=before, candidate=after))
    found += _unequal(_but_cases(baseline.protocol), _but_cases(candidate.protocol))
    ours, theirs = set(baseline.cases), set(candidate.cases)
    if ours != theirs:
        found.append(
            Difference(
                part="cases",
                baseline=_cases(len(ours), ours - theirs),
                candidate=_cases(len(theirs), theirs - ours),
            )
        )
    elif baseline.protocol.get("cases") != candidate.protocol.get("cases") and not found:
        before, after = (str(side.protocol.get("cases"))[:12] for side in (baseline, candidate))
        found.append(
            Difference(part="contents of the cases (prompts, meshes, cameras)", baseline=before, candidate=after)
        )
    return tuple(found)


def differences_of_results(before: Scored, after: Scored) -> tuple[Difference, ...]:
    """Parts of two signatures that disagree, and a direction or unit that changed."""
    found = [
        Difference(part=part, baseline=one, candidate=other)
        for part, one, other in (
            ("direction", before.direction, after.direction),
            ("unit", before.unit or "none", after.unit or "none"),
        )
        if one != other
    ]
    ours, theirs = (signature_fields(scored.signature) for scored in (before, after))
    ignored = () if before.whole else _COUNTS
    for part in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(part, "none"), theirs.get(part, "none")
        if one != other and part not in ignored:
            found.append(Difference(part=part, baseline=one, candidate=other))
    return tuple(found)


def lines_of_versions(baseline: Side, candidate: Side) -> tuple[Difference, ...]:
    """Packages whose versions differ: what a drift of the stack is first looked for in."""
    names = dict.fromkeys([*baseline.versions, *candidate.versions])
    pairs = ((name, baseline.versions.get(name, "none"), candidate.versions.get(name, "none")) for name in names)
    return tuple(Difference(part=name, baseline=one, candidate=other) for name, one, other in pairs if one != other)


def _but_cases(protocol: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in protocol.items() if key not in ("cases", "suite")}


def _unequal(found: Any, wanted: Any, name: str = "") -> list[Difference]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = dict.fromkeys([*found, *wanted])
        return [
            line
            for key in keys
            for line in _unequal(found.get(key), wanted.get(key), f"{name}.{key}" if name else str(key))
        ]
    return [] if found == wanted else [Difference(part=name, baseline=_short(found), candidate=_short(wanted))]


def _cases(count: int, own: set[str]) -> str:
    listed = ", ".join(sorted(own)[:3]) + (", ..." if len(own) > 3 else "")
    return f"{count}, {len(own)} of them its own ({listed})" if own else f"{count}, all of them in the other too"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
