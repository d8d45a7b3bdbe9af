"""Who imports whom, read from the source and not by importing: modules as nodes, import statements as edges."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = dict[str, frozenset[str]]


def import_graph(root: Path, packages: tuple[str, ...], *, inside_functions: bool) -> Graph:
    """Each module of `packages` below `root` with the modules of `packages` that it imports.

    Imports for type checkers only (`if TYPE_CHECKING:`) never run and do not count. Imports inside functions count
    with `inside_functions`; without, only what happens when the module itself is imported.
    """
    files = {_name(file, root): file for package in packages for file in sorted((root / package).rglob("*.py"))}
    return {
        module: frozenset(_resolved(_imports(file, inside_functions), files)) - {module}
        for module, file in files.items()
    }


def circles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Groups of modules each of which reaches all others of its group (Tarjan's algorithm), sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return sorted(found)


def _name(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _resolved(names: Iterator[str], modules: Mapping[str, Path]) -> Iterator[str]:
    """`a.b.c` is the module of that name, or an attribute of `a.b`."""
    for name in names:
        if name in modules:
            yield name
        elif (parent := name.rpartition(".")[0]) in modules:
            yield parent


def _imports(file: Path, inside_functions: bool) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}: relative imports are not used here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
