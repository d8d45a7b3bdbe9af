"""Documents that people write, such as suites and training configs: found by path or shipped name, read with lines."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from groundwork.errors import nearest
from groundwork.yaml_tree import Kind, Node, parse

MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class Document(Generic[Kind]):
    """A kind of document: its `name` in messages, what `ships` of it, and the error that tells what is wrong with one.

    `least` says what one must hold, `help` how to learn what it may hold.
    """

    name: str
    ships: Mapping[str, Path]
    error: type[Kind]
    least: str
    help: str = ""

    def find(self, source: str | Path) -> Path:
        """The file behind a path or a shipped name; a bare name means the shipped one, `./name` is always a file."""
        if isinstance(source, str) and source in self.ships:
            return self.ships[source]
        file = Path(source)
        try:
            mode = file.stat().st_mode
        except (OSError, ValueError) as error:
            bare = isinstance(source, str) and file.suffix == "" and file.name == source
            raise self.error(
                f"there is no {self.name} '{source}'",
                where=ascii(str(source)),
                expected=f"a {self.name} file, or the name of a shipped {self.name}",
                hint=nearest(str(source), self.ships)
                if bare or not isinstance(error, FileNotFoundError)
                else f"check the path; shipped {self.name}s: " + ", ".join(self.ships),
            ) from error
        if not stat.S_ISREG(mode):  # also keeps named pipes and devices, which would block, from being opened
            hint = "name the YAML file inside it" if stat.S_ISDIR(mode) else ""
            raise self.error(f"'{source}' is not a file", where=str(source), expected=f"a {self.name} file", hint=hint)
        return file

    def read(self, source: str | Path, file: Path, base: Path) -> tuple[Node, list[Kind]]:
        """The tree of a `file` that `find` found for `source`; paths in it start at `base`. Errors as `parse`."""
        return parse(self._text(file), str(source) if file == Path(source) else str(file), base, self.error)

    def _text(self, file: Path) -> str:
        try:
            with file.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise self.error(f"the {self.name} cannot be read: {error.strerror}", where=str(file)) from error
        if len(data) > MAX_BYTES:
            expected = f"at most {MAX_BYTES // 1024} KiB of YAML"
            raise self.error(f"the {self.name} file is too large", where=str(file), expected=expected)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise self.error(
                f"the {self.name} file is not UTF-8", where=f"{file}:{line}", hint="save it as UTF-8"
            ) from error
        if not text.strip():
            raise self.error(
                f"the {self.name} file is empty", where=f"{file}:1", expected=f"at least {self.least}", hint=self.help
            )
        return text


def make_absolute(nodes: Sequence[Node]) -> None:
    """Turn texts of a tree that are paths into absolute ones, each from where it was given; `~` is the user's home."""
    for node in nodes:
        if isinstance(node.value, str) and node.value:
            home = node.value == "~" or node.value.startswith("~/")
            path = Path.home() / node.value[2:] if home else node.base / node.value
            node.value = str(path.absolute())
