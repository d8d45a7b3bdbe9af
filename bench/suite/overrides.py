"""`--set a.b=value`: change or add any field of a suite before it is checked, so that it is checked like the file."""

from __future__ import annotations

from pathlib import Path

from bench.errors import SuiteError, nearest
from bench.suite.schema import REFERENCE_KINDS, Gate, MeshCases, MiniworldCases, PromptCases
from groundwork.yaml_tree import MAX_DEPTH, Node, Scalar, checked_text, parse, read_scalar

_KEYS_OF_SOURCE = {
    "meshes": frozenset(MeshCases.model_fields),
    "prompts": frozenset(PromptCases.model_fields),
    "miniworld": frozenset(MiniworldCases.model_fields),
}


def override(root: Node, text: str) -> None:
    """Apply one `PATH=VALUE` to the tree in place.

    Items of a list go by their `name` or their number. VALUE is a YAML scalar, or a list or section in brackets; paths
    in it are relative to the current directory. Choosing one kind of a reference (or of cases) drops the others' keys.
    Raises `SuiteError` when PATH leads nowhere.
    """
    try:
        checked_text(text)
    except ValueError as error:
        raise SuiteError(str(error), where=f"--set {text!a}", expected="printable text") from error
    address, equals, value = text.partition("=")
    words = address.strip().split(".")
    if not equals or not all(words) or len(words) > MAX_DEPTH:
        raise SuiteError(
            f"--set does not understand '{text}'",
            where=f"--set {text}",
            expected="PATH=VALUE, such as --set cases.path=DIR or --set generators.NAME.path=DIR",
        )
    new = _value(value.strip(), text)
    node = _slot(root, words, text)
    node.value, node.where, node.base = new.value, new.where, new.base
    _drop_alternatives(root, words)


def _value(text: str, whole: str) -> Node:
    where, base = f"--set {whole}", Path.cwd()
    if text[:1] in ("[", "{", '"', "'"):
        try:
            node, problems = parse(text, where, base, SuiteError)
        except SuiteError as error:
            raise SuiteError(error.message, where=where, expected=error.expected) from error
        if problems:
            raise SuiteError(problems[0].message, where=where)
        _relabel(node, where)
        return node
    try:
        return Node(read_scalar(text), where, base)
    except ValueError as error:
        raise SuiteError(str(error), where=where, expected="a text, or a number of ordinary size") from error


def _relabel(node: Node, where: str) -> None:
    node.where = where  # a line number means nothing on the command line
    for child in node.children().values():
        _relabel(child, where)


def _slot(root: Node, words: list[str], text: str) -> Node:
    """The node at the path `words`, made when a section lacks it."""
    where, node, done = f"--set {text}", root, 0
    while done < len(words):
        if isinstance(node.value, list):
            node, used = _item(node, words[done:], where, ".".join(words[:done]))
        elif isinstance(node.value, dict) or node.value is None:
            if node.value is None:
                node.value = {}
            # longest first: names of references and results may hold dots
            prefixes = (".".join(words[done:end]) for end in range(len(words), done, -1))
            new = _new_result(words) if done == 1 and words[0] == "gates" else words[done]
            key = next((prefix for prefix in prefixes if prefix in node.value), new)
            used = key.count(".") + 1
            node = node.value.setdefault(key, Node(None, where, root.base))
        else:
            raise SuiteError(
                f"'{'.'.join(words[:done])}' is a value, it has no field '{words[done]}'",
                where=where,
                expected=f"--set {'.'.join(words[:done])}=VALUE",
            )
        done += used
    return node


def _new_result(words: list[str]) -> str:
    """The result that a path below `gates` names: `normal_within_11.25` is one name, whatever its field is called."""
    end = len(words) - 1
    if words[-1] not in Gate.model_fields:
        end = next((n for n in range(2, len(words)) if not words[n][0].isdigit()), len(words))
    return ".".join(words[1 : max(end, 2)])


def _item(node: Node, words: list[str], where: str, path: str) -> tuple[Node, int]:
    items, named = node.children(), node.named_items()
    for end in range(len(words), 0, -1):
        found = named.get(".".join(words[:end]))
        if found is not None:
            return _body(found), end
    if words[0].isascii() and words[0].isdecimal() and int(words[0]) < len(items):
        return items[int(words[0])], 1
    names = [*named] or [str(index) for index in items]
    raise SuiteError(
        f"'{path}' has no item '{words[0]}'",
        where=where,
        expected="the name of an item, or its number when several share a name (the first is 0)",
        hint=nearest(words[0], names),
    )


def _body(item: Node) -> Node:
    """Where the fields of a named item are: a metric `cde` or `{fid: {...}}` keeps its options below its name."""
    if isinstance(item.value, str):
        item.value = {item.value: Node(None, item.where, item.base)}
    if isinstance(item.value, dict) and "name" not in item.value and len(item.value) == 1:
        (item,) = item.value.values()
    return item


def _drop_alternatives(root: Node, words: list[str]) -> None:
    sections = root.value if isinstance(root.value, dict) else {}
    if words == ["cases", "source"] and isinstance(cases := sections["cases"].value, dict):
        chosen: Scalar | list[Node] | dict[str, Node] = cases["source"].value
        if isinstance(chosen, str) and chosen in _KEYS_OF_SOURCE:
            for key in [*cases]:
                if key not in _KEYS_OF_SOURCE[chosen]:
                    del cases[key]
    if words[0] == "references" and isinstance(references := sections["references"].value, dict):
        for end in range(len(words) - 1, 1, -1):
            reference = references.get(".".join(words[1:end]))
            if reference is not None and isinstance(reference.value, dict) and words[end] in REFERENCE_KINDS:
                for key in [*reference.value]:
                    if key != words[end] and key in REFERENCE_KINDS:
                        del reference.value[key]
                return
