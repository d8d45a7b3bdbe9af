"""`leaderboard check`: everything that must hold of a board, and of a change to one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path

from bench.leaderboard.answering import wrongs
from bench.leaderboard.findings import Finding
from bench.leaderboard.neighbours import compare_entries
from bench.leaderboard.pin import PIN
from bench.leaderboard.plausible import implausible
from bench.leaderboard.repository import Repository, line_of, read_repository

_MOST = 1000  # findings of one entry: a broken one tells enough by then


def check_board(
    root: Path, changed: Sequence[Path] | None = None, today: date | None = None
) -> tuple[list[Finding], int]:
    """Everything wrong below `root`, and how many entries were looked at.

    `changed`: only what concerns these files is told, and what no change may do (deleting an entry). Raises
    `UsageError` where there is no board.
    """
    board = checked_repository(root, today)
    found = board.findings if changed is None else _of_change(board, changed)
    return sorted(set(found)), board.looked_at


def checked_repository(root: Path, today: date | None = None) -> Repository:
    """A board with all that is wrong with it. `today`: later dates lie in the future."""
    board = read_repository(root)
    day = today or datetime.now(UTC).date()
    for stored in board.entries:
        pin = board.pins.get(stored.entry.board)
        for wrong in islice(chain(wrongs(stored, pin), implausible(stored, pin, day)), _MOST):
            board.add(
                stored.path, wrong.code, wrong.message, wrong.hint, line_of(stored.text, wrong.place), wrong.level
            )
    compare_entries(board)
    _successors(board)
    return board


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
