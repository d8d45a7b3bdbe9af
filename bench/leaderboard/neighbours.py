"""What entries of one board say of each other: one model under two names, a name that looks like another's, pictures
that came back after they were withdrawn, a floor that suits the one who owes samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.leaderboard.lookalikes import skeleton
from bench.leaderboard.repository import Repository, StoredEntry, line_of

_FLOOR = 1e-3  # of its size: the same views on another processor


def compare_entries(board: Repository) -> None:
    """Note everything of the kind."""
    _names(board)
    _look_alikes(board)
    _twins(board)
    _floors(board)


def _names(board: Repository) -> None:
    """No entry lies twice, and a model has one active entry for each suite."""
    ids: dict[str, StoredEntry] = {}
    active: dict[tuple[str, str, str], StoredEntry] = {}
    for stored in board.entries:
        entry = stored.entry
        if entry.id in ids:
            board.add(stored.path, "twice", f"the same entry lies at {ids[entry.id].path.relative_to(board.root)}")
        ids.setdefault(entry.id, stored)
        key = entry.board, entry.generator.developer.casefold(), entry.generator.model.casefold()
        if entry.state.active and key in active:
            message = f"{entry.label} has an active entry already: {active[key].entry.id[:16]}…"
            hint = "supersede the older one (leaderboard supersede OLD --by NEW), or give the model another name"
            board.add(stored.path, "twice", message, hint)
        elif entry.state.active:
            active[key] = stored


def _look_alikes(board: Repository) -> None:
    """Developers, and models of one developer, whose names look the same and are not. Both entries are told of it: who
    was first, a date cannot prove.
    """
    spelled: dict[tuple[str, ...], tuple[str, StoredEntry]] = {}
    for stored in board.entries:
        model = stored.entry.generator
        for kind, name, of in (("developer", model.developer, ""), ("model", model.model, skeleton(model.developer))):
            other, first = spelled.setdefault((kind, of, skeleton(name)), (name, stored))
            if other.casefold() == name.casefold():
                continue
            for one, own, seen in ((stored, name, other), (first, other, name)):
                message = f"the {kind} {own!a} looks like {seen!a} of another entry, and is spelled otherwise"
                line = line_of(one.text, ("generator", kind))
                board.add(one.path, "look-alike", message, "spell it as there, or take another name", line)


def _twins(board: Repository) -> None:
    """The same pictures or the same numbers under two names, or again after they were withdrawn."""
    seen: dict[tuple[str, ...], StoredEntry] = {}
    for stored in board.entries:
        entry = stored.entry
        digests = "\n".join(f"{key} {digest}" for key, digest in sorted(entry.samples.items()))
        for what, key in (("picture", digests), ("value by object", entry.objects)):
            first = seen.setdefault((entry.board, what, key), stored)
            if first is not stored and _twin(board, what, first, stored):
                break


def _twin(board: Repository, what: str, first: StoredEntry, second: StoredEntry) -> bool:
    """Whether two entries with the same pictures or numbers are worth a question, which is noted at both."""
    if first.entry.label != second.entry.label:
        for one, other in ((first, second), (second, first)):
            message = f"every {what} is the same as those of {other.entry.label}"
            board.add(one.path, "pictures", message, "two names for one model?", level="warning")
        return True
    gone, back = (first, second) if first.entry.state.withdrawn else (second, first)
    if gone.entry.state.withdrawn is None or not back.entry.state.active:
        return False
    if gone.entry.state.superseded_by == back.entry.id:  # the owner knows: the one took the other's place
        return False
    message = f"every {what} is that of an entry that was withdrawn: {gone.entry.state.withdrawn.why[:200]}"
    board.add(back.path, "withdrawn", message, "does the reason still hold?", level="warning")
    return True


def _floors(board: Repository) -> None:
    """What a missing sample counts as is the suite's floor, and the same for all who score the same objects."""
    for metric, signature in _measured(board.entries):
        floors: dict[str, list[tuple[float, StoredEntry]]] = {}
        direction = 1.0
        for stored in board.entries:
            row = stored.entry.row(metric)
            if row is None or row.signature != signature:
                continue
            direction = 1.0 if row.direction == "up" else -1.0
            for case, one in stored.objects.get(metric, {}).items():
                if one.floor == one.floor:  # known
                    floors.setdefault(case, []).append((direction * one.floor, stored))
        told: set[str] = set()
        for case, found in floors.items():
            least = min(value for value, _ in found)
            for value, stored in found:
                owes = stored.objects[metric][case].missing > 0
                if owes and value > least + _FLOOR * max(1.0, abs(least)) and stored.entry.id not in told:
                    told.add(stored.entry.id)
                    message = (
                        f"{metric}: the missing sample of {case} counts as {direction * value:g}, and others' floor of "
                        f"that object is {direction * least:g}"
                    )
                    board.add(stored.path, "floor", message, "run the suite with its own floor", level="warning")


def _measured(entries: Sequence[StoredEntry]) -> Iterator[tuple[str, str]]:
    """Every result by object, and every way in which it was measured."""
    yield from dict.fromkeys(
        (row.metric, row.signature)
        for stored in entries
        for row in stored.entry.rows
        if row.by_object == "values" and row.n_missing
    )
