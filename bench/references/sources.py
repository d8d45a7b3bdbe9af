"""Where the pictures of a reference come from: a folder, WebDataset shards (tar), or parquet with a column of pictures.

Archives are read in order, one picture at a time, and nothing is unpacked: no name in them becomes a path. Members of a
tar file that are no pictures by their names, such as captions, are left out.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bench.errors import ReferenceSetError
from groundwork.pictures import MAX_BYTES, SUFFIXES
from groundwork.walk import walk

_ROWS = 16  # of a parquet file at a time
_COLUMNS = ("image", "jpg", "jpeg", "png", "webp", "img", "picture", "bytes")


@dataclass(frozen=True)
class Archives:
    """Tar or parquet files in their order, and of which kind they are."""

    kind: str
    files: tuple[Path, ...]

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Where each picture lies, for people, and its encoded bytes. Raises `ReferenceSetError` for a broken file."""
        for file in self.files:
            yield from (_in_tar if self.kind == "tar" else _in_parquet)(file)

    def count(self) -> int | None:
        """How many pictures there are, where that costs nothing to know."""
        if self.kind == "tar":
            return None
        return sum(int(_parquet(file).metadata.num_rows) for file in self.files)


def find_archives(source: Path) -> Archives | None:
    """The archives that `source` is or holds; None for a folder of pictures.

    Raises `ReferenceSetError` for a folder that holds more than one of archives of either kind and pictures.
    """
    if source.is_file() and source.suffix in (".tar", ".parquet"):
        return Archives(source.suffix[1:], (source,))
    if not source.is_dir():
        return None
    found = {kind: tuple(sorted(source.rglob(f"*.{kind}"))) for kind in ("tar", "parquet")}
    kinds = [kind for kind, files in found.items() if files]
    if kinds and (len(kinds) > 1 or walk(source, SUFFIXES).files):
        raise ReferenceSetError(
            f"the folder holds {kinds[0]} files and pictures"
            if len(kinds) == 1
            else f"the folder holds {len(found['tar'])} tar files and {len(found['parquet'])} parquet files",
            where=str(source),
            expected="pictures, or archives of one kind",
        )
    return Archives(kinds[0], found[kinds[0]]) if kinds else None


def _in_tar(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(file, "r|") as archive:
            for member in archive:
                if not member.isreg() or PurePosixPath(member.name).suffix.lower() not in SUFFIXES:
                    continue
                where = f"{file}: {member.name[:200]}"
                if member.size > MAX_BYTES:
                    raise ReferenceSetError(f"a picture has {member.size} bytes", where=where)
                content = archive.extractfile(member)
                yield where, content.read() if content is not None else b""
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise ReferenceSetError(f"the archive cannot be read: {error}", where=str(file)) from error


def _in_parquet(file: Path) -> Iterator[tuple[str, bytes]]:
    import pyarrow as pa

    table = _parquet(file)
    column = _column(table.schema_arrow, file)
    row = 0
    try:
        for batch in table.iter_batches(batch_size=_ROWS, columns=[column]):
            for value in batch.column(0).to_pylist():
                content = value.get("bytes") if isinstance(value, dict) else value
                if not isinstance(content, bytes):
                    raise ReferenceSetError("a row holds no picture", where=f"{file}: row {row}")
                yield f"{file}: row {row}", content
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise ReferenceSetError(f"the table cannot be read: {error}", where=str(file)) from error


def _parquet(file: Path) -> Any:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise ReferenceSetError(f"the table cannot be read: {error}", where=str(file)) from error


def _column(schema: Any, file: Path) -> str:
    """The column of encoded pictures: bytes, or a struct with `bytes` as the datasets package writes it."""
    import pyarrow.types as types

    def holds(kind: Any) -> bool:
        if types.is_struct(kind):
            return any(holds(kind.field(i).type) for i in range(kind.num_fields) if kind.field(i).name == "bytes")
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    fitting = [field.name for field in schema if holds(field.type)]
    named = [name for name in _COLUMNS if name in fitting] or (fitting if len(fitting) == 1 else [])
    if not named:
        raise ReferenceSetError(
            f"no column of pictures: {', '.join(schema.names)[:200]}",
            where=str(file),
            expected=f"bytes in a column called {', '.join(_COLUMNS[:4])}, or in the only such column",
        )
    return named[0]
