"""A publisher: one table from several runs of a suite, as LaTeX, Markdown, CSV and a page.

    python docs/examples/publisher.py OUT RUN RUN ...

Numbers whose signatures differ get columns of their own: they are never ranked together.
"""

import sys
from pathlib import Path

from bench.results.read import read_runs
from reports import write_reports


def main(out: Path, runs: list[Path]) -> None:
    """Write the table."""
    for run in read_runs(runs):
        suite = run.summary.suite
        print(f"{run.label}: {suite.name} v{suite.version}, {len(run.summary.rows)} numbers")
    for path in write_reports(runs, out, ["html", "md", "latex", "csv"]):
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(run) for run in sys.argv[2:]])
