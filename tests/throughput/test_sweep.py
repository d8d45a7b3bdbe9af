"""Batches up to the end of memory: a fake end, a real one, and what must not be taken for one."""

from __future__ import annotations

import subprocess
import sys
import weakref

import pytest
import torch

from bench.throughput.sweep import out_of_memory, sweep


class Memory:
    """An allocator of so many bytes that raises as torch's does, and must get back what it gave."""

    def __init__(self, size):
        self.size, self.used, self.asked = size, 0, []

    def work(self, batch, number):
        self.asked.append((batch, number))
        held = torch.zeros(batch)
        self.used += batch
        weakref.finalize(held, self.free, batch)
        if self.used > self.size:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {batch} bytes")
        return 0.1 * batch

    def free(self, batch):
        self.used -= batch


def test_it_ends_where_memory_does_and_goes_on_unharmed():
    memory = Memory(5)
    found = sweep(memory.work, 64, "cpu", passes=2)
    assert [one.size for one in found.sizes] == [1, 2, 4] and found.too_large == 8
    assert found.recovered and memory.used == 0  # nothing of the batch that failed is held on to
    assert memory.asked[-3:] == [(8, 0), (1, 0), (1, 1)]
    assert [one.seconds for one in found.sizes] == [(0.1, 0.1), (0.2, 0.2), (0.4, 0.4)]
    assert all(one.seconds_per_object == pytest.approx(0.1) for one in found.sizes)


def test_memory_that_does_not_come_back_is_told():
    held = []

    def leaks(batch, number):
        held.append(batch)
        if sum(held) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1.0

    found = sweep(leaks, 64, "cpu", passes=1)
    assert found.too_large == 4 and not found.recovered


def test_all_sizes_up_to_the_largest_and_none_that_fits():
    assert [one.size for one in sweep(lambda size, number: 1.0, 6, "cpu").sizes] == [1, 2, 4]
    found = sweep(Memory(0).work, 4, "cpu")
    assert found.sizes == () and found.too_large == 1 and not found.recovered


def test_only_memory_counts_as_memory():
    def breaks(size, number):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        sweep(breaks, 4, "cpu")
    wrapped = ValueError("generator failed")
    wrapped.__cause__ = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    assert out_of_memory(wrapped) and out_of_memory(MemoryError()) and not out_of_memory(ValueError("no"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(caught.value)  # in torch's own words, whatever they are


LIMITED = """
import resource, torch
from bench.throughput.sweep import sweep
torch.set_num_threads(1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 600 * 2**20,) * 2)
found = sweep(lambda size, number: float(torch.ones(size * 50 * 2**20, dtype=torch.uint8)[0]), 64, "cpu", passes=1)
print([one.size for one in found.sizes], found.too_large, found.recovered)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of address space")
def test_a_real_limit_of_memory():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "[1, 2, 4, 8] 16 True", done.stdout + done.stderr
