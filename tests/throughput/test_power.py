"""NVML by a card that is played: energy by its counter, clocks, why they were lowered; and machines without one."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest
import torch

from bench.throughput.power import PowerMeter


class NVMLError(Exception):
    pass


class Card:
    """1 kW, two clocks, heat at the second look."""

    NVMLError, NVML_CLOCK_SM = NVMLError, 1

    def __init__(self):
        self.began, self.looks, self.asked = time.perf_counter(), 0, []

    def nvmlInit(self):  # noqa: N802  NVML's names
        self.asked.append("init")

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        self.asked.append(uuid)
        return "card"

    def nvmlDeviceGetTotalEnergyConsumption(self, card):  # noqa: N802
        return round(1000 * 1000 * (time.perf_counter() - self.began))

    def nvmlDeviceGetClockInfo(self, card, kind):  # noqa: N802
        self.looks += 1
        return 1980 if self.looks == 1 else 1755

    def nvmlDeviceGetMaxClockInfo(self, card, kind):  # noqa: N802
        return 1980

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card):  # noqa: N802
        return 0x1 if self.looks == 1 else 0x20 | 0x4


@pytest.fixture
def card(monkeypatch):
    made = Card()
    monkeypatch.setitem(sys.modules, "pynvml", made)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="0000-11"))
    return made


def test_a_card_tells_energy_power_and_clocks(card):
    meter = PowerMeter("cuda")
    meter.start()
    time.sleep(0.3)
    found = meter.stop()
    assert meter.unavailable == "" and card.asked == ["init", "GPU-0000-11"]
    assert found.seconds >= 0.3 and found.watts == pytest.approx(1000, rel=0.05)
    assert found.joules == pytest.approx(found.watts * found.seconds)
    assert (found.clock_low, found.clock_high, found.clock_possible) == (1755, 1980, 1980)
    assert found.throttled == ("power cap", "heat (software)")


def test_a_card_that_tells_only_some(card, monkeypatch):
    def refuses(*_):
        raise NVMLError("Not Supported")

    monkeypatch.setattr(card, "nvmlDeviceGetTotalEnergyConsumption", refuses)
    monkeypatch.setattr(card, "nvmlDeviceGetCurrentClocksThrottleReasons", refuses)
    meter = PowerMeter("cuda")
    meter.start()
    found = meter.stop()
    assert (found.joules, found.watts, found.throttled) == (None, None, ()) and found.clock_possible == 1980


def test_without_a_card_there_is_a_reason(card, monkeypatch):
    for device, words in (("cpu", "no GPU was used"), ("cuda", "NVML does not answer: no driver")):
        monkeypatch.setattr(card, "nvmlInit", lambda: (_ for _ in ()).throw(NVMLError("no driver")))
        meter = PowerMeter(device)
        meter.start()
        assert meter.stop() is None and meter.unavailable == words
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py is not installed" in PowerMeter("cuda").unavailable
