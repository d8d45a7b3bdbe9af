"""From a YAML file, or the name of a shipped config, to a `TrainConfig`; everything wrong with it is told at once.

The text is read as suites are (`groundwork.yaml_tree`). Relative paths start at the file's folder; those in a shipped
config or in `--set` at the current directory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from groundwork.documents import Document, make_absolute
from groundwork.explain import Problem, description, unknown_choice, unknown_key, wrong_value
from groundwork.overrides import override
from groundwork.yaml_tree import MAX_DEPTH, Node, Step
from realiz3d.errors import UsageError
from realiz3d.training.config import TrainConfig, schema_of
from realiz3d.training.extends import merged

_PATHS = (("data", "synthetic", "path"), ("data", "real", "path"), ("data", "cache"), ("base", "checkpoint"))

Place = tuple[Step, ...]


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
    Raises `UsageError`; `where` is `file:line: section.field`, the hint names the nearest field. Several problems are
    told in one error, a block each.
    """
    document = Document("config", shipped_configs(), UsageError, "name, base and data")
    root, errors = _chain(document, source, ())
    for text in overrides:
        try:
            _one_length(root, override(root, text, UsageError, "--set method.stage2.length.steps=500"))
        except UsageError as error:
            errors.append(error)
    _resolve(root)
    config: TrainConfig | None = None
    try:
        # strictly: '1_000' is no number and 1e1 no count, as in suites
        found = schema or schema_of(root.plain())
        config = found.model_validate_json(json.dumps(root.plain()), strict=True)
    except UsageError as error:  # the method's name
        problem = Problem(("method", "name"), error.message, error.expected, error.hint)
        errors.append(problem.located(root, UsageError))
    except ValidationError as error:
        errors += [problem.located(root, UsageError) for problem in explain_config(error, root, found)]
    if len(errors) == 1:
        raise errors[0]
    if errors or config is None:
        raise UsageError("\n\n".join(map(str, errors)))
    return config


def _chain(
    document: Document[UsageError], source: str | Path, above: tuple[Path, ...]
) -> tuple[Node, list[UsageError]]:
    """A config's tree with those that it extends, and what is wrong with single keys."""
    file = document.find(source)
    if file.absolute() in above or len(above) > MAX_DEPTH:
        raise UsageError("the configs extend each other without end", where=f"{source}: extends")
    own = file not in document.ships.values()
    root, errors = document.read(source, file, file.absolute().parent if own else Path.cwd())
    if not isinstance(root.value, dict):
        raise UsageError("the config is not a section of keys", where=root.where, expected="name: ..., base: ...")
    other = root.value.pop("extends", None)
    if other is None:
        return root, errors
    if not isinstance(other.value, str):
        raise UsageError(
            "'extends' names no config", where=f"{other.where}: extends", expected="a file, or a shipped name"
        )
    shipped = other.value in document.ships
    below, more = _chain(document, other.value if shipped else other.base / other.value, (*above, file.absolute()))
    return merged(below, root), more + errors


def _one_length(root: Node, words: list[str]) -> None:
    """`--set ...length.steps=5` replaces the epochs of the file."""
    twin = {"steps": "epochs", "epochs": "steps"}.get(words[-1])
    section = _at(root, words[:-1])
    if words[-2:-1] == ["length"] and twin and section is not None and isinstance(section.value, dict):
        section.value.pop(twin, None)


def _resolve(root: Node) -> None:
    for place in _PATHS:
        node = _at(root, place)
        if node is None or not isinstance(node.value, str):
            continue
        # a checkpoint may be a name on the hub, which only looks like a relative path
        if place[-1] != "checkpoint" or node.value.startswith((".", "/", "~")) or (node.base / node.value).is_dir():
            make_absolute([node])


def _at(root: Node, place: Sequence[Step]) -> Node | None:
    node: Node | None = root
    for step in place:
        node = node.children().get(step) if node is not None else None
    return node


def explain_config(error: ValidationError, root: Node, schema: type[BaseModel]) -> Iterator[Problem]:
    """What the schema found wrong with a config."""
    for detail in error.errors(include_url=False):
        location = detail["loc"]
        place = _place(location, root, schema)
        match detail["type"]:
            case "extra_forbidden":
                yield unknown_key(place, "key", _fields(place[:-1], location, schema))
            case "union_tag_invalid" | "union_tag_not_found":
                field = detail["ctx"]["discriminator"].strip("'")
                yield unknown_choice((*place, field), detail, _tags(place, field, schema))
            case "missing":
                models = _sections_at(place[:-1], schema)
                hints = [text for model in models if (text := description(model, place[-1]))]
                yield Problem(place, f"'{place[-1]}' is missing", hint=hints[0] if hints else "")
            case _:
                yield wrong_value(place, detail, "the config")


def _place(location: Place, root: Node, schema: type[BaseModel]) -> Place:
    """The place in the file: pydantic puts the chosen member of a union into its locations."""
    place: Place = ()
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if last or _at(root, (*place, step)) is not None or step in _names(_sections_at(place, schema)):
            place = (*place, step)
    return place


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


def _fields(place: Place, location: Place, schema: type[BaseModel]) -> set[str]:
    """Names of the fields of the sections that may stand at a place, or of the one whose kind pydantic chose."""
    models = _sections_at(place, schema)
    chosen = [model for model in models if len(models) > 1 and any(text in location for text in _texts(model))]
    return _names(chosen or models)


def _tags(place: Place, field: str, schema: type[BaseModel]) -> list[str]:
    return [str(m.model_fields[field].default) for m in _sections_at(place, schema) if field in m.model_fields]


def _texts(model: type[BaseModel]) -> list[str]:
    return [field.default for field in model.model_fields.values() if isinstance(field.default, str)]
