"""gate.md: for the summary of a CI job, or a note on a merge request. At most 60 kB: GitHub cuts comments at 65 536."""

from __future__ import annotations

import html
import re

from bench.gate.document import GatedResult, GatePage
from bench.gate.words import VERDICT_WORDS, amount, difference_words, drift_words, headline, signed
from bench.results.numbers import format_p, format_value

MOST_BYTES = 60_000
_MARKS = {
    "pass": "✅", "improved": "✅", "inconclusive": "❔", "regression": "❌", "incomparable": "⚠️", "missing": "⚠️",
}  # fmt: skip
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&@])")


def write_markdown(page: GatePage) -> str:
    """The text of gate.md. Lists are cut before a limit of size is met, and say so."""
    for shown in (10, 3, 0):
        text = _page(page, shown)
        if len(text.encode()) <= MOST_BYTES:
            return text
    cut = "\n\n(cut: this page is too long for a note; gate.json has all of it)\n"
    return text.encode()[: MOST_BYTES - len(cut.encode())].decode(errors="ignore") + cut


def _page(page: GatePage, shown: int) -> str:
    parts = [f"## {_MARKS[page.verdict]} Gate: {_plain(headline(page))}", _parties(page)]
    if page.results:
        parts.append(_table(page))
    parts += [_reasons(page)]
    parts += [f"> {_plain(note)}" for note in page.notes]
    parts += _sensitivity(page) + _drift(page)
    parts += [_worst(result, shown) for result in page.results if result.worst and shown and _shows(result)]
    if page.differences:
        lines = [f"- {_plain(difference_words(one))}" for one in page.differences]
        parts.append(_folded(f"{len(lines)} differences of settings and versions", "\n".join(lines)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _parties(page: GatePage) -> str:
    before, after = page.baseline, page.candidate
    text = f"**{_plain(after.label)}** against **{_plain(before.label)}**, suite {_plain(after.suite)} v{after.version}"
    accepted = f"; accepted by {_plain(before.accepted_by)}: {_plain(before.reason)}" if before.reason else ""
    return f"{text}{accepted}."


def _table(page: GatePage) -> str:
    head = "| | result | verdict | baseline | candidate | worse by | tolerated | n | p (corrected) |"
    rows = [head, "|---|---|---|---:|---:|---:|---:|---:|---:|"]
    for one in page.results:
        cells = (
            _MARKS[one.verdict], f"`{_code(one.metric)}`", one.verdict, format_value(one.baseline, one.unit),
            amount(one.candidate, one.unit), signed(one.harm, one.unit), amount(one.delta, one.unit),
            str(one.n_objects), format_p(one.p_worse_holm),
        )  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _reasons(page: GatePage) -> str:
    return "\n".join(
        f"- `{_code(one.metric)}` {VERDICT_WORDS[one.verdict]}: {_plain(one.reason)}" for one in page.results
    )


def _sensitivity(page: GatePage) -> list[str]:
    if page.sensitivity is None:
        return []
    lines = [
        f"- {_plain(one.corruption)}: "
        + (f"caught by {', '.join(f'`{_code(name)}`' for name in one.caught_by)}" if one.caught_by else one.verdict)
        for one in page.sensitivity
    ]
    caught = sum(bool(one.caught_by) for one in page.sensitivity)
    return [
        f"This gate would have caught {caught} of {len(lines)} known corruptions of the baseline's own pictures:",
        "\n".join(lines),
    ]


def _drift(page: GatePage) -> list[str]:
    if page.drift is None:
        return []
    moved = [one for one in page.drift if one.drifted]
    if not moved:
        return ["No drift: the baseline's pictures, scored again today, give the stored numbers."]
    lines = [f"- {_plain(drift_words(one))}" for one in moved]
    return [
        "**Drift of the stack**: the baseline's own pictures score differently today. Verdicts use today's.",
        "\n".join(lines),
    ]


def _shows(result: GatedResult) -> bool:
    return result.verdict in ("regression", "inconclusive", "missing")


def _worst(result: GatedResult, shown: int) -> str:
    rows = ["| object | before | after | worse by |", "|---|---:|---:|---:|"]
    for one in result.worst[:shown]:
        before, after = (format_value(value, result.unit) for value in (one.before, one.after))
        note = f" ({_plain(one.note)})" if one.note else ""
        rows.append(f"| {_plain(one.case)}{note} | {before} | {after} | {signed(one.harm, result.unit)} |")
    return _folded(f"What got worse by {html.escape(result.metric)}", "\n".join(rows))


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _plain(text: str) -> str:
    """Strangers' text as Markdown shows it literally, on one line; no mention reaches a person's inbox."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\@", "@\u200b").replace("\\<", "&lt;")


def _code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'").replace("|", "\\|")
