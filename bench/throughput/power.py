"""Energy, power, clocks and throttling of an NVIDIA GPU while work runs on it, as NVML tells them.

Energy is the difference of the card's own counter (millijoules since the driver started), not a sum of samples. The
package `nvidia-ml-py` is optional; without it, or without such a card, there is a sentence in place of numbers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

EVERY = 0.1  # s between looks at clocks
# NVML's bits of reasons for lower clocks that are about power and heat; idleness and application settings are none
_REASONS = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "heat (software)",
    0x40: "heat (hardware)",
    0x80: "power brake",
}


@dataclass(frozen=True)
class Power:
    """Over one span: joules and mean watts of the whole card, its lowest and highest clock (MHz) and the possible one.

    `throttled`: why clocks were lowered at any look. Where a card does not tell something it is None or empty.
    """

    seconds: float
    joules: float | None
    watts: float | None
    clock_low: int | None
    clock_high: int | None
    clock_possible: int | None
    throttled: tuple[str, ...]


class PowerMeter:
    """Reads one card from `start` to `stop`. `unavailable` says why there is nothing to read, '' where there is."""

    def __init__(self, device: str) -> None:
        self.unavailable = ""
        self._nvml: Any = None
        self._card: Any = None
        if not device.startswith("cuda"):
            self.unavailable = "no GPU was used"
            return
        try:
            import pynvml
        except ImportError:
            self.unavailable = "the package nvidia-ml-py is not installed: pip install 'realiz3d-bench[energy]'"
            return
        try:
            pynvml.nvmlInit()
            self._nvml, self._card = pynvml, pynvml.nvmlDeviceGetHandleByUUID(_uuid(device))
        except pynvml.NVMLError as error:
            self.unavailable = f"NVML does not answer: {error}"

    def start(self) -> None:
        """Begin a span."""
        self._clocks: list[int] = []
        self._reasons = 0
        self._stop = threading.Event()
        self._began, self._joules = time.perf_counter(), self._energy()
        self._thread = threading.Thread(target=self._look, daemon=True)
        if not self.unavailable:
            self._thread.start()

    def stop(self) -> Power | None:
        """What happened in the span; None where nothing can be read."""
        if self.unavailable:
            return None
        seconds, after = time.perf_counter() - self._began, self._energy()
        self._stop.set()
        self._thread.join()
        joules = None if after is None or self._joules is None else after - self._joules
        return Power(
            seconds=seconds,
            joules=joules,
            watts=None if joules is None else joules / seconds,
            clock_low=min(self._clocks, default=None),
            clock_high=max(self._clocks, default=None),
            clock_possible=self._ask(lambda n: n.nvmlDeviceGetMaxClockInfo(self._card, n.NVML_CLOCK_SM)),
            throttled=tuple(reason for bit, reason in _REASONS.items() if self._reasons & bit),
        )

    def _energy(self) -> float | None:
        found = self._ask(lambda nvml: nvml.nvmlDeviceGetTotalEnergyConsumption(self._card))
        return None if found is None else found / 1000.0

    def _look(self) -> None:
        while True:
            clock = self._ask(lambda nvml: nvml.nvmlDeviceGetClockInfo(self._card, nvml.NVML_CLOCK_SM))
            if clock is not None:
                self._clocks.append(clock)
            self._reasons |= self._ask(lambda n: n.nvmlDeviceGetCurrentClocksThrottleReasons(self._card)) or 0
            if self._stop.wait(EVERY):
                return

    def _ask(self, question: Callable[[Any], int]) -> int | None:
        if self._nvml is None:
            return None
        try:
            return question(self._nvml)
        except self._nvml.NVMLError:  # older cards count no energy, virtual ones tell no clocks
            return None


def _uuid(device: str) -> str:
    """NVML's name of torch's card: numbers differ where CUDA_VISIBLE_DEVICES hides some."""
    import torch

    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"
