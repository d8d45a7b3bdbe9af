"""The folder of a data set that is being made: what it is, what is in it already, and how it grows.

    manifest.json    settings, where the objects came from, versions; `complete` once everything was tried
    samples.jsonl    one line per object, in the order in which they were stored: id, fingerprint, SHA-256 of its files
    <id>/...         or shard-000000.tar ...

An object counts as stored once its line is in `samples.jsonl`. Folders are renamed into place before that, and a shard
under way (`.shard-000000.tar.part`) is cut back to the last line's end, so a kill costs the object in flight.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from bench.errors import InputError, UsageError
from groundwork.files import write_atomically
from realiz3d.data.layout import MANIFEST, shard_name
from realiz3d.data.shards import END_OF_TAR, tar_bytes

LEDGER = "samples.jsonl"
LOCK = ".lock"


@dataclass(frozen=True)
class Stored:
    """An object of the data set: `shard` and `end` (its last byte there) are -1 in folders."""

    id: str
    fingerprint: str
    sha256: str
    shard: int = -1
    end: int = -1


class Layout(Protocol):
    """Where the files of objects go."""

    def store(self, name: str, files: Mapping[str, bytes]) -> tuple[int, int]:
        """Write an object; returns its shard and end."""
        ...

    def finish(self) -> None:
        """Close what is open."""
        ...


class Growing:
    """A data set that grows object by object. `settings` decide what an object looks like and may never change.

    With a `shard_size` objects go to tar shards, where a file is called `<object><joint><file>`.

    Raises `UsageError` when the folder holds something else, or a data set of other settings.
    """

    def __init__(
        self,
        root: Path,
        settings: dict[str, Any],
        about: dict[str, Any],
        shard_size: int | None = None,
        joint: str = ".",
    ) -> None:
        self.root, self.settings, self.about = root, settings, about
        _claim(root, settings)
        self.stored = _read_ledger(root / LEDGER)
        self.layout: Layout = Folders(root) if shard_size is None else Shards(root, shard_size, joint, self.stored)

    def begin(self) -> None:
        """Mark the data set as unfinished, so that nobody trains on half of it by mistake.

        Raises `UsageError` while another process writes into it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.root / LOCK)
        self._write_manifest({"complete": False})

    def add(self, name: str, fingerprint: str, files: Mapping[str, bytes]) -> None:
        """Store an object, in place of an earlier one of that id in a layout of folders."""
        digest = hashlib.sha256()
        for file, content in files.items():
            digest.update(file.encode() + b"\0" + hashlib.sha256(content).digest())
        entry = Stored(name, fingerprint, digest.hexdigest(), *self.layout.store(name, files))
        with (self.root / LEDGER).open("ab") as stream:
            stream.write(_line(entry))
        self.stored[name] = entry

    def finish(self, failed: Mapping[str, str]) -> None:
        """Close shards, tidy the ledger, and write the final manifest. `failed` says what is not in it and why."""
        self.layout.finish()
        ledger = b"".join(map(_line, self.stored.values()))
        write_atomically(self.root / LEDGER, ledger)
        digest = hashlib.sha256(ledger).hexdigest()
        self._write_manifest(
            {"complete": True, "samples": len(self.stored), "samples_sha256": digest, "failed": dict(failed)}
        )
        (self.root / LOCK).unlink(missing_ok=True)
        self._lock.close()

    def _write_manifest(self, state: dict[str, Any]) -> None:
        content = {"settings": self.settings, **self.about, **state}
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomically(self.root / MANIFEST, text.encode())


class Folders:
    """A folder an object."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def store(self, name: str, files: Mapping[str, bytes]) -> tuple[int, int]:
        """Write beside, then rename into place."""
        part, final = self.root / f".{name}.part", self.root / name
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for file, content in files.items():
            (part / file).write_bytes(content)
        if final.exists():
            shutil.rmtree(final)
        part.rename(final)
        return -1, -1

    def finish(self) -> None:
        """Remove what a kill left behind."""
        for part in self.root.glob(".*.part"):
            shutil.rmtree(part, ignore_errors=True)


class Shards:
    """Tar shards of `size` objects; objects are appended, never changed."""

    def __init__(self, root: Path, size: int, joint: str, stored: Mapping[str, Stored]) -> None:
        self.root, self.size, self.joint = root, size, joint
        self.number, self.end, self.count = 0, 0, 0
        if stored:
            last = max(stored.values(), key=lambda entry: (entry.shard, entry.end))
            self.number, self.end = last.shard, last.end
            self.count = sum(entry.shard == last.shard for entry in stored.values())

    def store(self, name: str, files: Mapping[str, bytes]) -> tuple[int, int]:
        """Append the object to the shard under way, beginning a new one when that is full."""
        if self.count == self.size:
            self.finish()
            self.number, self.end, self.count = self.number + 1, 0, 0
        content = b"".join(tar_bytes(f"{name}{self.joint}{file}", data) for file, data in files.items())
        part = self._reopened()
        with part.open("r+b") as stream:
            stream.truncate(self.end)
            stream.seek(self.end)
            stream.write(content)
        self.end += len(content)
        self.count += 1
        return self.number, self.end

    def finish(self) -> None:
        """End the shard under way and give it its name. Does nothing when there is none."""
        part = self._part()
        if not self.count or (self._final().exists() and not part.exists()):
            return
        self._check_length(part)
        with part.open("r+b") as stream:
            stream.truncate(self.end)
            stream.seek(self.end)
            stream.write(END_OF_TAR)
        part.rename(self._final())

    def _reopened(self) -> Path:
        part, final = self._part(), self._final()
        if not part.exists():
            if self.count and final.exists():
                final.rename(part)
            else:
                part.touch()
        self._check_length(part)
        return part

    def _check_length(self, part: Path) -> None:
        if not part.exists() or part.stat().st_size < self.end:
            raise InputError(
                "a shard is shorter than the list of samples says",
                where=str(part),
                expected=f"at least {self.end} bytes",
                hint="the data set was changed by hand: make it again in a new --out",
            )

    def _part(self) -> Path:
        return self.root / f".{shard_name(self.number)}.part"

    def _final(self) -> Path:
        return self.root / shard_name(self.number)


def _locked(path: Path) -> IO[bytes]:
    """An open file that one process at a time can have; the system takes the lock back when a process dies."""
    stream = path.open("wb")
    try:
        import fcntl
    except ImportError:  # not on Windows
        return stream
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise UsageError(
            "another process is writing this data set",
            where=str(path.parent),
            hint="wait for it, or choose another --out; --workers renders faster than several commands",
        ) from error
    return stream


def _claim(root: Path, settings: dict[str, Any]) -> None:
    manifest = root / MANIFEST
    if root.exists() and not root.is_dir():
        raise UsageError("--out is a file", where=str(root), expected="a folder, new or of an earlier run")
    if not manifest.is_file():
        if root.is_dir() and any(os.scandir(root)):
            raise UsageError(
                "--out is a folder that is not empty and holds no data set",
                where=str(root),
                hint="choose a new folder; nothing in it was touched",
            )
        return
    try:
        before = json.loads(manifest.read_bytes())["settings"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            "the data set's manifest cannot be read", where=str(manifest), hint="choose another --out"
        ) from error
    wanted = json.loads(json.dumps(settings))
    if before != wanted:
        before = before if isinstance(before, dict) else {}
        keys = sorted(key for key in {*before, *wanted} if before.get(key) != wanted.get(key))
        raise UsageError(
            "the folder holds a data set that was made differently",
            where=str(root),
            expected="; ".join(f"{key} = {before.get(key)}, not {wanted.get(key)}" for key in keys),
            hint="choose another --out: all samples of a data set look alike",
        )


def _line(entry: Stored) -> bytes:
    return (json.dumps(asdict(entry), separators=(",", ":")) + "\n").encode()


def _read_ledger(path: Path) -> dict[str, Stored]:
    """Entries by id; a half-written last line, left by a kill, is cut off."""
    if not path.is_file():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_atomically(path, whole)
    stored: dict[str, Stored] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            entry = Stored(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise InputError(
                "the list of samples is damaged", where=f"{path}:{number}", hint="make the data set again"
            ) from error
        stored.pop(entry.id, None)  # an object that was made again moves to the end
        stored[entry.id] = entry
    return stored
