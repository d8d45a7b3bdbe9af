"""`python -m bench.gpu_day`: in nine minutes on a GPU, everything about this project that only a GPU can tell.

    python -m bench.gpu_day --out DIR --device cuda [--seconds 540] [--world world.safetensors]
    python -m bench.gpu_day page DIR > docs/gpu.md
    python -m bench.gpu_day pack DIR [--python 3.12] [--megabytes 30]

Needs torch; what else is absent is named beside what it was needed for. `--device cpu --tiny` runs the same code in
small, to see that it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.gpu_day.day import BOOK, Day
from bench.gpu_day.findings import Book, Notes
from bench.gpu_day.settings import Settings
from bench.gpu_day.steps import STEPS, carry_out, step_named
from groundwork.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns 0 when every step that was tried ended well, else 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["page"]:
        return _page(given[1:])
    if given[:1] == ["pack"]:
        return _pack(given[1:])
    asked = _parser().parse_args(given)
    settings = Settings(asked.device, asked.tiny, asked.world)
    day = Day(asked.out, settings, asked.seconds)
    if asked.only:
        step = step_named(asked.only)
        more = {"out": asked.out / "world", "seconds": asked.seconds - 30} if step.name == "world" else {}
        why = carry_out(step, settings, Notes(day.book, step.name, step.plan(settings)), **more)
        if why:
            print(why, flush=True)
        return 1 if why else 0
    day.spend(say=lambda line: print(line, flush=True))
    failed = [one for one in day.book.read() if one.status == "failed"]
    for one in failed:
        print(f"failed: {one.step}{f': {one.name}' if one.name else ''}: {one.text}", flush=True)
    return 1 if failed else 0


def _page(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu_day page", description="Print docs/gpu.md.")
    parser.add_argument("out", type=Path, nargs="?", help="folder of a day; without it nothing was measured")
    asked = parser.parse_args(given)
    from bench.gpu_day.page import write_page

    try:
        print(write_page([] if asked.out is None else Book(asked.out / BOOK).read()), end="")
    except UserError as error:
        sys.exit(str(error))
    return 0


def _pack(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu_day pack", description="Wheels to carry, in parts.")
    parser.add_argument("out", type=Path, help="folder, which must not exist yet")
    parser.add_argument("--python", default="3.12", help="version of Python there")
    parser.add_argument("--megabytes", type=float, default=30.0, help="of a part at most")
    asked = parser.parse_args(given)
    from bench.gpu_day.pack import MEGABYTE, pack

    if asked.out.exists():
        sys.exit(f"{asked.out} exists already")
    try:
        for part in pack(asked.out, asked.python, int(asked.megabytes * MEGABYTE)):
            names = ", ".join(sorted(file.name for file in part.iterdir()))
            print(f"{part}: {sum(file.stat().st_size for file in part.iterdir()) / MEGABYTE:.1f} MB: {names}")
    except UserError as error:
        sys.exit(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu_day", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of findings; the same one goes on")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:<number> or cpu")
    parser.add_argument("--seconds", type=float, default=540.0, help="for everything")
    parser.add_argument("--tiny", action="store_true", help="small sizes, for a look on a CPU")
    parser.add_argument("--world", type=Path, help="a file of `python -m suites.miniworld pack-world`")
    parser.add_argument("--only", choices=[step.name for step in STEPS], help=argparse.SUPPRESS)  # one step, here
    return parser


if __name__ == "__main__":
    sys.exit(main())
