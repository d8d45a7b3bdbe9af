"""Stages of a pipeline by known times, through nested calls, and with everything put back afterwards."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench.throughput.stages import StageClock


class Sleeps(nn.Module):
    def forward(self, x):
        time.sleep(0.03)
        return x


class Pipeline:
    def __init__(self):
        self.transformer = Sleeps()
        self.vae = SimpleNamespace(encode=lambda x: time.sleep(0.01), decode=self._decode)

    def _decode(self, x):
        time.sleep(0.02)
        self.vae.encode(x)  # part of decoding: counted once

    def encode_prompt(self, words):
        time.sleep(0.005)

    def __call__(self, steps):
        self.encode_prompt("")
        self.vae.encode(0)
        for _ in range(steps):
            self.transformer(torch.zeros(1))
        self.vae.decode(0)


def test_each_stage_has_its_time_and_calls():
    pipeline = Pipeline()
    clock = StageClock("cpu")
    start = time.perf_counter()
    with clock.watching([pipeline]):
        pipeline(3)
    total = time.perf_counter() - start
    found = {one.name: one for one in clock.read()}
    assert {name: one.calls for name, one in found.items()} == {"text": 1, "encode": 1, "denoise": 3, "decode": 1}
    least = {"text": 0.005, "encode": 0.01, "denoise": 0.09, "decode": 0.03}
    assert all(found[name].seconds >= seconds for name, seconds in least.items())
    assert sum(one.seconds for one in found.values()) <= total
    assert clock.read() == ()


def test_parts_are_put_back_even_after_an_error():
    pipeline = Pipeline()
    before = (pipeline.vae.encode, pipeline.vae.decode)
    with pytest.raises(TypeError), StageClock("cpu").watching([pipeline, pipeline]):
        pipeline(None)
    assert "forward" not in vars(pipeline.transformer) and "encode_prompt" not in vars(pipeline)
    assert (pipeline.vae.encode, pipeline.vae.decode) == before


def test_what_has_no_parts_has_no_stages():
    clock = StageClock("cpu")
    with clock.watching([SimpleNamespace(transformer=None), object()]):
        pass
    assert clock.read() == ()


def test_a_compiled_network_is_timed_from_outside():
    pipeline = Pipeline()
    pipeline.transformer = nn.Linear(2, 2)
    pipeline.transformer.compile(backend="eager")
    clock = StageClock("cpu")
    with clock.watching([pipeline]):
        pipeline.transformer(torch.zeros(1, 2))
    assert [(one.name, one.calls) for one in clock.read()] == [("denoise", 1)]
    assert "forward" not in vars(pipeline.transformer)
