"""What a metric must do, in words for people and as a test for programs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Expectation:
    """`words` for people, and the same as a test of (the pictures' value, the baseline's); NaN is 'not measurable'."""

    words: str
    met: Callable[[float, float], bool]


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


def rises_at_most(bound: float, unit: str = "") -> Expectation:
    """May fall as it likes, and rise by no more than `bound`."""
    return Expectation(_words(f"rises by at most {bound:g}", unit), lambda value, base: value - base <= bound)


def moves_less_than(bound: float, unit: str = "") -> Expectation:
    """Stays within `bound` of the baseline, on either side."""
    return Expectation(_words(f"moves by less than {bound:g}", unit), lambda value, base: abs(value - base) < bound)


def is_about(wanted: float, within: float) -> Expectation:
    """The value itself: a corruption of known size, found again."""
    return Expectation(f"is {wanted:.4f}, within {within:g}", lambda value, _: abs(value - wanted) <= within)


def is_zero(meaning: str, within: float = 1e-9) -> Expectation:
    """Nothing, up to the rounding of sums."""
    return Expectation(f"is 0: {meaning}", lambda value, _: abs(value) <= within)


def is_not_measurable() -> Expectation:
    """No number at all, where a number would be a lie."""
    return Expectation("is not measurable", lambda value, _: math.isnan(value))


def _words(text: str, unit: str) -> str:
    return f"{text} {unit}".rstrip()
