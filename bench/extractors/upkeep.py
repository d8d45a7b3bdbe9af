"""What a feature cache holds, and how it is kept small: vectors that were not asked for the longest go first."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.extractors.feature_store import DAY, FILE_NAME, FeatureStore

_ROW = 160  # bytes of a row beside its vector: two hashes in hex, numbers, the tree
_SHRINK = 0.9
_DROP = f"""
DELETE FROM features WHERE (extractor, pixels) IN (
  SELECT extractor, pixels FROM (
    SELECT extractor, pixels, SUM(LENGTH(vector) + {_ROW}) OVER (
      ORDER BY used DESC, extractor, pixels ROWS UNBOUNDED PRECEDING
    ) AS total FROM features
  ) WHERE total > ?
)"""  # all but the latest rows, of so many bytes together


@dataclass(frozen=True)
class Kept:
    """Vectors of one extractor in a cache: `name` as people call it ('' of old files), `used` days ago, at the latest
    and at the earliest.
    """

    extractor: str
    name: str
    vectors: int
    size: int
    used: tuple[int, int]


@dataclass(frozen=True)
class Pruned:
    """How many vectors went, how many stayed, and the file's bytes before and after."""

    gone: int
    stayed: int
    before: int
    after: int


def cache_file(folder: Path) -> Path:
    """The cache in `folder`, which may be a run folder. Raises `InputError` where there is none."""
    for path in (folder / FILE_NAME, folder / "features" / FILE_NAME):
        if path.is_file():
            return path
    raise InputError(
        "there is no feature cache in this folder",
        where=str(folder),
        expected=f"a folder that runs were given as --cache, or a run folder: {FILE_NAME} in it",
    )


def contents(folder: Path) -> tuple[Kept, ...]:
    """What the cache in `folder` holds, by extractor, largest first. Raises `InputError`."""
    today = int(time.time() // DAY)
    with _opened(cache_file(folder)) as connection:
        rows = connection.execute(
            f"SELECT extractor, COALESCE(name, ''), COUNT(*), SUM(LENGTH(vector) + {_ROW}), MAX(used), MIN(used)"
            " FROM features LEFT JOIN names USING (extractor) GROUP BY extractor ORDER BY 4 DESC, 1"
        ).fetchall()
    return tuple(Kept(e, name, n, size, (today - last, today - first)) for e, name, n, size, last, first in rows)


def prune(folder: Path, max_size: int | None = None, max_days: int | None = None) -> Pruned:
    """Drop vectors that were not used for more than `max_days`, then the least lately used until the file has
    `max_size` bytes. Runs may use the cache meanwhile: what is dropped under them is computed again.

    Raises `InputError`.
    """
    path = cache_file(folder)
    before, gone = path.stat().st_size, 0
    with _opened(path) as connection:
        if max_days is not None:
            with connection:
                oldest = int(time.time() // DAY) - max_days
                gone += connection.execute("DELETE FROM features WHERE used < ?", (oldest,)).rowcount
            _compact(connection)
        budget = max_size or 0
        while max_size is not None and path.stat().st_size > max_size and _count(connection):
            with connection:
                gone += connection.execute(_DROP, (budget,)).rowcount
            _compact(connection)
            budget = int(budget * _SHRINK)  # pages are never quite full
        with connection:
            connection.execute("DELETE FROM names WHERE extractor NOT IN (SELECT extractor FROM features)")
        stayed = _count(connection)
    return Pruned(gone, stayed, before, path.stat().st_size)


def _count(connection: sqlite3.Connection) -> int:
    (rows,) = connection.execute("SELECT COUNT(*) FROM features").fetchone()
    return int(rows)


def _compact(connection: sqlite3.Connection) -> None:
    """Give the room of dropped rows back to the file system."""
    connection.execute("VACUUM")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    FeatureStore(path.parent).close()  # brings files of earlier versions up to date, and makes damaged ones anew
    try:
        with closing(sqlite3.connect(path, timeout=60.0)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"the feature cache cannot be used: {error}",
            where=str(path),
            hint="wait for the runs that use it; a damaged one can be deleted: features are computed again",
        ) from error
