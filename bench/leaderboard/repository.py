"""The files of a board: which belong there, what each entry consists of, and what is wrong with single files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from bench.leaderboard.entry import Entry, content_id
from bench.leaderboard.files import MOST_BYTES, read_bytes, read_document
from bench.leaderboard.findings import Finding, Level
from bench.leaderboard.making import where_it_lies
from bench.leaderboard.objects import Objects, read_objects
from bench.leaderboard.pin import PIN, Pin, read_pin
from bench.leaderboard.sheet import check_sheet
from groundwork.errors import InputError, UsageError, UserError
from groundwork.explain import shown
from groundwork.hashing import hash_bytes
from groundwork.yaml_tree import Step, parse

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*__[A-Za-z0-9][A-Za-z0-9.-]*")
_BOARD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}-v[1-9][0-9]{0,5}")
_FILE = re.compile(r"[0-9a-f]{64}\.(json|parquet|webp)")
_READ_ME = ("README.md", "LICENSE", ".gitattributes")


@dataclass(frozen=True)
class StoredEntry:
    """An entry as it lies in the repository; `document` is its JSON as it was, `text` the file."""

    path: Path
    text: str = field(repr=False)
    document: dict[str, Any] = field(repr=False)
    entry: Entry
    objects: Objects = field(repr=False)
    sheet: bytes | None = field(default=None, repr=False)


@dataclass
class Repository:
    """Everything that could be read, and what is wrong with single files."""

    root: Path
    pins: dict[str, Pin] = field(default_factory=dict)
    entries: list[StoredEntry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    looked_at: int = 0

    def add(self, path: Path, code: str, message: str, hint: str = "", line: int = 1, level: Level = "error") -> None:
        """Note something."""
        self.findings.append(Finding(_name(path), line, level, code, message, hint))


def read_repository(root: Path) -> Repository:
    """Read all of a board. Raises `UsageError` where there is none."""
    if not root.is_dir():
        raise UsageError(
            "there is no such folder of entries",
            where=str(root),
            expected="<suite>-v<version>/<developer>__<model>/...",
        )
    found = Repository(root)
    for path in _files(root):
        parts = path.relative_to(root).parts
        if path.is_symlink():
            found.add(path, "path", "this is a link, and could lead anywhere", "put the file itself there")
        elif len(parts) == 1 and parts[0] in _READ_ME:
            continue
        elif len(parts) == 2 and _BOARD.fullmatch(parts[0]) and parts[1] == PIN:
            _read_pin(found, path, parts[0])
        elif (
            len(parts) == 3 and _BOARD.fullmatch(parts[0]) and _MODEL.fullmatch(parts[1]) and _FILE.fullmatch(parts[2])
        ):
            if path.suffix == ".json":
                _read_entry(found, path)
            elif not path.with_suffix(".json").is_file():
                found.add(path, "stray", f"no entry lies beside this {path.suffix} file", "add its .json, or remove it")
        else:
            found.add(
                path, "path", "this file belongs to no entry",
                "`leaderboard entry` puts entries at <suite>-v<version>/<developer>__<model>/<entry-id>.json",
            )  # fmt: skip
    return found


def read_entry(path: Path) -> StoredEntry:
    """One entry with its table and sheet, wherever it lies. Raises `InputError` for what is wrong with its files."""
    found = Repository(path.parent)
    _read_entry(found, path)
    wrong = [one for one in found.findings if one.code != "path" or not found.entries]
    if wrong:
        raise InputError(wrong[0].message, where=f"{wrong[0].file}:{wrong[0].line}", hint=wrong[0].hint)
    return found.entries[0]


def find_entry(path: Path) -> StoredEntry:
    """The same for what people type: the .json, another file of the entry, or its folder where it holds one alone."""
    if path.is_dir():
        there = sorted(path.glob("*.json"))
        if len(there) != 1:
            raise UsageError(
                f"the folder holds {len(there)} entries", where=str(path), expected="the entry's .json", hint=""
            )
        return read_entry(there[0])
    return read_entry(path.with_suffix(".json"))


def line_of(text: str, path: tuple[Step, ...]) -> int:
    """The line of a field in a JSON text, 1 where that cannot be told."""
    try:
        root, _ = parse(text, "entry", Path(), UsageError)
        return int(root.follow(path)[0].where.rpartition(":")[2])
    except (UserError, ValueError):
        return 1


def _files(root: Path) -> Iterator[Path]:
    """All files and links below, not through links, in the order of their names."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _read_pin(found: Repository, path: Path, board: str) -> None:
    try:
        pin = read_pin(path)
    except InputError as error:
        found.add(path, "suite", error.message, error.hint)
        return
    if pin.board != board:
        found.add(path, "suite", f"this is the pin of {pin.board}, in the folder of {board}")
        return
    found.pins[board] = pin


def _read_entry(found: Repository, path: Path) -> None:
    found.looked_at += 1
    own = [path.with_suffix(suffix) for suffix in (".json", ".parquet", ".webp")]
    size = sum(file.lstat().st_size for file in own if file.is_file())
    if size > MOST_BYTES:
        found.add(path, "size", f"the entry takes {size / 1e6:.1f} MB with what lies beside it",
                  f"at most {MOST_BYTES / 1e6:.0f} MB: git keeps every version for ever")  # fmt: skip
        return
    try:
        text, document = read_document(path)
    except InputError as error:
        found.add(path, "json", error.message)
        return
    entry = _validated(found, path, text, document)
    if entry is None:
        return
    if content_id(document) != entry.id:
        found.add(
            path, "id", f"the content has the id {content_id(document)[:16]}…, and the entry says {entry.id[:16]}…",
            "an entry is never edited: make a new one from the run, and supersede this one", line_of(text, ("id",)),
        )  # fmt: skip
    if path.stem != entry.id:
        found.add(path, "path", "the file is not named after the entry's id", f"call it {entry.id}.json")
    wanted = where_it_lies(PurePath(), entry).parent
    if path.absolute().parts[-3:-1] != wanted.parts:
        found.add(path, "path", "the entry lies in the wrong folder", f"it belongs to {wanted}")
    objects = _table(found, path, entry)
    if objects is not None:
        sheet = _sheet(found, path, entry)
        found.entries.append(StoredEntry(path, text, document, entry, objects, sheet))


def _validated(found: Repository, path: Path, text: str, document: dict[str, Any]) -> Entry | None:
    if document.get("format") != 1:
        found.add(
            path, "schema", f"the entry is of format {shown(document.get('format'))}, and this version reads format 1"
        )
        return None
    try:
        return Entry.model_validate_json(text)
    except ValidationError as error:
        for detail in error.errors(include_url=False)[:20]:
            place = ".".join(str(part) for part in detail["loc"])
            what = detail["msg"].removeprefix("Value error, ")
            said = "" if isinstance(detail["input"], dict | list) else f"; it is {shown(detail['input'])}"
            code = "text" if detail["type"] == "value_error" else "schema"
            found.add(path, code, f"{place}: {what}{said}", line=line_of(text, detail["loc"]))
        return None


def _table(found: Repository, path: Path, entry: Entry) -> Objects | None:
    file = path.with_suffix(".parquet")
    try:
        content = read_bytes(file)
        if hash_bytes(content) != entry.objects:
            found.add(file, "hash", "the table of values by object is not the one that the entry was made with",
                      "put back the file that `leaderboard entry` wrote")  # fmt: skip
            return None
        return read_objects(content, str(file))
    except InputError as error:
        found.add(file, "table", error.message, error.expected)
        return None


def _sheet(found: Repository, path: Path, entry: Entry) -> bytes | None:
    file = path.with_suffix(".webp")
    if entry.preview is None:
        if file.exists():
            found.add(file, "stray", "the entry names no contact sheet")
        return None
    try:
        content = read_bytes(file)
        check_sheet(content, entry.preview, str(file))
        return content
    except UserError as error:
        found.add(file, "sheet", error.message, error.expected)
        return None


def _name(path: Path) -> str:
    """As people and CI know it: below the current folder where it lies there."""
    try:
        return str(path.resolve().parent.relative_to(Path.cwd()) / path.name)
    except ValueError:
        return str(path)
