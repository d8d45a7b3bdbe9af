"""From a suite file, or the name of a shipped one, to a checked `Suite`; everything wrong with it is told at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import BenchError, SuiteError, SuiteErrors
from bench.plugins.contract import plugin_class
from bench.suite import check
from bench.suite.check import Plugins
from bench.suite.explain import explain_suite
from bench.suite.overrides import override_suite
from bench.suite.schema import MANY, GeneratorEntry, MetricEntry, Suite
from groundwork.documents import Document, make_absolute
from groundwork.explain import Problem
from groundwork.yaml_tree import Node

NAMED = ("metrics",)  # sections whose plain texts are names: `- cde` is the item 'cde'

Entry = TypeVar("Entry", bound=BaseModel)


def shipped_suites() -> dict[str, Path]:
    """Suites that come with the project, by name."""
    folder = Path(str(files("suites")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def suite_document() -> Document[SuiteError]:
    """What a suite is as a document."""
    least, show = "name, version, task, cases and metrics", "realiz3d-bench validate --schema"
    return Document("suite", shipped_suites(), SuiteError, least, f"see what a suite may say: {show}")


def load_suite(
    source: str | Path,
    overrides: Sequence[str] = (),
    plugins: Plugins | None = None,
    elsewhere: check.Elsewhere = lambda _: None,
) -> Suite:
    """Read and check a suite.

    `source` is a file or the name of a shipped suite (a bare name means the shipped one; `./name` is always a file).
    `overrides` are `PATH=VALUE` texts as after `--set`. Paths come out absolute: those in the file are relative to its
    folder, those in `overrides` to the current directory. `plugins` defaults to all that are installed. `elsewhere`
    says where strangers' metrics are made to be asked for their results (`bench.suite.declare`); here by default.
    Raises `SuiteError`, or `SuiteErrors` when there are several problems.
    """
    document = suite_document()
    file = document.find(source)
    root, errors = document.read(source, file, file.absolute().parent)
    _refuse_endless(root)
    for text in overrides:
        try:
            override_suite(root, text)
        except SuiteError as error:
            errors.append(error)
    plugins = plugins or Plugins.installed()
    _resolve_paths(root, plugins)
    suite, problems = _validate(root.plain(), plugins, elsewhere)
    errors += [problem.located(root, SuiteError, NAMED) for problem in problems]
    if len(errors) == 1:
        raise errors[0]
    if errors or suite is None:
        raise SuiteErrors(errors)
    return suite.in_folder(file.absolute().parent)


def _refuse_endless(root: Node) -> None:
    """Before each of them is looked at, which takes minutes for tens of thousands."""
    for name, section in root.children().items():
        if name in ("generators", "metrics") and len(section.children()) > MANY:
            raise Problem((name,), f"these are {len(section.children())} {name}", f"at most {MANY}").located(
                root, SuiteError
            )


def _resolve_paths(root: Node, plugins: Plugins) -> None:
    """Make every path of the tree absolute, from where it was given. What is no text is left to the schema."""
    sections = root.children()
    cases = sections["cases"].children() if "cases" in sections else {}
    nodes = [cases[key] for key in ("path", "prompts") if key in cases]
    cameras = sections["views"].children().get("cameras") if "views" in sections else None
    nodes += [below["path"]] if cameras is not None and "path" in (below := cameras.children()) else []
    if "references" in sections:
        nodes += [
            below["folder"]
            for item in sections["references"].children().values()
            if "folder" in (below := item.children())
        ]
    for section, registry in (("generators", plugins.generators), ("metrics", plugins.metrics)):
        for item in sections[section].children().values() if section in sections else ():
            below = item.children()
            name = (
                (below["use"].value if "use" in below else None) if section == "generators" else next(iter(below), None)
            )
            if not isinstance(name, str):
                continue
            options = below if section == "generators" else below[name].children()
            try:
                plugin = plugin_class(registry, name)
            except BenchError:
                continue  # told with the other problems, in `check`
            nodes += [options[key] for key in check.path_options(plugin.Options) if key in options]
    make_absolute(nodes)


def _validate(data: Any, plugins: Plugins, elsewhere: check.Elsewhere) -> tuple[Suite | None, list[Problem]]:
    """The suite when all is well, and the problems otherwise: names are checked even where other parts are broken."""
    if not isinstance(data, dict):
        return None, [Problem((), "the suite is not a section of keys", "lines such as `name: my-suite`")]
    suite: Suite | None = None
    problems: list[Problem] = []
    try:
        suite = Suite.model_validate_json(json.dumps(data))
    except ValidationError as error:
        problems += explain_suite(error)
    broken = {problem.path[0] for problem in problems if problem.path}
    generators = _entries(data.get("generators"), GeneratorEntry)
    metrics = _entries(data.get("metrics"), MetricEntry)
    references = data.get("references")
    references = references if isinstance(references, dict) else {}
    problems += check.check_generators(generators, plugins.generators)
    cases = data.get("cases")
    source = cases.get("source") if isinstance(cases, dict) else None
    problems += check.check_cases(source, data.get("task"), generators, plugins.generators)
    if "generators" not in broken:
        names = {entry.name for entry in generators.values()}
        problems += check.check_references(references, names, plugins)
        if "shown_first" not in broken:
            problems += check.check_shown(data.get("shown_first", ()), names)
    found, results = check.check_metrics(metrics, [*references], data.get("task"), plugins, elsewhere)
    problems += found
    if results is not None and "metrics" not in broken:
        if "primary" not in broken and "primary" in data:
            primary = [*enumerate(data["primary"])]
            problems += check.check_results("primary", primary, results)
            problems += check.check_primary(primary, metrics, plugins.metrics)
        if "gates" not in broken and "gates" in data:
            gates = [(name, name) for name in data["gates"]]
            problems += check.check_results("gates", gates, results)
            problems += check.check_gates(gates, metrics, plugins.metrics)
    return suite, problems


def _entries(items: object, kind: type[Entry]) -> dict[int, Entry]:
    """Items of a list that are sound by themselves, by their index."""
    return dict(_sound(items if isinstance(items, list) else [], kind))


def _sound(items: list[Any], kind: type[Entry]) -> Iterator[tuple[int, Entry]]:
    for index, item in enumerate(items):
        try:
            yield index, kind.model_validate_json(json.dumps(item))
        except ValidationError:
            continue  # told by the schema already
