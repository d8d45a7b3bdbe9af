"""The pictures that the self-test measures: perfect views, and the same views broken in one known way each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.generators.corruptions import Corruption, Floats
from bench.generators.protocol import RGB, GenerationRequest

CEILING = "ceiling"
WHITE: RGB = (1.0, 1.0, 1.0)
RING = (0.0, 90.0, 180.0, 270.0)


class FlatColour(Corruption):
    """Calibration: the object in one grey, all views alike. Perfectly consistent, and nothing is there."""

    def corrupt(self, views: Floats, alpha: Floats, request: GenerationRequest) -> Floats:
        """The outline stays as it is."""
        flat: Floats = alpha * 0.5 + (1.0 - alpha) * np.asarray(request.background)
        return flat


@dataclass(frozen=True)
class Pictures:
    """Views of every object under one generator. `use` and `options` are read as in a suite; `what` is for people."""

    name: str
    what: str
    use: str
    options: Mapping[str, Any] = field(default_factory=dict)
    azimuths: tuple[float, ...] = RING
    background: RGB = WHITE


PICTURES = (
    Pictures(CEILING, "renders of the textured mesh itself", "ceiling"),
    *(
        Pictures(
            f"shift-{axis}-{pixels}px", f"odd views {pixels} px to {side}", "shift", {"pixels": pixels, "axis": axis}
        )
        for axis, side in (("x", "the right"), ("y", "the bottom"))
        for pixels in (1, 2, 4)
    ),
    Pictures("swapped-views", "the two side views change places", "swapped_views"),
    Pictures("colour-cast", "odd views 5 % warmer, even views cooler", "colour_cast", {"strength": 0.05}),
    Pictures("noise", "independent noise of .05 in every view", "noise", {"sigma": 0.05}),
    Pictures("blur-2px", "every view blurred by 2 px", "blur", {"sigma": 2.0}),
    Pictures("flat-colour", "one grey everywhere", "bench.selftest.pictures:FlatColour"),
    Pictures("floor", "every view wears another object's texture", "floor"),
    Pictures("view-order", "the ceiling, views in reverse order", "ceiling", azimuths=RING[::-1]),
    Pictures("background", "the ceiling on black", "ceiling", background=(0.0, 0.0, 0.0)),
)
