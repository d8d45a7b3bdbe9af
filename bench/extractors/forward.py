"""Runs networks over pictures: decoding, resizing and, on a CPU, the forward pass share one pool of threads.

On a CPU every picture is a batch of one on one thread, and the pool keeps the cores busy: faster than one pass spread
over the cores (measured for EfficientNet-Lite0), and the numbers cannot depend on how many cores there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bench.extractors.protocol import Backbone, Picture, Vector
from bench.threads import available
from groundwork.late import late

if TYPE_CHECKING:
    import torch
else:
    torch = late("torch")

# gives the backbones that still have to see a picture, each with what it is to see of it; runs in the pool
Load = Callable[[], Sequence[tuple[Backbone, Picture]]]

_Prepared = list[tuple[Backbone, Any]]


def run_backbones(loads: Iterable[Load]) -> Iterator[tuple[int, dict[str, Vector]]]:
    """Yield (index, features by extractor name) for each load, once all of its backbones have seen the picture.

    Loads are taken lazily, a few ahead of the threads. Errors of a load or a backbone are raised here.
    """
    features: dict[int, dict[str, Vector]] = {}
    unfinished: dict[int, int] = {}
    queues: dict[Backbone, list[tuple[int, Any]]] = {}

    def flush(backbone: Backbone) -> Iterator[tuple[int, dict[str, Vector]]]:
        queue = queues.pop(backbone)
        levels = backbone.forward([prepared for _, prepared in queue])
        for row, (index, _) in enumerate(queue):
            features[index].update({name: values[row] for name, values in levels.items()})
            unfinished[index] -= 1
            if not unfinished[index]:
                del unfinished[index]
                yield index, features.pop(index)

    for index, (found, waiting) in enumerate(_ordered_map(_run_load, loads)):
        if not waiting:
            yield index, found
            continue
        features[index], unfinished[index] = found, len(waiting)
        for backbone, prepared in waiting:
            queues.setdefault(backbone, []).append((index, prepared))
            if len(queues[backbone]) == backbone.batch:
                yield from flush(backbone)
    for backbone in tuple(queues):
        yield from flush(backbone)


def _run_load(load: Load) -> tuple[dict[str, Vector], _Prepared]:
    features: dict[str, Vector] = {}
    waiting: _Prepared = []
    for backbone, picture in load():
        prepared = backbone.prepare(picture)
        if backbone.batch == 1:
            features.update({name: values[0] for name, values in backbone.forward([prepared]).items()})
        else:
            waiting.append((backbone, prepared))
    return features, waiting


def _ordered_map(
    function: Callable[[Load], tuple[dict[str, Vector], _Prepared]], items: Iterable[Load]
) -> Iterator[tuple[dict[str, Vector], _Prepared]]:
    """Like `Executor.map`, but takes items as it goes, so that a long iterable never sits in memory as a whole."""
    threads = torch.get_num_threads()
    pending: deque[Future[tuple[dict[str, Vector], _Prepared]]] = deque()
    # torch keeps the number of computing threads per calling thread, and a default for new ones
    workers = available()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="features", initializer=torch.set_num_threads, initargs=(1,))
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 4 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
