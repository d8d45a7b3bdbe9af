"""docs/api.md from docstrings: `python tests/helpers/api_page.py` writes it, a test holds it."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
SECTIONS = {
    "bench": "Runs, folders, the gate",
    "bench.metrics": "Metrics on tensors and features",
    "bench.geometry.cameras": "Cameras",
    "bench.results": "Stored results",
    "realiz3d": "The method",
}
NAMES = {
    "bench.geometry.cameras": ("view_cameras",),
    "bench.results": ("read.read_run", "read.read_runs", "scores.object_values"),
}
HEAD = """# From Python

Everything here may be called from your own code; what is not listed may change. Made from docstrings by
`python tests/helpers/api_page.py`. Three short programs, for researchers, CI jobs and publishers, are in
[examples/](examples/).
"""


def api_page() -> str:
    """The page's text."""
    parts = [HEAD]
    for module, title in SECTIONS.items():
        parts.append(f"\n## {title}: `{module}`\n")
        for name in NAMES.get(module) or [n for n in import_module(module).__all__ if not n.startswith("_")]:
            parts.append(_entry(module, name))
    return "".join(parts)


def _entry(module: str, path: str) -> str:
    *below, name = path.split(".")
    found = getattr(import_module(".".join([module, *below])), name)
    heading = f"\n### `{name}`\n\n"
    if inspect.isclass(found):
        text, code = inspect.getdoc(found) or "", f"class {name}"
    else:
        text, code = inspect.getdoc(found) or "", f"{name}{inspect.signature(found)}"
    code = re.sub(r"\b(\w+\.)+(?=[A-Z]\w+)", "", code.replace("'", ""))
    return f"{heading}```python\n{code}\n```\n\n{text.strip()}\n"


if __name__ == "__main__":
    PAGE.write_text(api_page(), encoding="utf-8")
