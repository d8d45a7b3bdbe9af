"""What each stage of a whole job takes a picture: reading it, preparing it, the network, and all the rest.

    PYTHONPATH=tests/helpers OMP_NUM_THREADS=1 taskset -c 0 python tests/benchmarks/picture_costs.py 160

CPU-milliseconds of pictures such as `peers.py` makes. They are scored twice, and the second time is told.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jobs


def measured(folder: Path) -> dict[str, float]:
    """CPU-milliseconds a render of `folder`, by stage."""
    from bench.extractors.feature_cache import features_of
    from groundwork.pictures import read_picture

    spent: defaultdict[str, float] = defaultdict(float)

    def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            start = time.thread_time()
            result = function(*arguments)
            spent[stage] += time.thread_time() - start
            return result

        return wrapped

    extractor = jobs.our_extractor(folder)
    backbone = extractor.backbone
    backbone.prepare, backbone.forward = timed("preparing", backbone.prepare), timed("network", backbone.forward)
    pictures = [partial(timed("reading", read_picture), path) for path in sorted((folder / "renders").iterdir())]
    for _ in range(2):
        spent.clear()
        start = time.process_time()
        features_of(pictures, [extractor])
        spent["the rest"] = time.process_time() - start - sum(spent.values())
    return {stage: 1000 * seconds / len(pictures) for stage, seconds in spent.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        jobs.prepare(Path(temporary) / "made", int(sys.argv[1]))
        for name, milliseconds in measured(Path(temporary) / "made").items():
            print(f"{name:10} {milliseconds:7.2f} ms a picture")
