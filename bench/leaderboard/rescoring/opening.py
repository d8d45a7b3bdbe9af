"""Published pictures, from a folder or an archive of strangers, laid out as a run's samples.

Nothing is unpacked where an archive says: only members that are called as pictures of the suite's cases are read, and
each is written to a path of our own making. Links, devices, paths that lead out, members that are larger than a picture
can be, and archives that hold more than the suite has pictures are refused by name.
"""

from __future__ import annotations

import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from bench.results.layout import sample_folder, view_file
from groundwork.errors import InputError

MOST_BYTES = 64 * 1024 * 1024  # of one picture
MOST_MEMBERS = 2_000_000
MOST_HEADER = 2**20  # bytes of a long name, or of what a tar says beside a member
_VIEW = re.compile(r"view_(\d{1,4})\.png")
_SEED = re.compile(r"seed_(\d{1,18})")


@dataclass(frozen=True)
class Wanted:
    """Which pictures a suite has: its cases, seeds, and how many views each."""

    cases: frozenset[str]
    seeds: tuple[int, ...]
    views: int


@dataclass
class _Opener:
    """Takes in one picture after the other."""

    source: Path
    samples: Path
    generator: str
    wanted: Wanted
    found: int = 0
    members: int = 0

    def place(self, name: str) -> Path | None:
        """Where a member belongs, None for what is no picture of the suite."""
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise self.refused("it holds more files than any suite has pictures")
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
            raise self.refused(f"a path leads out of it: {name[:120]!r}")
        *above, name = path.parts or ("",)
        view = _VIEW.fullmatch(name)
        seed = _SEED.fullmatch(above[-1]) if above else None
        number = int(seed[1]) if seed else self.wanted.seeds[0]
        case = (above[:-1] if seed else above)[-1:]
        if view is None or not case or case[0] not in self.wanted.cases or number not in self.wanted.seeds:
            return None
        if int(view[1]) >= self.wanted.views:
            return None
        return view_file(sample_folder(self.samples, self.generator, case[0], number), int(view[1]))

    def take(self, name: str, target: Path, stream: IO[bytes]) -> None:
        """Write a picture; what its archive says of its size is not believed."""
        if target.exists():
            raise self.refused(f"a picture is there twice: {name[:120]!r}")
        target.parent.mkdir(parents=True, exist_ok=True)
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise self.refused(f"a picture is larger than {MOST_BYTES >> 20} MiB: {name[:120]!r}")
        target.write_bytes(content)
        self.found += 1

    def refused(self, why: str) -> InputError:
        """The error for this source."""
        return InputError(
            f"these pictures are not opened: {why}",
            where=str(self.source),
            expected="a folder, .zip or .tar of <case>/seed_<s>/view_<i>.png, as samples/<generator> of a run",
        )


def open_pictures(source: Path, samples: Path, generator: str, wanted: Wanted) -> int:
    """Lay the pictures of `source` out below `samples`; returns how many there were. Raises `InputError`."""
    opener = _Opener(source, samples, generator, wanted)
    try:
        if source.is_dir():
            _folder(opener)
        elif zipfile.is_zipfile(source):
            _zip(opener)
        elif source.is_file():
            _tar(opener)
        else:
            raise opener.refused("there is no such file")
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError, ValueError) as error:
        raise opener.refused(f"it cannot be read: {error}") from error
    if not opener.found:
        raise opener.refused("it holds no picture of the suite's cases")
    return opener.found


def _folder(opener: _Opener) -> None:
    for path in _below(opener.source):
        if path.is_symlink():
            raise opener.refused(f"it holds a link: {path.relative_to(opener.source)}")
        target = opener.place(path.relative_to(opener.source).as_posix())
        if target is not None:
            with path.open("rb") as stream:
                opener.take(path.name, target, stream)


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        elif path.is_symlink() or path.is_file():
            yield path


def _zip(opener: _Opener) -> None:
    with zipfile.ZipFile(opener.source) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise opener.refused(f"it holds a link or a device: {info.filename[:120]!r}")
            target = None if info.is_dir() else opener.place(info.filename)
            if target is None:
                continue
            if info.file_size > MOST_BYTES:
                raise opener.refused(f"a picture is larger than {MOST_BYTES >> 20} MiB: {info.filename[:120]!r}")
            with archive.open(info) as stream:
                opener.take(info.filename, target, stream)


class _Header(tarfile.TarInfo):
    """A member whose long name does not fill the memory: a few kilobytes unpack to a name of gigabytes."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        if self.type not in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE) and self.size > MOST_HEADER:
            raise tarfile.ReadError(f"a member's header has {self.size} bytes")
        found: tarfile.TarInfo | None = super()._proc_member(archive)  # type: ignore[misc]
        return found


def _stream(opener: _Opener) -> tarfile.TarFile:
    """Read in order: no seeking, nothing is listed ahead."""
    try:
        return tarfile.open(opener.source, "r|*", tarinfo=_Header)
    except tarfile.ReadError as error:
        if "header has" in str(error):
            raise
        raise opener.refused("it is neither a folder, a zip nor a tar file") from error


def _tar(opener: _Opener) -> None:
    unpacked = 0
    most = MOST_BYTES * max(1, len(opener.wanted.cases) * len(opener.wanted.seeds) * opener.wanted.views)
    with _stream(opener) as archive:
        for member in archive:
            unpacked += member.size
            if unpacked > most:  # a member that is passed over is decompressed all the same
                raise opener.refused(f"it unpacks to more than {most / 1e9:.0f} GB")
            if not (member.isreg() or member.isdir()):
                raise opener.refused(f"it holds a link or a device: {member.name[:120]!r}")
            target = opener.place(member.name) if member.isreg() else None
            if target is not None:
                stream = archive.extractfile(member)
                assert stream is not None  # it is a regular file
                opener.take(member.name, target, stream)
