"""Tar shards, written byte for byte alike each time and read by position.

The format is WebDataset's: a plain tar in which the files of one sample follow one another and share their name up to
the first dot. It is read here with an index instead of as a stream, because an order that depends on (seed, epoch)
alone, and can be resumed at any sample, needs random access. Nothing is ever unpacked to disk, run, or unpickled.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from realiz3d.errors import DataError

BLOCK = 512
END_OF_TAR = b"\0" * (2 * BLOCK)
MAX_MEMBER_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Member:
    """A file inside a shard: where its bytes begin, and how many they are."""

    offset: int
    size: int


def tar_bytes(name: str, content: bytes) -> bytes:
    """One file as it stands in a tar: header and padded content, without times, owners or anything else that varies."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(content), 0o644
    return header.tobuf(format=tarfile.USTAR_FORMAT) + content + b"\0" * (-len(content) % BLOCK)


def index_shard(path: Path) -> dict[str, dict[str, Member]]:
    """The samples of a shard, in its order: key -> name after the key's dot -> where it lies.

    Raises `DataError` for a file that is no tar, is compressed or truncated, and for members that no data set needs:
    links, devices, paths that lead out of it, the same name twice, files without a key.
    """
    samples: dict[str, dict[str, Member]] = {}
    size = path.stat().st_size
    try:
        with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for info in tar:
                where = f"{path}: {ascii(info.name)[1:-1][:200]}"
                if info.isdir():
                    continue
                _check_member(info, size, where)
                folder, _, name = info.name.removeprefix("./").rpartition("/")
                stem, _, extension = name.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if not stem or not extension:
                    raise DataError("a file in the shard has no key and extension", where=where, expected="KEY.EXT")
                files = samples.setdefault(key, {})
                if extension in files:
                    raise DataError("the shard holds a file twice", where=where)
                files[extension] = Member(info.offset_data, info.size)
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise DataError(
            f"the shard cannot be read as a tar: {error}",
            where=str(path),
            expected="an uncompressed tar",
            hint="decompress it (gunzip), or fetch it again",
        ) from error
    return samples


def read_member(stream: io.BufferedReader, member: Member, where: str) -> bytes:
    """The bytes of a file in an open shard. Raises `DataError` when the shard has become shorter."""
    stream.seek(member.offset)
    content = stream.read(member.size)
    if len(content) != member.size:
        raise DataError("the shard is truncated, or changed while it was read", where=where, hint="fetch it again")
    return content


def _check_member(info: tarfile.TarInfo, shard_size: int, where: str) -> None:
    if not info.isreg() or info.sparse is not None:
        raise DataError("the shard holds something that is not a plain file", where=where, hint="pack plain files only")
    if info.name.startswith("/") or "\\" in info.name or "\0" in info.name or ".." in info.name.split("/"):
        raise DataError("a path in the shard leads out of it", where=where, expected="KEY.EXT or FOLDER/KEY.EXT")
    if info.size > MAX_MEMBER_BYTES:
        raise DataError(f"a file in the shard has {info.size} bytes", where=where, expected=f"{MAX_MEMBER_BYTES}")
    if info.offset_data + info.size > shard_size:
        raise DataError("the shard is truncated", where=where, hint="fetch it again")
