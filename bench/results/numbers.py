"""How many digits a number deserves. One rule for every writer, so that no report claims more than another.

With an interval, the last printed digit is the one that the interval's half-width reaches: two of its significant
digits while it is small in its decade, one above (the Particle Data Group's rule of 3.54). Without, the unit decides.
But differences of generators on the same objects are known better than either value: an interval hides no digit left of
the decimal point and, within two places of what it supports, none of the first three that are not zero.
"""

from __future__ import annotations

import math

MISSING = "n/a"

_UNIT_DECIMALS = {"dB": 2, "px": 2, "%": 1, "deg": 1, "degrees": 1, "°": 1, "images/s": 2, "ms": 1, "sd": 2}
_SIGNIFICANT = 3
_TWO_DIGITS_BELOW = 3.55
_MAX_DECIMALS = 5


def format_value(
    value: float | None, unit: str = "", low: float | None = None, high: float | None = None, *, signed: bool = False
) -> str:
    """`value` with the digits that its interval (or else its unit) supports; 'n/a' for None and NaN.

    Very small and very large numbers come as '1.2e-06'. `signed` prints '+' before positive numbers.
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return _with_decimals(value, _decimals(value, unit, low, high), signed)


def format_interval(value: float | None, unit: str, low: float | None, high: float | None) -> str:
    """'[low, high]' with the digits of the value that it belongs to; '' when there is no finite interval."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    centre = value if value is not None and math.isfinite(value) else (low + high) / 2
    decimals = _decimals(centre, unit, low, high)
    return f"[{_with_decimals(low, decimals, False)}, {_with_decimals(high, decimals, False)}]"


def format_p(p: float | None) -> str:
    """A p-value to three decimals, '< 0.001' below that."""
    if p is None or math.isnan(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_percent(fraction: float | None) -> str:
    """A fraction as a whole percentage, one decimal below 10 %."""
    if fraction is None or math.isnan(fraction):
        return MISSING
    return f"{100 * fraction:.0f} %" if fraction >= 0.1 else f"{100 * fraction:.1f} %"


def _decimals(value: float, unit: str, low: float | None, high: float | None) -> int:
    """Decimal places, negative for rounding to tens and above."""
    default = _default_decimals(value, unit)
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return default
    half_width = (high - low) / 2
    decade = math.floor(math.log10(half_width))
    supported = -decade + (1 if half_width / 10.0**decade < _TWO_DIGITS_BELOW else 0)
    shown = _SIGNIFICANT - 1 - math.floor(math.log10(abs(value))) if value else 0
    # a nearly exact number gains one digit over its unit's habit, not ten
    return min(max(supported, min(shown, supported + 2, _SIGNIFICANT), 0), default + 1)


def _default_decimals(value: float, unit: str) -> int:
    if unit in _UNIT_DECIMALS:
        return _UNIT_DECIMALS[unit]
    if value == 0:
        return _SIGNIFICANT
    return max(_SIGNIFICANT - 1 - math.floor(math.log10(abs(value))), 1 if abs(value) < 1000 else 0)


def _with_decimals(value: float, decimals: int, signed: bool) -> str:
    plus = "+" if signed else ""
    if decimals > _MAX_DECIMALS or abs(value) >= 1e7:
        decade = math.floor(math.log10(abs(value))) if value else 0
        if value and (decimals > _MAX_DECIMALS or decade >= 7):
            return f"{value:{plus}.{min(max(decade + decimals, 0), _SIGNIFICANT - 1)}e}"
        decimals = min(decimals, _MAX_DECIMALS)
    rounded = round(value, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"{rounded:{plus if rounded else ''}.{max(decimals, 0)}f}"
