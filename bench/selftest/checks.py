"""What each metric must answer to each corruption, as a list that people can read and a program can hold them to.

The bounds were set at 256 px on the first six measurable objects of the mini-world, with room to what was measured.
Properties that show a *known weakness* hold too: they are the proof that a metric is blind where its page says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.selftest.pictures import CEILING

# as a suite would name them; what their results are called is theirs to say
METRICS = ("loo_psnr", "cde", "emr", "colour_drift", "silhouette_iou", "reprojection")


@dataclass(frozen=True)
class Expectation:
    """`words` for people, and the same as a test of (the pictures' value, the baseline's), means over objects.

    A mean is NaN unless the metric could judge every object.
    """

    words: str
    met: Callable[[float, float], bool]


@dataclass(frozen=True)
class Property:
    """`metric` (a result's name) must meet the expectation on `pictures`, seen against those named `baseline`."""

    pictures: str
    metric: str
    expectation: Expectation
    baseline: str = CEILING
    weakness: bool = False


def at_least(bound: float, unit: str = "") -> Expectation:
    """The value itself, whatever the baseline says."""
    return Expectation(_words(f"at least {bound:g}", unit), lambda value, _: value >= bound)


def at_most(bound: float, unit: str = "") -> Expectation:
    """The value itself, whatever the baseline says."""
    return Expectation(_words(f"at most {bound:g}", unit), lambda value, _: value <= bound)


def falls(by: float = 0.0, unit: str = "") -> Expectation:
    """Strictly less than the baseline, by `by` or more."""
    words = _words(f"falls by at least {by:g}", unit) if by else "falls"
    return Expectation(words, lambda value, base: value < base and base - value >= by)


def rises(by: float = 0.0, unit: str = "") -> Expectation:
    """Strictly more than the baseline, by `by` or more."""
    words = _words(f"rises by at least {by:g}", unit) if by else "rises"
    return Expectation(words, lambda value, base: value > base and value - base >= by)


def moves_less_than(bound: float, unit: str = "") -> Expectation:
    """Stays within `bound` of the baseline, on either side."""
    return Expectation(_words(f"moves by less than {bound:g}", unit), lambda value, base: abs(value - base) < bound)


def is_about(wanted: float, within: float) -> Expectation:
    """The value itself: a corruption of known size, found again."""
    return Expectation(f"is {wanted:.4f}, within {within:g}", lambda value, _: abs(value - wanted) <= within)


def is_zero() -> Expectation:
    """Nothing, up to the rounding of sums."""
    return Expectation("is 0: no detail", lambda value, _: abs(value) < 1e-9)


def is_not_measurable() -> Expectation:
    """No number at all, where a number would be a lie."""
    return Expectation("is not measurable", lambda value, _: math.isnan(value))


def _words(text: str, unit: str) -> str:
    return f"{text} {unit}".rstrip()


def _slips() -> tuple[Property, ...]:
    found = []
    for axis in ("x", "y"):
        one, two, four = (f"shift-{axis}-{pixels}px" for pixels in (1, 2, 4))
        found += [
            Property(one, "loo_psnr", falls(4, "dB")),
            Property(two, "loo_psnr", falls(), one),
            Property(four, "loo_psnr", falls(), two),
            Property(one, "cde", falls(0.05)),
            Property(two, "cde", falls(), one),
            Property(four, "cde", falls(), two),
            Property(one, "emr", rises(0.3, "px")),
            Property(two, "emr", rises(), one),
            Property(four, "emr", rises(), two),
            Property(four, "silhouette_iou", falls(0.01)),
        ]
    return tuple(found)


# what the cast leaves between an odd and an even view, the only pairs on this ring that share surface
_CAST_GAIN = 2 / 3 * math.log(1.05 / 0.95)  # red and blue; green has none

PROPERTIES = (
    Property("ceiling", "loo_psnr", at_least(35, "dB")),
    Property("ceiling", "cde", at_least(0.7)),
    Property("ceiling", "emr", at_most(0.5, "px")),
    Property("ceiling", "colour_drift", at_most(0.3, "dE00")),
    Property("ceiling", "silhouette_iou", at_least(0.98)),
    *_slips(),
    Property("swapped-views", "loo_psnr", falls(10, "dB")),
    Property("swapped-views", "cde", falls(0.2)),
    Property("colour-cast", "loo_psnr", falls(3, "dB")),
    Property("colour-cast", "colour_drift", rises(1, "dE00")),
    Property("colour-cast", "colour_gain", is_about(_CAST_GAIN, 0.01)),
    Property("colour-cast", "cde", moves_less_than(0.005), weakness=True),
    Property("colour-cast", "silhouette_iou", moves_less_than(0.005)),
    Property("noise", "loo_psnr", falls(4, "dB")),
    Property("noise", "cde", falls(0.1)),
    Property("noise", "emr", at_most(1.5, "px"), weakness=True),
    Property("blur-2px", "loo_psnr", falls(2, "dB")),
    Property("blur-2px", "cde", falls(0.05)),
    Property("blur-2px", "reprojection_psnr_white", rises(), weakness=True),
    Property("flat-colour", "cde", is_zero()),
    Property("flat-colour", "emr", is_not_measurable()),
    Property("flat-colour", "loo_psnr", rises(), weakness=True),
    Property("floor", "loo_psnr", falls(15, "dB")),
    Property("floor", "cde", falls(0.2)),
    Property("floor", "colour_drift", rises(5, "dE00")),
    Property("floor", "reprojection_psnr_white", moves_less_than(3, "dB"), weakness=True),
    Property("floor", "silhouette_iou", moves_less_than(0.02), weakness=True),
    Property("view-order", "loo_psnr", moves_less_than(0.001, "dB")),
    Property("view-order", "cde", moves_less_than(0.0001)),
    Property("background", "loo_psnr", moves_less_than(0.001, "dB")),
    Property("background", "cde", moves_less_than(0.0001)),
    Property("background", "reprojection_psnr_white", rises(1, "dB"), weakness=True),
)
