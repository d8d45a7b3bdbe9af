"""`docs/gpu.md`: everything that a day plans to find, with what was found, or the word *unmeasured*."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gpu_day.findings import Finding
from bench.gpu_day.settings import Settings
from bench.gpu_day.steps import STEPS
from groundwork.errors import UserError

UNMEASURED = "unmeasured"
KIND = ("day", "kind")  # of the finding that says which day it was
_HEAD = """# What a GPU measured

<!-- written by `python -m bench.gpu_day page` -->

```console
$ python -m bench.gpu_day pack carry                     # first, for a machine that reaches no package index
$ python -m bench.gpu_day --out gpu-day --device cuda    # nine minutes, in order of value
$ python -m bench.gpu_day page gpu-day > docs/gpu.md     # this page
```

Each step runs in a process of its own and writes what it finds at once: a day that is cut short keeps what it has, and
goes on in the same folder. Models have random weights, on which speed and memory do not depend
([throughput.md](throughput.md)). What nobody measured is called *unmeasured*; nothing here is estimated or taken from
another machine.
"""


def write_page(findings: Sequence[Finding]) -> str:
    """The page. Raises `UserError` for findings of a CPU or of tiny sizes: they do not belong on it."""
    found = {(one.step, one.name): one for one in findings}
    settings = Settings("cuda", tiny=False)
    kind = found.get(KIND)
    if findings and (kind is None or kind.text != settings.kind):
        raise UserError(
            f"these findings are of {'an unknown day' if kind is None else kind.text}",
            expected=f"those of {settings.kind}",
        )
    device = found.get(("facts", "device"))
    lines = [_HEAD, "", f"**Hardware**: {UNMEASURED if device is None else _escape(device.words)}", ""]
    for step in STEPS:
        end = found.get((step.name, ""))
        lines += [f"## {step.title}", "", *_ended(end), "| | |", "|:--|--:|"]
        for planned in step.plan(settings):
            one = found.get((step.name, planned.name))
            lines.append(f"| {_escape(planned.name)} | {UNMEASURED if one is None else _escape(one.words)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _ended(end: Finding | None) -> list[str]:
    if end is None or end.status == "measured":
        return []
    return [f"*{end.status.capitalize()}: {_escape(end.text)}*", ""]


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
