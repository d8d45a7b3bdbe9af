"""The look of an object: two named colours, how they share the surface, and the photographs that stand behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.cases.miniworld.photos import Crop

Pattern = Literal["plain", "parts", "band", "top", "stripes", "patches"]
PATTERNS: tuple[Pattern, ...] = ("plain", "band", "top", "stripes", "patches")  # for shapes of one part

COLOURS: dict[str, tuple[int, int, int]] = {  # sRGB
    "red": (178, 38, 34),
    "orange": (216, 108, 28),
    "yellow": (222, 178, 50),
    "green": (66, 126, 56),
    "teal": (36, 130, 130),
    "blue": (46, 82, 168),
    "purple": (114, 62, 142),
    "pink": (220, 130, 154),
    "brown": (122, 76, 46),
    "black": (40, 39, 42),
    "white": (228, 224, 216),
    "grey": (136, 136, 134),
}
# two palettes further apart: what the small models of `suites/miniworld` learn as real and as synthetic
MUTED: dict[str, tuple[int, int, int]] = {  # and as weathered things in daylight wear them, sRGB
    "red": (109, 59, 57),
    "orange": (141, 102, 73),
    "yellow": (161, 145, 99),
    "green": (68, 90, 65),
    "teal": (66, 100, 100),
    "blue": (70, 83, 114),
    "purple": (98, 80, 108),
    "pink": (170, 138, 146),
    "brown": (88, 71, 60),
    "black": (40, 40, 41),
    "white": (225, 223, 220),
    "grey": (122, 122, 121),
}
VIVID: dict[str, tuple[int, int, int]] = {  # the same names as toys and cheap assets wear them, sRGB
    "red": (216, 6, 0),
    "orange": (236, 100, 0),
    "yellow": (238, 177, 0),
    "green": (63, 190, 42),
    "teal": (0, 192, 192),
    "blue": (0, 62, 211),
    "purple": (144, 42, 198),
    "pink": (238, 101, 138),
    "brown": (188, 89, 24),
    "black": (40, 39, 42),
    "white": (242, 237, 229),
    "grey": (195, 195, 193),
}


@dataclass(frozen=True)
class Look:
    """Everything that is painted on a shape. `phase` places patterns and photographs on the surface."""

    main: str
    accent: str
    pattern: Pattern
    main_crop: Crop
    accent_crop: Crop
    phase: tuple[float, float, float]


def accent_share(
    look: Look, points: npt.NDArray[np.float32], slots: npt.NDArray[np.int32], blur: float
) -> npt.NDArray[np.float32]:
    """How much of the accent colour each surface point (N, 3) of a normalised mesh takes, in [0, 1].

    `slots` (N,) tells main and accent parts; `blur` is the width of painted edges in world units.
    """
    if look.pattern == "plain":
        return np.zeros(len(points), np.float32)
    if look.pattern == "parts":
        return slots.astype(np.float32)
    a, b, c = look.phase
    half = max(float(np.abs(points[:, 1]).max()), 1e-6)
    height = points[:, 1] / half  # from -1 at the foot to 1 at the top
    if look.pattern == "band":
        distance = half * (0.2 + 0.1 * a - np.abs(height - 0.4 * (b - 0.5)))
    elif look.pattern == "top":
        distance = half * (height - 0.2 - 0.3 * a)
    elif look.pattern == "stripes":
        period = 0.36 + 0.16 * a
        distance = half * (period / 4 - np.abs((height + b * period) % period - period / 2))
    else:
        # a few plane waves make a smooth random field; the part of the surface where it is highest is patches
        rng = np.random.Generator(np.random.PCG64(int(a * 2**31)))
        waves = (rng.normal(size=(10, 3)) * 8.5).astype(np.float32)
        shifts = rng.uniform(0, 2 * np.pi, 10).astype(np.float32)
        field = np.sin(points @ waves.T + shifts).sum(axis=1) / np.sqrt(5)
        distance = (field - np.quantile(field[::5], 0.58 + 0.14 * c)) * 0.08
    share: npt.NDArray[np.float32] = np.clip(distance / blur + 0.5, 0.0, 1.0).astype(np.float32)
    return share
