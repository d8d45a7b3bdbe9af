"""Colours by the names that prompts use: the twelve that people agree on, found in prompts and in pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from bench.cases.miniworld.looks import COLOURS, MUTED
from bench.geometry.lab import cielab
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

Palette = Literal["common", "muted"]
PALETTES: Mapping[str, Mapping[str, tuple[int, int, int]]] = {"common": COLOURS, "muted": MUTED}
NAMES = tuple(COLOURS)

SYNONYMS = {
    "scarlet": "red", "crimson": "red", "maroon": "red", "golden": "yellow", "gold": "yellow", "beige": "white",
    "cream": "white", "cyan": "teal", "turquoise": "teal", "navy": "blue", "violet": "purple", "lilac": "purple",
    "tan": "brown", "gray": "grey", "silver": "grey",
}  # fmt: skip

_LIGHTNESS = 0.5  # its weight in the difference: light and shade change it, and not the name
_BLUR = 6.0  # of a name's edge, in CIELAB as weighted
_LITTLE = 0.02  # a share that counts as none

Histogram = npt.NDArray[np.float64]  # (12,) shares of the names


def named_colours(prompt: str) -> frozenset[str]:
    """The colours that a prompt names.

    >>> sorted(named_colours("A tall red mug with a gray handle"))
    ['grey', 'red']
    """
    words = [SYNONYMS.get(word, word) for word in re.findall(r"[a-z]+", prompt.lower())]
    return frozenset(word for word in words if word in COLOURS)


def own_and_part_colours(prompt: str) -> tuple[frozenset[str], frozenset[str]]:
    """The colours of the thing itself, which a prompt names before 'with', and those of its parts alone, named after.

    >>> own_and_part_colours("A tall red mug with a black and red handle")
    (frozenset({'red'}), frozenset({'black'}))
    """
    thing, _, parts = re.sub(r"\s+", " ", prompt.lower()).partition(" with ")
    own = named_colours(thing)
    return own, named_colours(parts) - own


def colour_shares(pixels: npt.NDArray[np.uint8], palette: Palette = "common") -> Histogram:
    """How much of sRGB pixels (n, 3) is called by each of `NAMES`: CIELAB with half the weight on lightness.

    A pixel between two colours is called by both, the nearer one more: a dark brown is black to some.
    """
    weight = torch.tensor([_LIGHTNESS, 1.0, 1.0], dtype=torch.float64)
    found, named = _lab(pixels) * weight, _prototypes(palette) * weight
    squares = torch.cdist(found, named, compute_mode="donot_use_mm_for_euclid_dist").square()
    shares: Histogram = torch.softmax(squares / (-2.0 * _BLUR**2), dim=1).mean(dim=0).numpy()
    return shares


def colour_fit(shares: Histogram, colours: frozenset[str]) -> float:
    """How well shares fit named colours: the mean logarithm of their shares, so that each name has to be there."""
    return float(np.mean([np.log(shares[NAMES.index(name)] + _LITTLE) for name in sorted(colours)]))


def parts_fit(shares: Histogram, own: frozenset[str], parts: frozenset[str]) -> float:
    """The share of pairs of an own and a part's colour of which the own one covers more; ties count half.

    Colours that are hardly there tie. NaN where either names none.
    """
    pairs = [(_seen(shares, mine), _seen(shares, other)) for mine in own for other in parts]
    if not pairs:
        return math.nan
    return sum(1.0 if mine > other else 0.5 if mine == other else 0.0 for mine, other in pairs) / len(pairs)


def _seen(shares: Histogram, name: str) -> float:
    return max(float(shares[NAMES.index(name)]), _LITTLE)


@lru_cache(maxsize=2)
def _prototypes(palette: Palette) -> Tensor:
    return _lab(np.array([PALETTES[palette][name] for name in NAMES], dtype=np.uint8))


def _lab(pixels: npt.NDArray[np.uint8]) -> Tensor:
    return cielab(torch.from_numpy(pixels).double() / 255.0)
