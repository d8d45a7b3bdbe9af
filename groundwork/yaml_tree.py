"""YAML text as a tree that remembers where each value was written, so that every message can point at a line.

Only plain data is read: no tags, anchors, aliases or merge keys (no object construction, no expansion bombs). Plain
scalars follow YAML 1.2's core schema, where `no` is a word, `12:30` is a text and `1e-3` is a number; dates stay texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import yaml

from groundwork.errors import UsageError

MAX_DEPTH = 16  # suites and training configs need five
Scalar: TypeAlias = str | int | float | bool | None
Step: TypeAlias = str | int
Kind = TypeVar("Kind", bound=UsageError)

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {"": None, "~": None}
for _word, _value in (("null", None), ("true", True), ("false", False)):
    _WORDS |= {_word: _value, _word.title(): _value, _word.upper(): _value}


@dataclass
class Node:
    """A value with its origin: `where` reads `file:line` or `--set ...`; relative paths below start at `base`."""

    value: Scalar | list[Node] | dict[str, Node]
    where: str
    base: Path

    def plain(self) -> Any:
        """The value as ordinary lists, dicts and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def children(self) -> dict[Step, Node]:
        """Nodes one step down, by key or index."""
        if isinstance(self.value, dict):
            return {key: node for key, node in self.value.items()}  # noqa: C416 (widens the type of the keys)
        return dict(enumerate(self.value)) if isinstance(self.value, list) else {}

    def named_items(self) -> dict[str, Node]:
        """Items of a list that have a name: `{name: NAME, ...}` by it, `NAME` and `{NAME: ...}` (metrics) by theirs.

        Names that come more than once are left out: they do not single out an item.
        """
        items = self.value if isinstance(self.value, list) else []
        names = [_name_of(item) for item in items]
        times = Counter(names)
        return {name: item for name, item in zip(names, items, strict=True) if name and times[name] == 1}

    def follow(self, path: tuple[Step, ...], named: Sequence[str] = ()) -> tuple[Node, str]:
        """The deepest node that exists on `path`, and the whole path for people: `generators.realiz3d.path`.

        `named` are top sections in which plain texts of a list are names too; elsewhere they go by their number.
        """
        node, words, reached = self, list[str](), True
        for step in path:
            below = node.children().get(step) if reached else None
            name = _name_of(below) if below is not None and isinstance(step, int) else ""
            if name and (path[0] in named or isinstance(below and below.value, dict)) and name in node.named_items():
                words.append(name)
            elif step not in words[-1:] or not _is_short_form(node):  # a metric's name is its path already
                words.append(str(step))
            reached = below is not None
            node = below or node
        return node, ".".join(words)


def _name_of(item: Node) -> str:
    if isinstance(item.value, str):
        return item.value
    if isinstance(item.value, dict):
        name = (
            item.value["name"].value
            if "name" in item.value
            else next(iter(item.value), "")
            if len(item.value) == 1
            else ""
        )
        return name if isinstance(name, str) else ""
    return ""


def _is_short_form(item: Node) -> bool:
    """Whether a list's item is `{NAME: {...}}`, so that its fields are addressed without repeating NAME."""
    return isinstance(item.value, dict) and len(item.value) == 1 and "name" not in item.value


def read_scalar(text: str) -> Scalar:
    """A plain scalar by the core schema. Raises `ValueError` for numbers beyond 64 bits and odd characters."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        if len(text) > 22:
            raise ValueError("the number does not fit 64 bits")
        number = int(text) if _INTEGER.fullmatch(text) else int(text, 0)
        if not -(2**63) <= number < 2**63:
            raise ValueError("the number does not fit 64 bits")
        return number
    if _FLOAT.fullmatch(text):
        if math.isinf(float(text)):
            raise ValueError("the number does not fit 64 bits")
        return float(text)
    return checked_text(text)


def checked_text(text: str) -> str:
    """The text itself. Raises `ValueError` for control characters and lone surrogates, which no name or path needs."""
    if any((ord(character) < 32 and character not in "\t\n") or 127 <= ord(character) < 160 for character in text):
        raise ValueError("the text holds control characters")
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        raise ValueError("the text is not valid Unicode")
    return text


def parse(text: str, label: str, base: Path, kind: type[Kind]) -> tuple[Node, list[Kind]]:
    """The one document in `text`, and what is wrong with single keys of it (duplicates).

    `label` names the text in messages. Raises an error of `kind` where the text cannot be read on: bad syntax, an
    alias, a tag, nesting beyond `MAX_DEPTH`.
    """
    reader = _Reader(text, label, base, kind)
    try:
        return reader.document(), reader.problems
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position if isinstance(error.position, int) else 0) + 1
        raise kind(
            f"a character that YAML does not allow: {error.reason}",
            where=f"{label}:{line}",
            expected="printable text in UTF-8",
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        tab = "'\\t'" in str(error.problem)
        raise kind(
            f"this is not YAML: {error.problem}{f', {error.context}' if error.context else ''}",
            where=f"{label}:{mark.line + 1}" if mark else label,
            expected="YAML such as `views: {azimuths: [0, 90], elevation: 0}`",
            hint="indent with spaces, not tabs"
            if tab
            else "check indentation, brackets and quotes on this line and the one before",
        ) from error


class _Reader(Generic[Kind]):
    """Turns PyYAML's events into nodes; events carry positions and need no construction of objects."""

    def __init__(self, text: str, label: str, base: Path, kind: type[Kind]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._label, self._base, self._kind = label, base, kind
        self.problems: list[Kind] = []

    def document(self) -> Node:
        next(self._events)  # stream start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Node(None, f"{self._label}:1", self._base)
        root = self._node(next(self._events), 0)
        next(self._events)  # document end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._error(after, "a second YAML document begins here", "one document per file")
        return root

    def _where(self, event: Any) -> str:
        return f"{self._label}:{event.start_mark.line + 1}"

    def _error(self, event: Any, message: str, expected: str) -> Kind:
        return self._kind(message, where=self._where(event), expected=expected)

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(event, "YAML anchors and aliases are not read", "the value itself, written out")
        if event.tag is not None:
            raise self._error(event, f"the YAML tag {event.tag} is not read", "plain data without tags")
        if depth > MAX_DEPTH:
            raise self._error(event, "lists and sections are nested too deeply", f"at most {MAX_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            try:
                value = read_scalar(event.value) if event.style is None else checked_text(event.value)
            except ValueError as error:
                raise self._error(event, str(error), "a text, or a number of ordinary size") from error
            return Node(value, self._where(event), self._base)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(child := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(child, depth + 1))
            return Node(items, self._where(event), self._base)
        return self._mapping(event, depth)

    def _mapping(self, event: Any, depth: int) -> Node:
        entries: dict[str, Node] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            name = self._node(key, depth + 1).value
            node = self._node(next(self._events), depth + 1)
            node.where = self._where(key)  # people look for the key
            if isinstance(name, bool) or not isinstance(name, str | int | float):
                raise self._error(key, "a key is not a name", "a text before the colon")
            name = key.value if not isinstance(name, str) else name
            if name in entries:
                self.problems.append(
                    self._kind(
                        f"the key '{name}' comes twice",
                        where=f"{self._where(key)}: {name}",
                        expected=f"one of them; the first is at {entries[name].where}",
                    )
                )
                continue
            entries[name] = node
        return Node(entries, self._where(event), self._base)
