"""Measured rates are of the right size: more than a loop of Python, less than what the machine cannot do."""

from __future__ import annotations

import torch

from bench.throughput import ceilings


def test_rates_count_what_is_done(monkeypatch):
    seconds = iter([0.5] + [0.01] + [0.02] * 5)  # a cold call, one call, groups of calls

    class Clock:
        def mark(self):
            pass

        def seconds(self):
            return [next(seconds)]

    monkeypatch.setattr(ceilings, "make_stopwatch", lambda device: Clock())
    calls = []
    found = ceilings._rate(lambda: calls.append(1), 100.0, "cpu", 0.0)
    assert found == ceilings.Ceiling(100.0 / 0.02, 100.0 / 0.02, 5) and len(calls) == 7


def test_this_machine_multiplies_and_copies():
    found = ceilings.matrix_rate("cpu", torch.float32, 128, seconds=0.02)
    assert 1e7 < found.rate <= found.best < 1e14
    assert 1e7 < ceilings.memory_rate("cpu", 4, seconds=0.02).rate < 1e13
