"""Agreement of views without a mesh and without weights: leave one view out, on a shape guessed from the outlines.

What papers print here stands on a reconstruction network (`lift`); where that cannot be had, this is the stand-in,
under its own name. The shape is a guess, so even renders of a real object agree only as well as the guess fits: read a
value beside the ceiling of the same objects, or as a comparison of generators on the same prompts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import UsageError
from bench.geometry.correspondence import EROSION, MIN_COSINE, OUTLINE
from bench.geometry.foreground import MESHLESS_PARAMETERS
from bench.geometry.ground import stands_elsewhere
from bench.lifting.hull import HullLifter
from bench.lifting.rounded_hull import CELLS, SMOOTHING
from bench.metrics.cde import REFERENCE_ENERGY, SIGMAS, BandEnergy, cde
from bench.metrics.declaration import Measurement, ObjectMetric, Result, Sample
from bench.metrics.loo_psnr import MIN_COVERAGE, loo_psnr
from bench.metrics.psnr import HIGHEST

# Means over what the `floor` generator makes of the mini-world's first 40 training objects at 256 px, less the 3 that
# cannot be lifted: views of one outline, painted after four different objects. A slow test measures them again.
FLOOR_PSNR = 11.0  # dB
FLOOR_CDE = 0.105


class HullLiftAgreement(ObjectMetric):
    """Whether views agree on a surface that fills their outlines; a stand-in for networks that lift."""

    class Options(BaseModel):
        """Options of `hull_lift`."""

        model_config = ConfigDict(extra="forbid", frozen=True)
        reference_energy: tuple[BandEnergy, BandEnergy, BandEnergy, BandEnergy] = Field(
            REFERENCE_ENERGY, description="as for `cde`: energy of real texture in the bands of 1, 2, 4 and 8 px"
        )

    def __init__(self, options: Options) -> None:
        self.reference_energy = options.reference_energy

    def results(self) -> tuple[Result, ...]:
        """Two numbers a sample."""
        return (
            Result(
                "hull_lift_psnr",
                "up",
                "dB",
                "leave-one-view-out PSNR (hull lift, not LGM)",
                axis="consistency",
                worst=0.0,
            ),
            Result(
                "hull_lift_cde",
                "up",
                "",
                "consistent detail energy (hull lift, not LGM)",
                axis="consistency",
                worst=0.0,
            ),
        )

    def parameters(self) -> str:
        """How the shape is guessed, what a failed lift counts as, and the constants of `loo_psnr` and `cde`."""
        sigmas = ",".join(f"{sigma:g}" for sigma in SIGMAS)
        reference = ",".join(f"{energy:g}" for energy in self.reference_energy)
        return (
            f"{MESHLESS_PARAMETERS} lift=rounded-hull outlines=all colours=other-views cells={CELLS} "
            f"smoothing={SMOOTHING:g} failed_lift=floor({FLOOR_PSNR:g}dB,{FLOOR_CDE:g}) min_coverage={MIN_COVERAGE} "
            f"weight=cos^2 min_cos={MIN_COSINE} erosion={EROSION}px outline={OUTLINE:g}footprints cap={HIGHEST:.2f}dB "
            f"bands=dog{sigmas}px reference_energy={reference} v1"
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
            "hull_lift_cde": cde(sample.views, lift.correspondence, self.reference_energy),
        }
