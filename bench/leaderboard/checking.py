"""`leaderboard check`: everything that must hold of a board, and of a change to one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.leaderboard.answering import wrongs
from bench.leaderboard.findings import Finding
from bench.leaderboard.pin import PIN
from bench.leaderboard.repository import Repository, StoredEntry, line_of, read_repository

_MOST = 1000  # findings of one entry: a broken one tells enough by then


def check_board(root: Path, changed: Sequence[Path] | None = None) -> tuple[list[Finding], int]:
    """Everything wrong below `root`, and how many entries were looked at.

    `changed`: only what concerns these files is told, and what no change may do (deleting an entry). Raises
    `UsageError` where there is no board.
    """
    board = checked_repository(root)
    found = board.findings if changed is None else _of_change(board, changed)
    return sorted(set(found)), board.looked_at


def checked_repository(root: Path) -> Repository:
    """A board with all that is wrong with it."""
    board = read_repository(root)
    for stored in board.entries:
        for number, wrong in enumerate(wrongs(stored, board.pins.get(stored.entry.board))):
            if number < _MOST:
                line = line_of(stored.text, wrong.place)
                board.add(stored.path, wrong.code, wrong.message, wrong.hint, line)
    _names(board)
    _pictures(board)
    _successors(board)
    return board


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


def _pictures(board: Repository) -> None:
    """The same pictures under two names are worth a question."""
    seen: dict[tuple[str, tuple[str | None, ...]], StoredEntry] = {}
    for stored in board.entries:
        key = stored.entry.board, tuple(digest for _, digest in sorted(stored.entry.samples.items()))
        first = seen.setdefault(key, stored)
        if first is not stored and first.entry.label != stored.entry.label:
            message = f"every picture is the same as those of {first.entry.label}"
            board.add(stored.path, "pictures", message, "two names for one model?", level="warning")


def _successors(board: Repository) -> None:
    ids = {stored.entry.id: stored for stored in board.entries}
    for stored in board.entries:
        later = stored.entry.state.superseded_by
        if later is None:
            continue
        line = line_of(stored.text, ("state", "superseded_by"))
        if later == stored.entry.id:
            board.add(stored.path, "history", "it is superseded by itself", line=line)
        elif later not in ids:
            board.add(stored.path, "history", f"it is superseded by {later[:16]}…, which is not here", line=line)
        elif ids[later].entry.board != stored.entry.board:
            board.add(stored.path, "history", f"it is superseded by an entry of {ids[later].entry.board}", line=line)


def _of_change(board: Repository, changed: Sequence[Path]) -> list[Finding]:
    """What concerns the changed files, and what a change must not do."""
    root = board.root.resolve()
    touched: set[Path] = set()  # entries and pins without their suffix: what lies beside belongs to them
    for path in changed:
        full = _full(path)
        if full.is_relative_to(root):
            touched.add(full.with_suffix(""))
            _forbidden(board, path, full.relative_to(root).parts)
    for stored in board.entries:
        if _full(stored.path).with_suffix("") in touched and stored.entry.tier != "claimed":
            message = f"the entry says that it was {stored.entry.tier}"
            hint = "only those who did it may say so: the board's owner, with `leaderboard rescore`"
            board.add(stored.path, "owner", message, hint, line_of(stored.text, ("tier",)), "warning")
    questions = [path.parent for path in touched if path.name == Path(PIN).stem]

    def concerns(finding: Finding) -> bool:
        full = _full(Path(finding.file)).with_suffix("")
        return full in touched or any(full.is_relative_to(folder) for folder in questions)

    return [finding for finding in board.findings if concerns(finding)]


def _forbidden(board: Repository, path: Path, parts: tuple[str, ...]) -> None:
    gone = not path.exists()
    if parts[-1] == PIN and gone:
        board.add(path, "deleted", "the pin of a suite was deleted, and its entries answer to nothing")
    elif parts[-1] == PIN:
        board.add(path, "owner", "the question of a suite changed", "only the board's owner may do so", level="warning")
    elif gone and len(parts) == 3 and path.suffix in (".json", ".parquet", ".webp"):
        hint = "withdraw it (leaderboard withdraw): it stays, struck through, with its reason"
        board.add(path, "deleted", "an entry is never deleted", hint)


def _full(path: Path) -> Path:
    """Absolute, with links of folders resolved, but not one that the file itself is."""
    return path.absolute().parent.resolve() / path.name
