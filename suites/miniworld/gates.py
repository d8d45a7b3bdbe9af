"""Gates that a base must pass before any method is tuned from it, and stage 1 before stage 2 is worth anything.

A base is judged by the suites' present primaries, in a run of its own: beside it stand pictures of its size that no
mind has made (one flat grey, each object's mean colour, noise tuned to look natural). By realism each of these must lie
at least `FACTOR` times as far from the reference as the base, and further than Realiz3D where that is there; by
identity each must say less of what the prompt names than the base does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases.miniworld.world import LookName
from bench.results.summary import Summary
from bench.run.options import RunOptions
from bench.run.session import run
from bench.selftest.cheats import TUNED
from bench.suite.load import load_suite
from bench.suite.schema import GeneratorEntry, Suite
from groundwork.progress import Reporter
from suites.miniworld.packing import packed_size
from suites.miniworld.stages import Look

REALISM, IDENTITY = "ed_cluster[efficientnet_lite0_interior]@rich", "identity"
FACTOR = 5.0
BASE, OURS = "base", "realiz3d"
MINDLESS: Mapping[str, dict[str, Any]] = {
    "flat-grey": {"use": "flat_colour"},
    "flat-own": {"use": "flat_colour", "colour": "own"},
    "noise-tuned": {"use": "solid_noise", **TUNED},
}
SYNTHETIC_AT_LEAST, REAL_AT_MOST = 0.70, 0.10  # shares of pictures taken for synthetic, in either mode


@dataclass(frozen=True)
class BaseGate:
    """Realism (distance, lower is nearer) and identity (higher is better) by generator."""

    realism: dict[str, float]
    identity: dict[str, float]

    def failures(self) -> tuple[str, ...]:
        """What keeps the base from passing, a sentence each."""
        found = []
        base = self.realism[BASE]
        for name in MINDLESS:
            distance = self.realism[name]
            if distance <= 0 or distance < FACTOR * base:
                found.append(f"{name} is {distance:.3f} from the reference, not {FACTOR:g} times the base's {base:.3f}")
            ours = self.realism.get(OURS)
            if ours is not None and distance <= ours:
                found.append(f"{name} is {distance:.3f} from the reference, no further than Realiz3D's {ours:.3f}")
            if self.identity[name] >= self.identity[BASE]:
                found.append(
                    f"{name} shows what is named at {self.identity[name]:.3f}, no less than the base at "
                    f"{self.identity[BASE]:.3f}"
                )
        return tuple(found)


def judge(summary: Summary) -> BaseGate:
    """The gate's values in a run that holds the base and `MINDLESS`."""
    values: dict[str, dict[str, float]] = {REALISM: {}, IDENTITY: {}}
    for row in summary.rows:
        if row.metric in values and row.value is not None:
            values[row.metric][row.generator] = float(row.value)
    return BaseGate(values[REALISM], values[IDENTITY])


def gate_suite(base: Path, look: LookName) -> Suite:
    """The suite `miniworld` with a packed base and `MINDLESS` at its size, judged by realism and identity alone."""
    size = packed_size(base)
    suite = load_suite("miniworld", [f"cases.look={look}", f"references.rich.miniworld.look={look}",
                                     f"references.rich.miniworld.size_px={size}"])  # fmt: skip
    entries: dict[str, dict[str, Any]] = {
        "ceiling": {"use": "miniworld_look", "look": look, "size": size},
        BASE: {"use": "miniworld_model", "method": "base", "base": str(base.absolute())},
        **{name: {**options, "size": size} for name, options in MINDLESS.items()},
    }
    wanted = {
        IDENTITY: {"palette": "muted" if look == "muted" else "common"},
        REALISM.partition("[")[0]: {},
    }
    metrics = [
        entry.model_copy(update={"options": {**entry.options, **wanted[entry.name]}})
        for entry in suite.metrics
        if entry.name in wanted
    ]
    generators = tuple(GeneratorEntry.model_validate({"name": name, **entry}) for name, entry in entries.items())
    update = {"generators": generators, "metrics": tuple(metrics), "primary": (REALISM, IDENTITY), "gates": {}}
    return suite.model_copy(update={**update, "references": {"rich": suite.references["rich"]}})


def measure_base(base: Path, out: Path, look: LookName, limit: int | None = None) -> BaseGate:
    """Run the gate's suite on its first `limit` objects; the run, with all pictures, stays in `out`."""
    options = RunOptions(out=out, limit=limit, offline=True, device="cpu")
    return judge(run(gate_suite(base, look), options, Reporter()).summary)


def stage_1_failures(looks: Mapping[str, Look]) -> tuple[str, ...]:
    """What keeps stage 1 from passing, by what `stages.measure_modes` found."""
    found = []
    synthetic, real = looks["synthetic"].synthetic_share, looks["real"].synthetic_share
    if synthetic < SYNTHETIC_AT_LEAST:
        found.append(f"{synthetic:.0%} of synthetic mode's pictures look synthetic, not {SYNTHETIC_AT_LEAST:.0%}")
    if real > REAL_AT_MOST:
        found.append(f"{real:.0%} of real mode's pictures look synthetic, more than {REAL_AT_MOST:.0%}")
    return tuple(found)
