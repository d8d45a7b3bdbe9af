"""Going on when workers are lost: their work is tried again in smaller parts, until the culprit stands alone."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bench.run.executors import Executor
from bench.workers.limits import Limits, Lost, WorkerLost

Task = TypeVar("Task")
Answer = TypeVar("Answer")

PATIENCE = 3  # single losses in a row after which nothing more is tried of a subject


def map_surviving(
    executor: Executor,
    function: Callable[[Task], Answer],
    tasks: Sequence[Task],
    limits: Callable[[Task], Limits],
    split: Callable[[Task], Sequence[Task] | None],
    blamed: Callable[[Task | Answer], str],
    wary: Callable[[Task], Sequence[Task]] = lambda task: (task,),
) -> Iterator[Answer | Lost[Task]]:
    """As `executor.map`, but a task is `Lost` only when it cannot be split any further.

    `split` gives the parts of a lost task that are still to be done, None for one that stands alone. `blamed` names who
    answers for a task, or gave an answer. Nothing more is tried of somebody who was lost `PATIENCE` times in a row:
    each time may cost the whole time limit. `wary` may take a task apart before it is tried, once losses taught it to.
    """
    waiting = deque(tasks)
    in_a_row: Counter[str] = Counter()
    given_up: list[Task] = []

    def next_ones() -> Iterator[Task]:
        while waiting:
            task, *others = wary(waiting.popleft())
            waiting.extendleft(reversed(others))
            if in_a_row[blamed(task)] < PATIENCE:
                yield task
            else:
                given_up.append(task)

    while waiting:
        for answer in executor.map(function, next_ones(), limits):
            if not isinstance(answer, Lost):
                in_a_row[blamed(answer)] = 0
                yield answer
                continue
            parts = split(answer.task)
            if parts is None:
                in_a_row[blamed(answer.task)] += 1
                yield answer
            else:
                waiting.extendleft(reversed(parts))  # at once: the others may not be worth trying
        for task in given_up:
            hint = "the same command tries again"
            yield Lost(task, WorkerLost(f"not tried after {PATIENCE} losses in a row", hint=hint), 0.0)
        given_up.clear()
