"""Ten steps of every compared method on tiny hosts, run once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

if find_spec("accelerate") is None or find_spec("peft") is None:
    collect_ignore_glob = ["test_*.py"]

from baseline_runs import HOST_NAMES, METHODS, Run, run_method


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training_worlds import write_world

    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def trained(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Run]:
    """Ten steps of a method on a host, once a session."""
    runs: dict[tuple[str, str], Run] = {}

    def get(method: str, host: str) -> Run:
        if (method, host) not in runs:
            runs[method, host] = run_method(world, host, METHODS[method], tmp_path_factory.mktemp(f"{method}-{host}"))
        return runs[method, host]

    return get


@pytest.fixture(params=HOST_NAMES)
def host(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
