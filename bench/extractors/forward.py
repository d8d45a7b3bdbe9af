"""Runs networks over pictures: decoding, resizing and, on a CPU, the forward pass share one pool of threads.

On a CPU every picture is a batch of one on one thread, and the pool keeps the cores busy: faster than one pass spread
over the cores (measured for EfficientNet-Lite0), and the numbers cannot depend on how many cores there are. A network's
weights push everything else out of a core's cache, so a thread decodes a few pictures before it shows them to one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
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
_Seen = tuple[dict[str, Vector], _Prepared]  # features, and what is to wait for a batch

_TOGETHER = 4  # pictures that a thread takes at once


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

    for index, (found, waiting) in enumerate(_ordered_map(_run_loads, loads)):
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


def _run_loads(loads: Sequence[Load]) -> list[_Seen]:
    prepared = [[(backbone, backbone.prepare(picture)) for backbone, picture in load()] for load in loads]
    return [_shown(one) for one in prepared]


def _shown(prepared: _Prepared) -> _Seen:
    features: dict[str, Vector] = {}
    waiting: _Prepared = []
    for backbone, one in prepared:
        if backbone.batch == 1:
            features.update({name: values[0] for name, values in backbone.forward([one]).items()})
        else:
            waiting.append((backbone, one))
    return features, waiting


def _ordered_map(function: Callable[[Sequence[Load]], list[_Seen]], items: Iterable[Load]) -> Iterator[_Seen]:
    """Like `Executor.map` by groups, but takes items as it goes, so that a long iterable never sits in memory whole."""
    threads = torch.get_num_threads()
    pending: deque[Future[list[_Seen]]] = deque()
    # torch keeps the number of computing threads per calling thread, and a default for new ones
    workers = available()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="features", initializer=torch.set_num_threads, initargs=(1,))
    try:
        for group in _groups(iter(items), alone=4 * workers):
            pending.append(pool.submit(function, group))
            if len(pending) > 2 * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _groups(items: Iterator[Load], alone: int) -> Iterator[Sequence[Load]]:
    """The first `alone` one by one, so that few pictures still keep all threads busy; then `_TOGETHER` at once."""
    for item in islice(items, alone):
        yield [item]
    while group := list(islice(items, _TOGETHER)):
        yield group
