"""What an entry's page tells beside its numbers: who made what, on what, from what, and how to do it again."""

from __future__ import annotations

from dataclasses import dataclass

from bench.leaderboard.entry import Entry

Fact = tuple[str, str, str]
"""Label, text, address ('' for none)."""


@dataclass(frozen=True)
class Facts:
    """`headline` opens the page; `provenance` stands below the numbers; `commands` do it again."""

    headline: tuple[Fact, ...]
    provenance: tuple[Fact, ...]
    commands: tuple[tuple[str, str], ...]


def entry_facts(entry: Entry) -> Facts:
    """The facts of one entry; what it does not say is left out."""
    model = entry.generator
    headline = [
        ("developer", model.developer, ""),
        ("date", entry.date, ""),
        ("sampled by", entry.sampled_by, ""),
        ("evaluated by", f"{entry.evaluated_by} ({entry.relationship.replace('_', ' ')})", ""),
        ("licence", model.licence, ""),
        ("harness", f"{entry.harness.name} {entry.harness.version}".strip(), ""),
    ]
    code, weights, pictures = model.code, model.weights, entry.pictures
    provenance = [
        ("entry", entry.id, ""),
        ("suite", f"{entry.board}, hash {entry.suite.hash}", ""),
        ("name in the run", f"{model.name}{f' ({model.use})' if model.use else ''}", ""),
        ("paper", model.paper or "", model.paper or ""),
        ("code", f"{code.url}{f' at {code.commit}' if code.commit else ''}" if code else "", code.url if code else ""),
        ("weights", (weights.url or "") if weights else "", (weights.url or "") if weights else ""),
        ("weights' SHA-256", (weights.sha256 or "") if weights else "", ""),
        ("pictures", pictures.url if pictures else "not published", pictures.url if pictures else ""),
        ("pictures' SHA-256", (pictures.sha256 or "") if pictures else "", ""),
        ("pictures' licence", pictures.licence if pictures else "", ""),
        ("training data and the suite's objects", entry.overlap, ""),
        ("remarks", entry.remarks, ""),
        ("harness's commit", entry.harness.commit, ""),
        ("hardware", ", ".join(f"{key} {value}" for key, value in entry.hardware.items()), ""),
        ("versions", ", ".join(f"{key} {value}" for key, value in entry.versions.items()), ""),
    ]
    return Facts(
        tuple(fact for fact in headline if fact[1]), tuple(fact for fact in provenance if fact[1]), _commands(entry)
    )  # fmt: skip


def _commands(entry: Entry) -> tuple[tuple[str, str], ...]:
    found = []
    if entry.pictures:
        what = "Measure the published pictures again"
        found.append((what, f"realiz3d-bench leaderboard rescore {entry.id}.json --samples PICTURES"))
    if entry.command:
        found.append(("What was typed", entry.command))
    return tuple(found)
