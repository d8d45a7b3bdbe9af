"""From a YAML file, or the name of a shipped config, to a `TrainConfig`; messages point at the line and the field.

Only plain data is read: no tags, no anchors or aliases. Numbers follow YAML 1.2 (`5e-5` is a number, `no` is a word).
Relative paths start at the file's folder; those in a shipped config or in `--set` at the current directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from realiz3d.errors import UsageError, nearest
from realiz3d.training.config import TrainConfig, schema_of
from realiz3d.training.extends import merged

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
_PATHS = (("data", "synthetic", "path"), ("data", "real", "path"), ("data", "cache"), ("base", "checkpoint"))

Step = str | int
Place = tuple[Step, ...]


class _Plain(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own interface


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]{1,18}", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", "-+.0123456789"),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _float(_loader: Any, node: Any) -> float:
    return float(node.value)


def _int(_loader: Any, node: Any) -> int:
    return int(node.value)


_Plain.add_constructor("tag:yaml.org,2002:float", _float)
_Plain.add_constructor("tag:yaml.org,2002:int", _int)


def shipped_configs() -> dict[str, Path]:
    """Configs that come with the package, by name: Realiz3D's, and those of the methods it is compared with."""
    rooms = [package for package in ("realiz3d", "baselines") if find_spec(package) is not None]
    found = [file for room in rooms for file in Path(str(files(room) / "configs")).glob("*.yaml")]
    return {file.stem: file for file in sorted(found)}


def load_config(
    source: str | Path,
    overrides: Sequence[str] = (),
    schema: type[TrainConfig] | None = None,
) -> TrainConfig:
    """Read and check a config: a file, or the bare name of a shipped one. `overrides` are `section.field=VALUE` texts.

    `schema` is `TrainConfig`, or a subclass of it that knows other methods; None: as `method.name` says.
    Raises `UsageError`; `where` is `file:line: section.field`, the hint names the nearest field.
    """
    values, lines, label = _chain(source, ())
    for text in overrides:
        _override(values, lines, text)
    try:
        found = schema or schema_of(values)
    except UsageError as error:
        raise _placed(error, lines, label) from error
    try:
        return found.model_validate(values)
    except ValidationError as error:
        raise explain(error, lines, label, found) from None


def _chain(source: str | Path, above: tuple[str, ...]) -> tuple[dict[str, Any], dict[Place, str], str]:
    """A config's values with those that it extends, where each is written, and what to call the file."""
    shipped = shipped_configs()
    own = str(source) not in shipped
    file = Path(source) if own else shipped[str(source)]
    label = str(source) if own else f"{source}.yaml"
    if str(file.absolute()) in above or len(above) > MAX_DEPTH:
        raise UsageError("the configs extend each other without end", where=f"{label}: extends")
    values, lines = parse(_read(file, str(source)), label)
    if not isinstance(values, dict):
        raise UsageError("the config is no section of fields", where=f"{label}:1", expected="name: ..., base: ...")
    folder = file.absolute().parent
    _resolve(values, folder if own else Path.cwd(), _PATHS)
    if "extends" not in values:
        return values, lines, label
    other = values.pop("extends")
    if not isinstance(other, str):
        raise UsageError(
            "'extends' is no config", where=f"{lines[('extends',)]}: extends", expected="a file, or a shipped name"
        )
    below, below_lines, _ = _chain(other if other in shipped else folder / other, (*above, str(file.absolute())))
    return merged(below, values), below_lines | lines, label


def _placed(error: UsageError, lines: dict[Place, str], label: str) -> UsageError:
    where = f"{_line(('method', 'name'), lines, label)}: {error.where}"
    return UsageError(error.message, where=where, expected=error.expected, hint=error.hint)


def parse(text: str, label: str) -> tuple[Any, dict[Place, str]]:
    """The plain value of a YAML document, and `label:line` of each place in it. Raises `UsageError`."""
    try:
        # before anything is built: aliases could expand without end, tags could ask for objects
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _at(event.start_mark, label, "YAML anchors and aliases are not read", "the value itself")
            tag = getattr(event, "tag", None)
            if tag:
                raise _at(event.start_mark, label, f"the YAML tag {tag!a} is not read", "plain data")
        loader = _Plain(text)
        try:
            root = loader.get_single_node()
            lines: dict[Place, str] = {}
            if root is not None:
                _walk(root, (), lines, label)
            return (None if root is None else loader.construct_document(root)), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise UsageError(
            f"this is not YAML: {error.problem}", where=where, hint="check indentation and quotes"
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"this is not YAML: {str(error).splitlines()[0]}", where=label) from error


def explain(error: ValidationError, lines: dict[Place, str], label: str, schema: type[BaseModel]) -> UsageError:
    """The first thing that is wrong, in words, and where the others are."""
    details = error.errors(include_url=False)
    places = [_place(detail["loc"], lines, schema) for detail in details]
    detail, place = details[0], places[0]
    where = f"{_line(place, lines, label)}: {'.'.join(map(str, place))}" if place else f"{label}:1"
    name = str(place[-1]) if place else "the config"
    message, expected, hint = f"{_shown(detail['input'])} does not fit '{name}'", str(detail["msg"]), ""
    expected = expected.removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("expected ")
    if detail["type"] == "extra_forbidden":
        message, expected, hint = (
            f"unknown field '{name}'",
            "",
            nearest(name, _fields(place[:-1], detail["loc"], schema)),
        )
    elif detail["type"] == "missing":
        message, expected = f"the field '{name}' is missing", _description(place, schema)
    elif detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        message, expected = (
            f"{name}.{detail['ctx']['discriminator']} is not known",
            str(detail["ctx"].get("expected_tags", "")),
        )
    elif detail["type"] == "value_error":
        message = f"'{name}' does not fit together" if place else "the config does not fit together"
    elif detail["type"] == "literal_error" and isinstance(detail["input"], str):
        hint = nearest(detail["input"], re.findall(r"'([^']+)'", expected))
    if len(details) > 1:
        others = ", ".join(".".join(map(str, other)) for other in places[1:6])
        hint = f"{hint}{'; ' if hint else ''}{len(details) - 1} more: {others}"
    return UsageError(message, where=where, expected=expected, hint=hint)


def _read(file: Path, source: str) -> str:
    try:
        if not file.is_file():
            raise UsageError(
                "there is no such config",
                where=ascii(source),
                expected="a YAML file, or the name of a shipped config",
                hint=nearest(source, shipped_configs()),
            )
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UsageError("the config is too large", where=source, expected=f"at most {MAX_BYTES // 1024} KiB")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"the config cannot be read: {error.strerror}", where=source) from error
    except UnicodeDecodeError as error:
        raise UsageError("the config is not UTF-8", where=source) from error


def _walk(node: Any, place: Place, lines: dict[Place, str], label: str) -> None:
    if len(place) > MAX_DEPTH:
        raise _at(node.start_mark, label, "sections are nested too deeply", f"at most {MAX_DEPTH} levels")
    lines.setdefault(place, f"{label}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*place, index), lines, label)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(key.start_mark, label, "a key is not a name", "a text before the colon")
            below = (*place, key.value)
            if below in lines:
                raise _at(key.start_mark, label, f"the field '{key.value}' comes twice", f"once; see {lines[below]}")
            lines[below] = f"{label}:{key.start_mark.line + 1}"
            _walk(value, below, lines, label)


def _at(mark: Any, label: str, message: str, expected: str) -> UsageError:
    return UsageError(message, where=f"{label}:{mark.line + 1}", expected=expected)


def _override(values: dict[str, Any], lines: dict[Place, str], text: str) -> None:
    path, equals, value = text.partition("=")
    steps = tuple(path.strip().split("."))
    if not equals or not all(steps):
        raise UsageError("--set does not understand this", where=f"--set {text}", expected="section.field=VALUE")
    parsed, _ = parse(value.strip(), f"--set {text}")
    node: Any = values
    for done, step in enumerate(steps[:-1]):
        node = _enter(node, step, steps[:done], text)
    if not isinstance(node, dict):
        raise UsageError(f"'{'.'.join(steps[:-1])}' has no fields", where=f"--set {text}")
    node[steps[-1]] = parsed
    if steps in _PATHS:
        _resolve(values, Path.cwd(), (steps,))
    for depth in range(1, len(steps) + 1):
        lines.setdefault(steps[:depth], f"--set {text}")
    lines[steps] = f"--set {text}"
    _one_length(node, steps)


def _enter(node: Any, step: str, before: tuple[str, ...], text: str) -> Any:
    if not isinstance(node, dict):
        raise UsageError(f"'{'.'.join(before)}' has no fields", where=f"--set {text}")
    if node.get(step) is None:
        node[step] = {}
    return node[step]


def _one_length(node: dict[str, Any], steps: tuple[str, ...]) -> None:
    """`--set ...length.steps=5` replaces the epochs of the file."""
    twin = {"steps": "epochs", "epochs": "steps"}.get(steps[-1])
    if steps[-2:-1] == ("length",) and twin:
        node.pop(twin, None)


def _resolve(values: Any, folder: Path, places: Iterable[tuple[str, ...]]) -> None:
    for place in places:
        node = values
        for step in place[:-1]:
            node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict) and isinstance(node.get(place[-1]), str):
            path = Path(node[place[-1]]).expanduser()
            # a checkpoint may be a name on the hub, which only looks like a relative path
            if place[-1] != "checkpoint" or node[place[-1]].startswith((".", "/", "~")) or (folder / path).is_dir():
                node[place[-1]] = str(folder / path)


def _place(location: Sequence[Step], lines: dict[Place, str], schema: type[BaseModel]) -> Place:
    """The place in the file: pydantic puts the chosen member of a union into its locations."""
    place: Place = ()
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if last or (*place, step) in lines or step in _names(_sections_at(place, schema)):
            place = (*place, step)
    return place


def _line(place: Place, lines: dict[Place, str], label: str) -> str:
    for depth in range(len(place), -1, -1):
        if place[:depth] in lines:
            return lines[place[:depth]]
    return f"{label}:1"


def _sections_at(place: Place, schema: type[BaseModel]) -> list[type[BaseModel]]:
    """The sections that may stand at a place."""
    found: list[type[BaseModel]] = [schema]
    for step in place:
        kinds = [model.model_fields[str(step)].annotation for model in found if str(step) in model.model_fields]
        found = [section for kind in kinds for section in _sections(kind)]
    return found


def _sections(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [section for part in get_args(kind) for section in _sections(part)]


def _names(models: Iterable[type[BaseModel]]) -> set[str]:
    return {name for model in models for name in model.model_fields}


def _fields(place: Place, location: Sequence[Step], schema: type[BaseModel]) -> set[str]:
    models = _sections_at(place, schema)
    tagged = [
        model
        for model in models
        if any(model.model_fields[tag].default in location for tag in ("encoder",) if tag in model.model_fields)
    ]
    return _names(tagged or models)


def _description(place: Place, schema: type[BaseModel]) -> str:
    for model in _sections_at(place[:-1], schema):
        if str(place[-1]) in model.model_fields:
            return model.model_fields[str(place[-1])].description or ""
    return ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
