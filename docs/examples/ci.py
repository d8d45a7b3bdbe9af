"""A CI job: fail when a checkpoint got worse than the accepted one.

    python docs/examples/ci.py BASELINE CANDIDATE

BASELINE is a run folder, or a directory that `realiz3d-bench baseline accept` wrote; CANDIDATE is a run folder.
"""

import sys

from bench import compare


def main(baseline: str, candidate: str) -> int:
    """Print the verdicts; the exit code tells the CI job."""
    page = compare(baseline, candidate, deltas={"cde": 0.02, "silhouette_iou": 0.01})
    for result in page.results:
        print(f"{result.verdict}: {result.metric}: {result.reason}")
    return page.exit_code  # 0 passed, 1 worse, 2 not comparable, 3 not measured


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
