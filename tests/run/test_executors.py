import os

import pytest

from bench.errors import UsageError
from bench.run.executors import InProcess, Processes, make_executor


def square(number: int) -> int:
    return number * number


def process(_: int) -> int:
    return os.getpid()


def fail(number: int) -> int:
    raise UsageError(f"task {number}", where="here", hint="there")


def test_in_process_keeps_order_and_process():
    assert list(InProcess().map(square, [1, 2, 3])) == [1, 4, 9]
    assert set(InProcess().map(process, [0, 1])) == {os.getpid()}


@pytest.mark.slow
def test_processes_give_the_same_answers_elsewhere():
    pool = Processes(2)
    assert sorted(pool.map(square, [1, 2, 3])) == [1, 4, 9]
    assert os.getpid() not in set(pool.map(process, [0, 1]))
    assert list(pool.map(square, [])) == []


@pytest.mark.slow
def test_errors_cross_the_process_border_whole():
    with pytest.raises(UsageError) as caught:
        list(Processes(2).map(fail, [7]))
    assert (caught.value.message, caught.value.where, caught.value.hint) == ("task 7", "here", "there")


def test_unknown_executor_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'local'"):
        make_executor("locl", 1, "cpu")
