"""The mini-world's trainings, with what time is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.gpu_day.findings import Notes, Planned
from bench.gpu_day.settings import Settings

BASE = Path(__file__).parents[2] / "suites" / "miniworld" / "base"  # ships; to train one takes longer than a day


def plan_world(settings: Settings) -> Sequence[Planned]:
    """Names of what `world` finds."""
    return (Planned("mini-world trainings"),)


def world(settings: Settings, notes: Notes, out: Path, seconds: float) -> None:
    """`suites.miniworld.kit` on the packed world, from the base that ships, for so many seconds.

    What it trained stays in `out`.
    """
    if settings.world is None:
        notes.skipped("mini-world trainings", "no --world was given")
        return
    command = [sys.executable, "-m", "suites.miniworld.kit", str(settings.world), str(out), "--device", settings.device]
    command += ["--base", str(BASE), "--seconds", f"{max(20.0, seconds):.0f}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    said = [line.removeprefix("kit: ") for line in done.stdout.splitlines() if line.startswith("kit: ")]
    notes.fact("mini-world trainings", "; ".join(said[-2:]) or done.stderr.strip()[-300:] or "it said nothing")
