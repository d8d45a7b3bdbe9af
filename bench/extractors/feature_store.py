"""Features on disk, found again by what they were computed from. One SQLite file, safe to delete at any time.

A row is keyed by the extractor's fingerprint and the SHA-256 of the decoded pixels, never by a file name, so that a
changed picture or other weights can never meet an old vector. Each vector carries a checksum; a row or a file that does
not read back is forgotten and computed again.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.errors import InputError
from bench.extractors.protocol import Vector

FILE_NAME = "features.sqlite"
_LOCK_SECONDS = 60.0


class FeatureStore:
    """Vectors by (extractor fingerprint, pixel hash), in `folder`. For any number of threads and processes.

    Raises `InputError` when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._lock = threading.Lock()
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

    def get(self, fingerprint: str, pixels: str, dimension: int) -> Vector | None:
        """The stored vector, float32 (dimension,), or None when it is absent or damaged."""
        query = "SELECT vector, checksum FROM features WHERE extractor = ? AND pixels = ?"
        try:
            with self._lock:
                row = self._connection.execute(query, (fingerprint, pixels)).fetchone()
        except sqlite3.DatabaseError:  # a damaged page: the vector is computed again
            return None
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != 4 * dimension:
            return None
        if zlib.crc32(row[0]) != row[1]:
            return None
        return np.frombuffer(row[0], dtype="<f4").astype(np.float32)

    def put(self, rows: Iterable[tuple[str, str, Vector]]) -> None:
        """Store (fingerprint, pixel hash, vector) rows, all of them or none.

        A cache that cannot be written costs time later, not results now: failures are silent.
        """
        encoded = [(f, p, (blob := vector.astype("<f4").tobytes()), zlib.crc32(blob)) for f, p, vector in rows]
        with self._lock, suppress(sqlite3.DatabaseError), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", encoded)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, check_same_thread=False)
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features (extractor TEXT, pixels TEXT, vector BLOB, checksum INTEGER,"
                " PRIMARY KEY (extractor, pixels)) WITHOUT ROWID"
            )
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged file")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _forget_file(self) -> None:
        for path in (self._path, self._path.with_name(FILE_NAME + "-journal")):
            path.unlink(missing_ok=True)
