"""A Python that has some distributions and what they need, and nothing else: links into this one's packages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

_START = """\
import runpy, sys
sys.path[:0] = {paths!r}
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], None, "__main__", True)
"""


def bare_python(folder: Path, names: Iterable[str], *beside: Path) -> list[str]:
    """A command line that runs the module named by its next argument; `beside` are folders of other code."""
    folder.mkdir(parents=True)
    for name in _with_needs(names):
        for top in _tops(name):
            link = folder / top.name
            if not link.exists():
                link.symlink_to(top)
    paths = [str(folder), *map(str, beside)]
    return [sys.executable, "-I", "-S", "-c", _START.format(paths=paths)]


def _with_needs(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                todo.append(need.name)
    return found


def _tops(name: str) -> Iterable[Path]:
    made = distribution(name)
    firsts = {file.parts[0] for file in made.files or () if file.parts[0] not in ("..", "__pycache__")}
    return (Path(str(made.locate_file(first))) for first in sorted(firsts))
