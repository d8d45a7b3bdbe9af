"""The tables of docs/attacks.md, between its two marks, from what `selftest --cheats --objects 40 --out RUNS` wrote.

    python tests/helpers/attacks_page.py RUNS/attacks.md

puts them there.
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
FIRST, LAST = "<!-- tables: first line -->\n", "<!-- tables: last line -->\n"


def with_tables(page: str, tables: str) -> str:
    """The page with these tables, in place of those it had."""
    before, rest = page.split(FIRST)
    _, after = rest.split(LAST)
    return f"{before}{FIRST}\n{tables.strip()}\n\n{LAST}{after}"


if __name__ == "__main__":
    tables = Path(sys.argv[1]).read_text(encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
