"""The one walk over folders of pictures: what is read, what is fingerprinted and what is counted are the same files.

Linked folders are followed, a link to a folder above is not. What operating systems and archivers leave behind is
ignored, and counted; pictures of types that nobody here reads are named.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

JUNK_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
JUNK_FILES = frozenset({"thumbs.db", "desktop.ini", "icon\r"})
_OTHER_PICTURES = (
    "heic heif avif jxl jp2 j2k tga psd svg exr hdr ico ppm pgm pbm pnm raw dng cr2 cr3 nef arw eps qoi dds pcx xcf "
    "mp4 webm mov avi mkv"
)
_ARCHIVES = "zip tar tgz gz zst 7z rar"
_OTHER_MESHES = "fbx dae blend 3ds usd usda usdc usdz x3d wrl 3mf max ma mb c4d abc ifc step stp"


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split(" "))


OTHER_PICTURES = _suffixes(f"{_OTHER_PICTURES} {_ARCHIVES}")
"""What may hold pictures (or videos) and is told when it is not read."""
OTHER_MESHES = _suffixes(f"{_OTHER_MESHES} {_ARCHIVES}")


@dataclass(frozen=True)
class Walk:
    """What lies below `root`: `files` that were asked for, by relative path; the rest by why it was left out."""

    root: Path
    files: tuple[Path, ...]
    other: tuple[Path, ...] = ()  # of types that are not read, archives among them
    junk: tuple[str, ...] = ()
    broken: tuple[Path, ...] = ()  # links to nothing, or to a folder above

    def left_out(self) -> str:
        """What a person should know was not read, as one sentence without a full stop; '' when there is nothing."""
        parts = []
        if self.other:
            kinds = Counter(path.suffix.lower() for path in self.other)
            listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(kinds.items()))
            parts.append(f"{len(self.other)} of a type that is not read ({listed}), first {self._name(self.other[0])}")
        if self.broken:
            parts.append(
                f"{len(self.broken)} links that lead nowhere or in a circle, first {self._name(self.broken[0])}"
            )
        if self.junk:
            parts.append(f"what systems leave behind ({', '.join(sorted(set(self.junk)))})")
        return f"left out of {self.root}: {'; '.join(parts)}" if parts else ""

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


@dataclass
class _Found:
    files: list[Path] = field(default_factory=list)
    other: list[Path] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is what operating systems and archivers leave behind."""
    return name in JUNK_FOLDERS or name.lower() in JUNK_FILES or name in (".DS_Store",) or name.startswith("._")


def walk(root: Path, suffixes: tuple[str, ...], other: frozenset[str] = OTHER_PICTURES) -> Walk:
    """Every file below `root` whose suffix is one of `suffixes` (lower case), in the order of their relative paths.

    Files that end in one of `other` are kept beside them, to be told. Hidden files and folders are left out without a
    word. Folders that cannot be listed raise `OSError`.
    """
    found = _Found()
    _look(root, (frozenset(suffixes), other), found, (_identity(root),))

    def order(path: Path) -> str:
        return path.relative_to(root).as_posix()

    return Walk(
        root,
        tuple(sorted(found.files, key=order)),
        tuple(sorted(found.other, key=order)),
        tuple(sorted(found.junk)),
        tuple(sorted(found.broken, key=order)),
    )


def every_file(root: Path) -> tuple[Path, ...]:
    """Every file below `root`, hidden ones and those behind linked folders too, sorted: what a folder's identity is of.

    A link to a folder above is not followed.
    """
    found: list[Path] = []
    waiting: list[tuple[Path, tuple[tuple[int, int], ...]]] = [(root, (_identity(root),))]
    while waiting:
        folder, above = waiting.pop()
        for path in folder.iterdir():
            if not path.is_dir():
                found += [path] if path.is_file() else []
            elif (identity := _identity(path)) not in above:
                waiting.append((path, (*above, identity)))
    return tuple(sorted(found))


def folders_in(root: Path) -> Iterator[Path]:
    """The folders straight below `root`, links to folders included, by name; hidden ones and junk are left out."""
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and not is_junk(entry.name):
            yield entry


def _look(
    folder: Path,
    suffixes: tuple[frozenset[str], frozenset[str]],
    found: _Found,
    above: tuple[tuple[int, int], ...],
) -> None:
    wanted, other = suffixes
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        path = folder / entry.name
        if is_junk(entry.name):
            found.junk.append("._*" if entry.name.startswith("._") else entry.name)
        elif entry.name.startswith("."):
            continue
        elif path.is_dir():
            identity = _identity(path)
            if identity in above:
                found.broken.append(path)
            else:
                _look(path, suffixes, found, (*above, identity))
        elif entry.is_symlink() and not path.exists():
            found.broken.append(path)
        elif path.suffix.lower() in wanted and path.is_file():
            found.files.append(path)
        elif path.suffix.lower() in other and path.is_file():
            found.other.append(path)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
