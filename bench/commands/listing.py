"""`list`: the suites and plug-ins that can be named, with a line about each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer_json, answer_table, first_sentence
from bench.errors import SuiteError

if TYPE_CHECKING:
    from groundwork.registry import Registry

KINDS = ("suites", "generators", "metrics", "extractors", "estimators", "vqa")


def list_names(
    kind: Annotated[str, typer.Argument(metavar="WHAT", help=f"One of {', '.join(KINDS)}.")],
    as_json: flags.Json = False,
) -> None:
    """List what can be named: suites, generators, metrics, extractors, normal estimators or VQA models."""
    flags.one_of(kind, KINDS, "kind of thing")
    if kind == "suites":
        from bench.suite.load import shipped_suites

        found = {name: _suite_line(file) for name, file in shipped_suites().items()}
    else:
        registry = _registry(kind)
        found = {name: registry.describe(name) for name in sorted(registry.targets())}
    if as_json:
        answer_json([{"name": name, "description": line} for name, line in found.items()])
    else:
        answer_table(kind, ("name", "description"), [*found.items()])


def _registry(kind: str) -> Registry:
    if kind == "estimators":
        from bench.estimators.catalogue import ESTIMATORS

        return ESTIMATORS
    if kind == "vqa":
        from bench.vqa.catalogue import VQA_MODELS

        return VQA_MODELS
    from bench.suite.check import Plugins

    registry: Registry = getattr(Plugins.installed(), kind)
    return registry


def _suite_line(file: Path) -> str:
    from groundwork.yaml_tree import parse

    root, _ = parse(file.read_text(encoding="utf-8"), str(file), file.parent, SuiteError)
    text = root.children().get("description")
    return first_sentence(str(text.value)) if text is not None else ""
