"""Benchmarks held to what they took before, as ratios to a yardstick of the same run: machines differ, ratios hardly.

    python -m pytest tests/benchmarks --benchmark-enable --benchmark-only
    REALIZ3D_BENCH_RATIOS=write python -m pytest tests/benchmarks --benchmark-enable --benchmark-only

The second command stores what it finds in ratios.json. Times are the least of a process's CPU time over all rounds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

STORED = Path(__file__).parent / "ratios.json"
SLOWER = 1.6  # times the stored ratio: what caches and neighbours make of the same work


@pytest.fixture(scope="session")
def yardstick() -> float:
    """CPU-seconds of a product and an elementwise function of fixed size, on one thread: the least of ten."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    x, found = torch.linspace(-1.0, 1.0, 512 * 512, dtype=torch.float64).view(512, 512), []
    for _ in range(10):
        start = time.process_time()
        (x @ x).exp().sum()
        found.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return min(found)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """CPU time of several threads adds up, so there is one."""
    from bench.threads import alone

    with alone():
        yield


@pytest.fixture(autouse=True)
def as_fast_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a benchmark that takes longer than it did, where benchmarks are enabled and a ratio is stored."""
    measured = request.getfixturevalue("benchmark") if "benchmark" in request.fixturenames else None
    yield
    marker = request.node.get_closest_marker("benchmark")
    if measured is None or measured.stats is None or marker.kwargs.get("timer") is not time.process_time:
        return
    ratio = measured.stats.stats.min / request.getfixturevalue("yardstick")
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    if os.environ.get("REALIZ3D_BENCH_RATIOS") == "write":
        stored[request.node.name] = float(f"{ratio:.3g}")
        STORED.write_text(json.dumps(dict(sorted(stored.items())), indent=2) + "\n")
    elif request.node.name in stored:
        before = stored[request.node.name]
        assert ratio <= SLOWER * before, f"{ratio:.3g} yardsticks, before it was {before:g}"
