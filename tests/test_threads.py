import os

import pytest
import torch

from bench.threads import alone, available, each_alone, sleep_when_idle


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_alone_computes_alone_and_leaves_the_rest_to_others(threads):
    with alone():
        assert (torch.get_num_threads(), available()) == (1, threads)
        with alone():
            assert (torch.get_num_threads(), available()) == (1, threads)
            inside = each_alone(lambda item: (item, torch.get_num_threads()), range(5), torch.device("cpu"))
        assert torch.get_num_threads() == 1
    assert inside == [(item, 1) for item in range(5)]
    assert torch.get_num_threads() == available() == threads


def test_a_failure_gives_the_threads_back(threads):
    with pytest.raises(ZeroDivisionError), alone():
        each_alone(lambda item: 1 / item, [1, 0], torch.device("cpu"))
    assert torch.get_num_threads() == available() == threads


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_the_users_own_settings_win(monkeypatch, before, after):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    sleep_when_idle()
    assert os.environ.get("GOMP_SPINCOUNT") == after
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
