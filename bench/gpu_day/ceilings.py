"""The device and what it reaches at best: everything else is read against these numbers."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from bench.gpu_day.findings import Notes, Planned
from bench.gpu_day.settings import Settings

_PRECISIONS = ("float32", "tf32", "bfloat16", "float16")
_COPIES = (("to the device", True), ("from the device", False))
PACKAGES = (
    "torch", "triton", "diffusers", "transformers", "pydantic", "numpy", "scipy", "warp-lang", "trimesh", "kornia",
    "torchvision", "nvidia-ml-py",
)  # fmt: skip


def plan_facts(settings: Settings) -> Sequence[Planned]:
    """Names of what `facts` finds."""
    return tuple(
        Planned(name) for name in ("device", "memory", "driver and CUDA", "host", "packages", "power and clock")
    )


def facts(settings: Settings, notes: Notes) -> None:
    """What the numbers were measured on."""
    import torch

    from bench.run.environment import hardware
    from bench.throughput.power import PowerMeter

    found = hardware(settings.device)
    notes.fact("host", f"{found['cpu']}, {found['cpu_cores']} cores, Python {platform.python_version()}")
    notes.fact("packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    if settings.cuda:
        properties = torch.cuda.get_device_properties(settings.device)
        notes.fact("device", f"{properties.name}, {properties.multi_processor_count} multiprocessors")
        notes.fact("memory", f"{properties.total_memory / 2**30:.1f} GiB")
        notes.fact("driver and CUDA", f"driver {found.get('driver')}, CUDA {torch.version.cuda}")
    else:
        notes.fact("device", f"{found['cpu']} (no GPU)")
    meter = PowerMeter(settings.device)
    meter.start()
    power = meter.stop()
    if power is None:
        notes.skipped("power and clock", meter.unavailable)
    else:
        notes.fact("power and clock", f"clock {power.clock_high} of {power.clock_possible} MHz before any work")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def plan_ceilings(settings: Settings) -> Sequence[Planned]:
    """Names of what `ceilings` finds."""
    found = [Planned(f"matrix products, {name}", "TFLOP/s") for name in _PRECISIONS]
    found += [Planned("memory, read and written", "GB/s")]
    kinds = ("page-locked", "pageable")
    return tuple(found + [Planned(f"copy {way}, {kind}", "GB/s") for way, _ in _COPIES for kind in kinds])


def ceilings(settings: Settings, notes: Notes) -> None:
    """Rates of matrix products by precision, of memory, and of copies between host and device."""
    import torch

    from bench.throughput.ceilings import copy_rate, matrix_rate, memory_rate
    from bench.throughput.work import DTYPES, peak_rate

    name = torch.cuda.get_device_name(settings.device) if settings.cuda else ""
    size, mebibytes = (64, 1) if settings.tiny else (None, None)
    for precision in _PRECISIONS:
        if precision == "tf32" and not settings.cuda:
            notes.skipped("matrix products, tf32", "a CPU has no such precision")
            continue
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        dtype = DTYPES["float32" if precision == "tf32" else precision]
        found = matrix_rate(settings.device, dtype, size, settings.seconds)
        peak = peak_rate(name, precision) if name else None
        share = "" if peak is None else f"{found.rate / peak / 1e12:.0%} of the data sheet's {peak:g}"
        notes.number(
            f"matrix products, {precision}", found.rate / 1e12, high=found.best / 1e12, low=None, n=found.groups,
            text=share,
        )  # fmt: skip
    torch.set_float32_matmul_precision("highest")
    memory = memory_rate(settings.device, mebibytes, settings.seconds)
    notes.number("memory, read and written", memory.rate / 1e9, n=memory.groups)
    for way, to_device in _COPIES:
        for kind, pinned in (("page-locked", True), ("pageable", False)):
            if not settings.cuda:
                notes.skipped(f"copy {way}, {kind}", "host and device are one")
                continue
            copy = copy_rate(settings.device, to_device, pinned, seconds=settings.seconds)
            notes.number(f"copy {way}, {kind}", copy.rate / 1e9, n=copy.groups)
