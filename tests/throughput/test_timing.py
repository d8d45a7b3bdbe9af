"""Timing by known clocks: what a generator that takes known times must read; work against counts by hand."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import GeneratorError
from bench.generators.protocol import Generator, MultiviewImage
from bench.throughput.stopwatch import HostStopwatch, make_stopwatch, peak_device_memory, peak_host_memory
from bench.throughput.timing import Wishes, time_generator
from bench.throughput.work import compiled, count_flops, peak_rate, precision_of

VIEWS = 4


class Sleeper(Generator):
    """Takes known times; counts how often it was asked."""

    name = "sleeper"

    def __init__(self, load=0.0, first=0.0, each=0.02, answers=None):
        time.sleep(load)
        self.first, self.each, self.answers = first, each, answers
        self.asked: list[int] = []

    def fingerprint(self):
        return "none"

    def generate(self, requests):
        for request in requests[: self.answers]:
            time.sleep(self.each + self.first)
            self.first = 0.0
            self.asked.append(request.seed)
            yield MultiviewImage(request.case, request.seed, np.zeros((VIEWS, 2, 2, 3), np.uint8))


def batches_of(*sizes):
    return lambda number: [
        [SimpleNamespace(case=str(i), seed=number, cameras=range(VIEWS)) for i in range(size)] for size in sizes
    ]


def test_known_times_are_read():
    made = []

    def build():
        made.append(Sleeper(load=0.1, first=0.15))
        return made[0]

    found = time_generator(build, batches_of(2, 1), "cpu", Wishes(3, 1))
    assert found.images == 3 * VIEWS
    assert found.load == pytest.approx(0.1, abs=0.08)
    assert found.first_image == pytest.approx(0.1 + 0.15 + 0.02, abs=0.1) and found.first_image > found.load + 0.15
    assert len(found.warm_up) == 1 and found.warm_up[0] >= 0.15 + 2 * 0.02
    assert made[0].asked == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]  # other noise in each pass
    for repeat in found.repeats:
        assert repeat.seconds >= 3 * 0.02 and repeat.seconds < 0.5
        first, second, alone = repeat.latencies
        assert second >= first + 0.02 and alone >= 0.02
        assert repeat.seconds == pytest.approx(second + alone)
    assert found.flops is None and found.precision == "unknown" and found.compile_mode == "none"
    assert found.peak_device_bytes is None


def test_warm_up_is_apart():
    found = time_generator(lambda: Sleeper(first=0.3, each=0.0), batches_of(1), "cpu", Wishes(2, 1))
    assert found.warm_up[0] >= 0.3 and max(r.seconds for r in found.repeats) < 0.2
    cold = time_generator(lambda: Sleeper(first=0.3, each=0.0), batches_of(1), "cpu", Wishes(2, 0))
    assert cold.warm_up == () and cold.repeats[0].seconds >= 0.3 and cold.first_image >= 0.3


def test_passes_go_on_for_a_minimum_of_time():
    found = time_generator(lambda: Sleeper(each=0.03), batches_of(1), "cpu", Wishes(2, 0, seconds=0.2))
    total = sum(one.seconds for one in found.repeats)
    assert total >= 0.2 and total - found.repeats[-1].seconds < 0.2 and 2 < len(found.repeats) <= 7


def test_missing_answers_are_an_error():
    with pytest.raises(GeneratorError, match="1 answers to 2 requests"):
        time_generator(lambda: Sleeper(answers=1, each=0.0), batches_of(2), "cpu", Wishes(1, 0))


class Net(Sleeper):
    def __init__(self, **about):
        super().__init__(each=0.0)
        self.module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 3, 1, bias=False))
        self.__dict__ |= about

    def generate(self, requests):
        for request in requests:
            self.module(torch.zeros(VIEWS, 3, 10, 10))
            yield MultiviewImage(request.case, request.seed, np.zeros((VIEWS, 2, 2, 3), np.uint8))


def test_work_is_counted_as_by_hand():
    found = time_generator(Net, batches_of(2), "cpu", Wishes(1, 0))
    per_pixel = 2 * (3 * 8 * 9 + 8 * 3)
    assert found.flops == 2 * VIEWS * 100 * per_pixel
    assert found.precision == "float32" and found.compile_mode == "none"
    said = time_generator(
        lambda: Net(precision="int8", compile_mode="max-autotune"), batches_of(1), "cpu", Wishes(1, 0)
    )
    assert (said.precision, said.compile_mode) == ("int8", "max-autotune")


def test_compiled_work_is_counted_as_it_runs_eagerly():
    def build():
        made = Net()
        made.module.compile(backend="eager")
        return made

    found = time_generator(build, batches_of(2), "cpu", Wishes(1, 1))
    assert found.flops == time_generator(Net, batches_of(2), "cpu", Wishes(1, 0)).flops
    assert found.compile_mode == "torch.compile" and found.compiling > 0 and found.compiling <= sum(found.warm_up)
    assert found.parameters == 3 * 8 * 9 + 8 * 3 and found.model_bytes == 4 * found.parameters
    assert found.matrix.rate > 1e8 and found.no_power == "no GPU was used"


def test_products_count_two_operations_a_multiplication():
    a, b = torch.zeros(5, 7), torch.zeros(7, 11)
    assert count_flops(lambda: a @ b) == 2 * 5 * 7 * 11
    assert count_flops(lambda: None) == 0


def test_precision_and_compilation():
    linear = nn.Linear(2, 2)
    assert precision_of(None) == "unknown" and precision_of(nn.ReLU()) == "unknown"
    assert precision_of(nn.Linear(2, 2).bfloat16()) == "bfloat16"
    assert precision_of(nn.Sequential(nn.Linear(2, 2).half(), linear)) == "mixed"
    assert not compiled(None) and not compiled(linear)
    assert compiled(nn.Sequential(torch.compile(nn.Linear(2, 2))))
    linear.compile()
    assert compiled(nn.Sequential(linear))


def test_peak_rates_of_known_hardware(monkeypatch):
    assert peak_rate("NVIDIA H100 80GB HBM3", "bfloat16") == 989.4
    assert peak_rate("NVIDIA H100 PCIe", "bfloat16") == 756.0
    assert peak_rate("NVIDIA H200", "int8") is None
    assert peak_rate("Intel(R) Xeon(R)", "float32") is None
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "highest")
    assert peak_rate("NVIDIA A100-SXM4-80GB", "float32") == 19.5
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert peak_rate("NVIDIA A100-SXM4-80GB", "float32") == 156.0


def test_clocks_and_memory_of_the_host():
    clock = make_stopwatch("cpu")
    assert isinstance(clock, HostStopwatch)
    clock.mark()
    time.sleep(0.03)
    clock.mark()
    clock.mark()
    (first, second), again = clock.seconds(), clock.marks
    assert 0.03 <= first <= second < 0.5 and again == []
    before = peak_host_memory()
    block = np.ones(64 * 2**20, np.uint8)
    after = peak_host_memory()
    assert before and after and after >= before > 2**20 and block.any()
    assert peak_device_memory("cpu") is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_events_wait_for_the_device():
    clock = make_stopwatch("cuda")
    matrix = torch.rand(4096, 4096, device="cuda")
    clock.mark()
    for _ in range(20):
        matrix = matrix @ matrix / 4096
    clock.mark()
    (seconds,) = clock.seconds()
    assert seconds > 20 * 2 * 4096**3 / 2e15
    assert peak_device_memory("cuda") >= 4096**2 * 4
