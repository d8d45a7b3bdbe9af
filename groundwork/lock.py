"""One process at a time in a folder: taken at once or refused with who holds it, given back by death too.

Two defences, because neither holds everywhere. The system's file lock dies with its process and is exact wherever it
works. Network file systems may keep it to one machine, or have none; there `.holder.json`, which the holder touches
while it lives, decides: a holder that has shown no life for `SILENCE` seconds has lost the folder. Ages are read from
the file system's own clock, so that machines need not agree on the time.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from groundwork.errors import UsageError
from groundwork.files import write_atomically

LOCK, HOLDER = ".lock", ".holder.json"
BEAT = 15.0  # seconds between signs of life
SILENCE = 120.0  # seconds without one after which a holder on another machine counts as dead

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FolderHeld(UsageError):
    """Another process works in the folder."""


@dataclass(frozen=True)
class Holder:
    """Who works in a folder, since when, and with which command."""

    host: str
    pid: int
    since: str
    command: str
    token: str

    def __str__(self) -> str:
        command = f": {self.command}" if self.command else ""
        return f"process {self.pid} on {self.host}, since {self.since}{command}"


@contextmanager
def hold_folder(folder: Path, command: Sequence[str] = ()) -> Iterator[None]:
    """Keep all others out of `folder`, which is made, meanwhile. Raises `FolderHeld` at once when someone is in it.

    Names of files that this leaves behind are in `LOCK_FILES`. Raises `OSError` where nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = _system_lock(folder)
    try:
        me = Holder(
            socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), " ".join(command)[:200],
            secrets.token_hex(8),
        )  # fmt: skip
        _take(folder, me, exact=lock is not None)
        stop = threading.Event()
        beats = threading.Thread(target=_beat, args=(folder / HOLDER, stop), daemon=True, name="folder lock")
        beats.start()
        try:
            yield
        finally:
            stop.set()
            beats.join()
            found = _read(folder / HOLDER)
            if found is not None and found.token == me.token:  # not that of one who took a folder held in vain
                with suppress(OSError):
                    (folder / HOLDER).unlink()
    finally:
        if lock is not None:
            lock.release()


LOCK_FILES = frozenset({LOCK, HOLDER})


def _system_lock(folder: Path) -> BaseFileLock | None:
    """The system's lock on the folder; None where the file system has none. Raises `FolderHeld`."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise _held(folder, _read(folder / HOLDER)) from error
    except NotImplementedError:
        return None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return lock


def _take(folder: Path, me: Holder, exact: bool) -> None:
    """Write who holds the folder. `exact`: the system's lock is ours, so that nobody of this machine is in it."""
    path = folder / HOLDER
    found = _read(path)
    if found is not None:
        here = found.host == me.host
        silent = _age(path) > SILENCE
        dead = (exact or not _alive(found.pid)) if here else silent
        if not dead:
            raise _held(folder, found)
    write_atomically(path, json.dumps(asdict(me)).encode())
    if not exact:  # without a lock two may have come at once: the last one to write stays
        time.sleep(0.5)
        winner = _read(path)
        if winner is None or winner.token != me.token:
            raise _held(folder, winner)


def _held(folder: Path, holder: Holder | None) -> FolderHeld:
    hint = "wait until it is done, stop it, or choose another folder"
    if holder is not None and holder.host != socket.gethostname():
        hint += f"; if that machine is dead, the folder is free {SILENCE:.0f} s after its last sign of life"
    return FolderHeld(
        "another process works in this folder, and two would mix their results",
        where=str(folder),
        expected=f"one at a time; it is held by {holder or 'a process that has not said its name yet'}",
        hint=hint,
    )


def _read(path: Path) -> Holder | None:
    """Who is in the folder; None for nobody, or a file that says nothing."""
    try:
        content: Any = json.loads(path.read_bytes())
        return Holder(
            str(content["host"]), int(content["pid"]), str(content["since"]), str(content["command"]),
            str(content["token"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _age(path: Path) -> float:
    """Seconds since the file was touched, by the clock of its file system."""
    probe = path.with_name(f".{secrets.token_hex(4)}.now")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    """Whether a process of this machine lives."""
    if os.name == "nt":  # where there is no signal that only asks
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(OSError):
            os.utime(path)
