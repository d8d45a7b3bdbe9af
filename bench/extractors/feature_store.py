"""Features on disk, found again by what they were computed from. One SQLite file, safe to delete at any time.

A row is keyed by what computed it (`stored_under`) and the SHA-256 of the decoded pixels, never by a file name, so that
a changed picture, another decoder or other weights can never meet an old vector. Each vector carries a checksum; a row
or a file that does not read back is forgotten and computed again. Days of use are noted, so that what nobody asks for
any more can go first (`bench.extractors.upkeep`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.errors import InputError
from bench.extractors.protocol import Extractor, Vector
from groundwork.hashing import hash_strings

FILE_NAME = "features.sqlite"
DAY = 86400.0
_LOCK_SECONDS = 60.0
_READ_WHOLE = 64 * 2**20  # bytes up to which a file is looked through when it is opened


def stored_under(extractor: Extractor) -> str:
    """What computed a vector: the network with its preprocessing, and the kind of device whose arithmetic it was.

    All extractors compute in float32, with exact kernels on a GPU; the last digits still differ from those of a CPU.
    """
    kind = str(getattr(extractor, "device", "cpu")).partition(":")[0]
    fingerprint = extractor.fingerprint()
    return fingerprint if kind == "cpu" else hash_strings([fingerprint, kind])


class FeatureStore:
    """Vectors by (extractor fingerprint, pixel hash), in `folder`. For any number of threads and processes.

    Raises `InputError` when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._today = int(time.time() // DAY)
        self._asked_for: set[tuple[str, str]] = set()  # rows that were last used on another day
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, read-only, disk full: not a broken file
                    raise
                self._forget_file()
                self._connection = self._open()
        except (OSError, sqlite3.OperationalError) as error:
            raise InputError(
                f"the feature cache cannot be opened: {error}",
                where=str(self._path),
                hint="check permissions and space",
            ) from error

    def get(self, extractor: str, pixels: str, dimension: int) -> Vector | None:
        """The stored vector, float32 (dimension,), or None when it is absent or damaged."""
        query = "SELECT vector, checksum, used FROM features WHERE extractor = ? AND pixels = ?"
        try:
            with self._lock:
                row = self._connection.execute(query, (extractor, pixels)).fetchone()
        except sqlite3.DatabaseError:  # a damaged page: the vector is computed again
            return None
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != 4 * dimension:
            return None
        if zlib.crc32(row[0]) != row[1]:
            return None
        if row[2] != self._today:
            with self._lock:
                self._asked_for.add((extractor, pixels))
        return np.frombuffer(row[0], dtype="<f4").astype(np.float32)

    def put(self, rows: Iterable[tuple[str, str, Vector]]) -> None:
        """Store (extractor, pixel hash, vector) rows, all of them or none.

        A cache that cannot be written costs time later, not results now: failures are silent.
        """
        blobs = ((extractor, pixels, vector.astype("<f4").tobytes()) for extractor, pixels, vector in rows)
        encoded = [(e, p, blob, zlib.crc32(blob), self._today) for e, p, blob in blobs]
        with self._lock, suppress(sqlite3.DatabaseError), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?)", encoded)

    def call(self, extractor: str, name: str) -> None:
        """Note what people call an extractor."""
        with self._lock, suppress(sqlite3.DatabaseError), self._connection:
            known = self._connection.execute("SELECT name FROM names WHERE extractor = ?", (extractor,)).fetchone()
            if known != (name,):
                self._connection.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (extractor, name))

    def close(self) -> None:
        """Note what was used, and release the file."""
        marks = [(self._today, *row) for row in sorted(self._asked_for)]
        self._asked_for.clear()
        if marks:
            with self._lock, suppress(sqlite3.DatabaseError), self._connection:
                self._connection.executemany("UPDATE features SET used = ? WHERE extractor = ? AND pixels = ?", marks)
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, check_same_thread=False)
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features (extractor TEXT, pixels TEXT, vector BLOB, checksum INTEGER,"
                " used INTEGER DEFAULT 0, PRIMARY KEY (extractor, pixels)) WITHOUT ROWID"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS names (extractor TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID")
            if "used" not in {row[1] for row in connection.execute("PRAGMA table_info(features)")}:
                _add_days(connection)
            small = self._path.stat().st_size <= _READ_WHOLE  # of larger ones, a damaged row is found when it is read
            if small and connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged file")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _forget_file(self) -> None:
        for path in (self._path, self._path.with_name(FILE_NAME + "-journal")):
            path.unlink(missing_ok=True)


def _add_days(connection: sqlite3.Connection) -> None:
    """To a file of an earlier version; another process may be faster."""
    try:
        connection.execute("ALTER TABLE features ADD COLUMN used INTEGER DEFAULT 0")
    except sqlite3.OperationalError as error:
        if "duplicate column" not in str(error):
            raise
