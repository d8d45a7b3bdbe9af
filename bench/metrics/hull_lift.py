"""Agreement of views without a mesh and without weights: leave one view out, on a shape guessed from the outlines.

What papers print here stands on a reconstruction network (`lift`); where that is not available, this is the stand-in,
under its own name. The shape is a guess, so even renders of a real object agree only as well as the guess fits: read a
value beside the ceiling of the same objects, or as a comparison of generators on the same prompts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from bench.errors import UsageError
from bench.geometry.correspondence import VISIBILITY
from bench.geometry.foreground import MESHLESS_PARAMETERS
from bench.geometry.ground import stands_elsewhere
from bench.lifting.hull import HullLifter
from bench.lifting.rounded_hull import CELLS, SMOOTHING
from bench.metrics.cde import band_parameters, cde
from bench.metrics.declaration import POSITIVE, SHARE, Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE, loo_psnr
from bench.metrics.psnr import HIGHEST

# Means over what the `floor` generator makes of the mini-world's first 40 training objects at 256 px, less the 3 that
# cannot be lifted: views of one outline, painted after four different objects. A slow test measures them again.
FLOOR_PSNR = 11.0  # dB
FLOOR_CDE = 0.136


class HullLiftAgreement(ObjectMetric):
    """Whether views agree on a surface that fills their outlines; a stand-in for networks that lift."""

    never_primary = MappingProxyType(
        {
            "hull_lift_psnr": "one colour all over the object wins it",
            "hull_lift_cde": "the guessed surface fits round things, so one painted ball for every prompt wins it",
        }
    )

    def results(self) -> tuple[Result, ...]:
        """Two numbers per sample."""
        return (
            Result(
                "hull_lift_psnr",
                "up",
                "dB",
                "leave-one-view-out PSNR (hull lift, not LGM)",
                axis="consistency",
                worst=0.0,
                limits=POSITIVE,
            ),
            Result(
                "hull_lift_cde",
                "up",
                "",
                "consistent detail energy (hull lift, not LGM)",
                axis="consistency",
                worst=0.0,
                limits=SHARE,
            ),
        )

    def parameters(self) -> str:
        """How the shape is guessed, what a failed lift counts as, and the constants of `loo_psnr` and `cde`."""
        return (
            f"{MESHLESS_PARAMETERS} lift=rounded-hull outlines=all colours=other-views cells={CELLS} "
            f"smoothing={SMOOTHING:g} failed_lift=floor({FLOOR_PSNR:g}dB,{FLOOR_CDE:g}) min_coverage={MIN_COVERAGE} "
            f"weight=cos^2 {VISIBILITY} cap={HIGHEST:.2f}dB {band_parameters()} v3"
        )

    def measure(self, sample: Sample) -> Mapping[str, Measurement]:
        """Both numbers of a sample. `coverage` is the share of the views' objects that could be compared.

        Views that cannot be lifted, or whose lift leaves less than 10 % to compare, have the floor's values and a
        coverage of 0: they are never dropped. One view alone, or one on another plain ground than the
        suite's, is not measurable. Raises `UsageError` for a sample
        without cameras.
        """
        if sample.cameras is None:
            raise UsageError("views can only be lifted when their cameras are known")
        if len(sample.cameras) < 2 or stands_elsewhere(sample.views, sample.background):
            return {result.name: Measurement(math.nan, "not_measurable") for result in self.results()}
        lift = HullLifter().lift(sample.views, sample.cameras, sample.background)
        if lift is None or lift.correspondence.coverage < MIN_COVERAGE:
            return {
                "hull_lift_psnr": Measurement(FLOOR_PSNR, coverage=0.0),
                "hull_lift_cde": Measurement(FLOOR_CDE, coverage=0.0),
            }
        return {
            "hull_lift_psnr": loo_psnr(sample.views, lift.correspondence),
            "hull_lift_cde": cde(sample.views, lift.correspondence),
        }
