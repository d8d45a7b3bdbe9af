"""`--set a.b=value`: change or add a field of a document before it is checked, so that it is checked like the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from groundwork.errors import UsageError, nearest
from groundwork.yaml_tree import MAX_DEPTH, Node, checked_text, parse, read_scalar


def override(
    root: Node,
    text: str,
    kind: type[UsageError],
    example: str,
    new_key: Callable[[list[str], int], str] = lambda words, done: words[done],
) -> list[str]:
    """Apply one `PATH=VALUE` to the tree in place; returns PATH in words.

    Items of a list go by their `name` or their number. VALUE is a YAML scalar, or a list or section in brackets; paths
    in it are relative to the current directory. `new_key` says which of PATH's words, from a place on, are the key that
    a section lacks, where it is not a single one. Raises an error of `kind` when PATH leads nowhere.
    """
    where = f"--set {text}"
    try:
        checked_text(text)
    except ValueError as error:
        raise kind(str(error), where=f"--set {text!a}", expected="printable text") from error
    address, equals, value = text.partition("=")
    words = address.strip().split(".")
    if not equals or not all(words) or len(words) > MAX_DEPTH:
        raise kind(f"--set does not understand '{text}'", where=where, expected=f"PATH=VALUE, such as {example}")
    new = _value(value.strip(), where, kind)
    node = _slot(root, words, where, kind, new_key)
    node.value, node.where, node.base = new.value, new.where, new.base
    return words


def _value(text: str, where: str, kind: type[UsageError]) -> Node:
    base = Path.cwd()
    if text[:1] in ("[", "{", '"', "'"):
        try:
            node, problems = parse(text, where, base, kind)
        except kind as error:
            raise kind(error.message, where=where, expected=error.expected) from error
        if problems:
            raise kind(problems[0].message, where=where)
        _relabel(node, where)
        return node
    try:
        return Node(read_scalar(text), where, base)
    except ValueError as error:
        raise kind(str(error), where=where, expected="a text, or a number of ordinary size") from error


def _relabel(node: Node, where: str) -> None:
    node.where = where  # a line number means nothing on the command line
    for child in node.children().values():
        _relabel(child, where)


def _slot(
    root: Node, words: list[str], where: str, kind: type[UsageError], new_key: Callable[[list[str], int], str]
) -> Node:
    """The node at the path `words`, made when a section lacks it."""
    node, done = root, 0
    while done < len(words):
        if isinstance(node.value, list):
            node, used = _item(node, words[done:], where, ".".join(words[:done]), kind)
        elif isinstance(node.value, dict) or node.value is None:
            if node.value is None:
                node.value = {}
            # longest first: names may hold dots
            prefixes = (".".join(words[done:end]) for end in range(len(words), done, -1))
            key = next((prefix for prefix in prefixes if prefix in node.value), None) or new_key(words, done)
            used = key.count(".") + 1
            node = node.value.setdefault(key, Node(None, where, root.base))
        else:
            raise kind(
                f"'{'.'.join(words[:done])}' is a value, it has no field '{words[done]}'",
                where=where,
                expected=f"--set {'.'.join(words[:done])}=VALUE",
            )
        done += used
    return node


def _item(node: Node, words: list[str], where: str, path: str, kind: type[UsageError]) -> tuple[Node, int]:
    items, named = node.children(), node.named_items()
    for end in range(len(words), 0, -1):
        found = named.get(".".join(words[:end]))
        if found is not None:
            return _body(found), end
    if words[0].isascii() and words[0].isdecimal() and int(words[0]) < len(items):
        return items[int(words[0])], 1
    names = [*named] or [str(index) for index in items]
    raise kind(
        f"'{path}' has no item '{words[0]}'",
        where=where,
        expected="the name of an item, or its number when several share a name (the first is 0)",
        hint=nearest(words[0], names),
    )


def _body(item: Node) -> Node:
    """Where the fields of a named item are: `NAME` or `{NAME: {...}}` keeps its options below its name."""
    if isinstance(item.value, str):
        item.value = {item.value: Node(None, item.where, item.base)}
    if isinstance(item.value, dict) and "name" not in item.value and len(item.value) == 1:
        (item,) = item.value.values()
    return item
