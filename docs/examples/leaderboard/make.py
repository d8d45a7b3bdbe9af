"""Makes this board again from stored runs: `python make.py RUN_OF_MINIWORLD [--meshes RUN_OF_MESHES] [--rescore]`.

    realiz3d-bench run miniworld --out runs/miniworld
    realiz3d-bench run published-meshes --set cases.path=... --out runs/meshes     (see the suite's head)

Everything happens through the command line, as a board's owner and its submitters would type it. `--meshes` adds a
second suite; `--rescore` measures the pictures of one entry again, which takes a few minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from bench.cli import main

HERE = Path(__file__).parent
ENTRIES = HERE / "entries"
MINIWORLD = ("realiz3d", "syn-only", "syn-real", "linear-adapters", "base", "ceiling", "floor")
MESHES = ("realiz3d", "standard_tuning")
AUTHOR = ("--author", "The example board")


def entry(run: Path, generator: str, meta: str, *more: str) -> Path:
    """`leaderboard entry`, and the file that it wrote."""
    before = set(ENTRIES.rglob("*.json"))
    words = ["entry", str(run), "--generator", generator, "--meta", str(HERE / "meta" / meta), "--out", str(ENTRIES)]
    command(*words, *more)
    (path,) = (path for path in set(ENTRIES.rglob("*.json")) - before if path.name != "suite.json")
    return path


def command(*words: str) -> None:
    """One command of `leaderboard`; the script ends where it fails."""
    code = main(["leaderboard", *words])
    if code:
        sys.exit(f"leaderboard {' '.join(words)} ended with {code}")


def make(miniworld: Path, meshes: Path | None, rescore: bool) -> None:
    """The whole board."""
    shutil.rmtree(ENTRIES, ignore_errors=True)
    # an entry without a contact sheet, and what took its place
    older = entry(miniworld, "syn-real", "miniworld.yaml", "--preview", "0")
    made = {name: entry(miniworld, name, "miniworld.yaml") for name in MINIWORLD}
    command(
        "supersede", str(older), "--by", str(made["syn-real"]), "--why", "The same numbers, with pictures.", *AUTHOR
    )
    shown = entry(miniworld, "synthetic-32px", "miniworld.yaml")
    command("withdraw", str(shown), "--why", "These are the renders that models train on: no model made them.", *AUTHOR)
    if meshes is not None:  # others' meshes: numbers and hashes alone, no pictures and no prompts of theirs
        for name in MESHES:
            entry(meshes, name, "published-meshes.yaml", "--preview", "0")
    for pin in ENTRIES.glob("published-meshes-*/suite.json"):
        document = json.loads(pin.read_text())
        document["cases"] = [case | {"prompt": ""} for case in document["cases"]]
        pin.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    if rescore:
        samples = miniworld / "samples" / "realiz3d"
        command("rescore", str(made["realiz3d"]), "--samples", str(samples), "--suite", "miniworld", *AUTHOR)
    command("check", str(ENTRIES))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("miniworld", type=Path)
    parser.add_argument("--meshes", type=Path, help="a run of published-meshes")
    parser.add_argument("--rescore", action="store_true", help="measure the pictures of realiz3d again")
    given = parser.parse_args()
    make(given.miniworld, given.meshes, given.rescore)
