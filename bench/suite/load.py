"""From a suite file, or the name of a shipped one, to a checked `Suite`; everything wrong with it is told at once."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import SuiteError, SuiteErrors, UsageError, nearest
from bench.suite import check
from bench.suite.check import Plugins
from bench.suite.explain import Problem, explain_suite
from bench.suite.overrides import override
from bench.suite.schema import GeneratorEntry, MetricEntry, Suite
from groundwork.yaml_tree import Node, parse

MAX_BYTES = 256 * 1024

Entry = TypeVar("Entry", bound=BaseModel)


def shipped_suites() -> dict[str, Path]:
    """Suites that come with the project, by name."""
    folder = Path(str(files("suites")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_suite(source: str | Path, overrides: Sequence[str] = (), plugins: Plugins | None = None) -> Suite:
    """Read and check a suite.

    `source` is a file or the name of a shipped suite (a bare name means the shipped one; `./name` is always a file).
    `overrides` are `PATH=VALUE` texts as after `--set`. Paths come out absolute: those in the file are relative to its
    folder, those in `overrides` to the current directory. `plugins` defaults to all that are installed.
    Raises `SuiteError`, or `SuiteErrors` when there are several problems.
    """
    file = _find(source)
    label = str(source) if file == Path(source) else str(file)
    root, errors = parse(_read(file), label, file.absolute().parent, SuiteError)
    for text in overrides:
        try:
            override(root, text)
        except SuiteError as error:
            errors.append(error)
    plugins = plugins or Plugins.installed()
    _resolve_paths(root, plugins)
    suite, problems = _validate(root.plain(), plugins)
    errors += [problem.located(root) for problem in problems]
    if len(errors) == 1:
        raise errors[0]
    if errors or suite is None:
        raise SuiteErrors(errors)
    return suite.in_folder(file.absolute().parent)


def _find(source: str | Path) -> Path:
    shipped = shipped_suites()
    if isinstance(source, str) and source in shipped:
        return shipped[source]
    file = Path(source)
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        bare = isinstance(source, str) and file.suffix == "" and file.name == source
        raise SuiteError(
            f"there is no suite '{source}'",
            where=ascii(str(source)),
            expected="a suite file, or the name of a shipped suite",
            hint=nearest(str(source), shipped)
            if bare or not isinstance(error, FileNotFoundError)
            else "check the path; shipped suites: " + ", ".join(shipped),
        ) from error
    if not stat.S_ISREG(mode):
        hint = "name the YAML file inside it" if stat.S_ISDIR(mode) else ""
        raise SuiteError(f"'{source}' is not a file", where=str(source), expected="a suite file", hint=hint)
    return file


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SuiteError(f"the suite cannot be read: {error.strerror}", where=str(file)) from error
    if len(data) > MAX_BYTES:
        raise SuiteError(
            "the suite file is too large", where=str(file), expected=f"at most {MAX_BYTES // 1024} KiB of YAML"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SuiteError("the suite file is not UTF-8", where=f"{file}:{line}", hint="save it as UTF-8") from error
    if not text.strip():
        raise SuiteError(
            "the suite file is empty",
            where=f"{file}:1",
            expected="at least name, version, task, cases and metrics",
            hint="see what a suite may say: realiz3d-bench validate --schema",
        )
    return text


def _resolve_paths(root: Node, plugins: Plugins) -> None:
    """Make every path of the tree absolute, from where it was given. What is no text is left to the schema."""
    sections = root.children()
    cases = sections["cases"].children() if "cases" in sections else {}
    nodes = [cases[key] for key in ("path", "prompts") if key in cases]
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
                plugin = check.load_plugin(registry, name)
            except UsageError:
                continue  # told with the other problems, in `check`
            nodes += [options[key] for key in check.path_options(plugin.Options) if key in options]
    for node in nodes:
        if isinstance(node.value, str) and node.value:
            home = node.value == "~" or node.value.startswith("~/")
            path = Path.home() / node.value[2:] if home else node.base / node.value
            node.value = str(path.absolute())


def _validate(data: Any, plugins: Plugins) -> tuple[Suite | None, list[Problem]]:
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
        problems += check.check_references(references, {entry.name for entry in generators.values()}, plugins)
    found, results = check.check_metrics(metrics, [*references], data.get("task"), plugins)
    problems += found
    if results is not None and "metrics" not in broken:
        if "primary" not in broken and "primary" in data:
            problems += check.check_results("primary", [*enumerate(data["primary"])], results)
        if "gates" not in broken and "gates" in data:
            problems += check.check_results("gates", [(name, name) for name in data["gates"]], results)
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
