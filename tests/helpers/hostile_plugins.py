"""Plug-ins that do to their process what no `except` can catch, on the case `disc` alone or while they are set up."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel

from bench.generators.protocol import MultiviewImage, Preparation
from bench.metrics.declaration import Measurement, Result


def misbehave(habit: str) -> None:
    if habit == "exits":
        os._exit(0)
    elif habit == "crashes":
        ctypes.string_at(0)
    elif habit == "hangs":
        time.sleep(600)
    elif habit == "leaks":
        held = [np.ones(2**24) for _ in range(12)]  # 128 MB each
        time.sleep(600)
        print(len(held))
    elif habit == "escapes":
        raise BaseException("away")
    elif habit == "quits":
        sys.exit(0)
    elif habit == "pollutes":
        os.chdir("/")
        np.seterr(all="raise")
        torch.set_default_dtype(torch.float16)
        print("look at me")
        os.write(1, b"and at me\n")


class Options(BaseModel, extra="forbid"):
    habit: str = "none"
    always: bool = False
    at: str = "work"  # or "init", "prepare"


class Painter:
    """Draws a gradient of the noise seeds, so that every sample is its own."""

    Options = Options

    def __init__(self, name: str, options: Options, context: Any) -> None:
        self.name, self.options = name, options
        if options.at == "init":
            misbehave(options.habit)

    def fingerprint(self) -> str:
        return "painter"

    def preparations(self, seeds: Any) -> Any:
        if self.options.at == "prepare":
            yield Preparation(
                "train models", self.name, self.name, 2, "memory", lambda _: misbehave(self.options.habit)
            )

    def generate(self, requests: Any) -> Any:
        for request in requests:
            if self.options.at == "work" and (request.case.id.startswith("disc") or self.options.always):
                misbehave(self.options.habit)
            side = request.cameras.resolution
            ramp = np.arange(side * side * 3, dtype=np.int64).reshape(side, side, 3)
            views = [((ramp * (1 + seed % 251)) % 251).astype(np.uint8) for seed in request.noise_seeds]
            yield MultiviewImage(request.case.id, request.seed, np.stack(views))


class Far:
    """Distance of means, named after its habit."""

    class Options(Options):
        reference: str
        extractor: str = "hostile_plugins:means"

    def __init__(self, options: Any) -> None:
        self.options, self.reference, self.extractor = options, options.reference, options.extractor

    def result(self) -> Result:
        return Result(f"far_{self.options.habit}[{self.extractor}]@{self.reference}", "down", "", axis="realism")

    def parameters(self) -> str:
        return "v1"

    def distance(self, generated: Any, reference: Any) -> float:
        misbehave(self.options.habit)
        return float(np.abs(generated.features.mean(axis=0) - reference.features.mean(axis=0)).sum())


class Means:
    """Features: the mean colour. The one called dying ends its process."""

    dimension = 3

    def __init__(self, name: str) -> None:
        self.name = name

    def fingerprint(self) -> str:
        return "0" * 64

    def signature(self) -> str:
        return "extractor=means@sha256:0 resize=none"

    def extract(self, pictures: Any) -> Any:
        if self.name.endswith("dying"):
            misbehave("exits")
        return np.stack([picture.reshape(-1, 3).mean(axis=0) for picture in pictures]).astype(np.float32)


def means(device: str, offline: bool) -> Means:
    return Means("hostile_plugins:means")


def dying(device: str, offline: bool) -> Means:
    return Means("hostile_plugins:dying")


class Gauge:
    """Mean brightness; named after its habit."""

    Options = Options
    needs_mesh = False
    never_primary: ClassVar[dict[str, str]] = {}

    def __init__(self, options: Options) -> None:
        self.options = options
        if options.at == "init":
            misbehave(options.habit)

    def prepare(self, device: str, offline: bool) -> None:
        if self.options.at == "prepare":
            misbehave(self.options.habit)

    def missing(self) -> dict[str, str]:
        return {}

    def results(self) -> tuple[Result, ...]:
        return (Result(f"gauge_{self.options.habit}", "up", "", axis="realism"),)

    def parameters(self) -> str:
        return "v1"

    def measure(self, sample: Any) -> dict[str, Measurement]:
        if self.options.at == "work" and ("disc" in sample.prompt or self.options.always):
            misbehave(self.options.habit)
        return {f"gauge_{self.options.habit}": Measurement(float(sample.views.double().mean()))}
