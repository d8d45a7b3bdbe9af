"""The tables of docs/attacks.md, between its marks, from what `selftest --cheats --out RUNS` wrote.

    python tests/helpers/attacks_page.py RUNS/attacks.md             # courts of suites with objects of their own
    python tests/helpers/attacks_page.py RUNS/attacks.md --meshes    # those that `--meshes` was given for

puts them there, each in the place of the table of the same suites; those of other suites stay.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
OWN, MESHES = "tables", "tables on meshes"


def with_tables(page: str, tables: str, block: str = OWN) -> str:
    """The page with these tables in one of its blocks. Raises `ValueError` where the page has no such block."""
    first, last = (f"<!-- {block}: {end} line -->\n" for end in ("first", "last"))
    before, rest = page.split(first)
    kept, after = rest.split(last)
    found = {suite: table for table in courts(tables) for suite in suites(table)}
    shown = [next((found[suite] for suite in suites(table) if suite in found), table) for table in courts(kept)]
    shown += [table for table in courts(tables) if table not in shown]
    return before + first + "\n" + "\n\n".join(dict.fromkeys(shown)) + "\n\n" + last + after


def courts(tables: str) -> list[str]:
    """A heading with its table, one a court; why other suites have none is left out."""
    return [part.strip() for part in re.split(r"^(?=###? |Not tried:)", tables, flags=re.M) if part.startswith("### ")]


def suites(table: str) -> list[str]:
    """What the heading names: `### one, another: 40 objects`."""
    return table.splitlines()[0].removeprefix("### ").split(":")[0].split(", ")


if __name__ == "__main__":
    tables = Path(sys.argv[1]).read_text(encoding="utf-8")
    block = MESHES if "--meshes" in sys.argv[2:] else OWN
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables, block), encoding="utf-8")
