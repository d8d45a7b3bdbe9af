"""Printed digits against what intervals support."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.results.numbers import format_interval, format_p, format_percent, format_value


@pytest.mark.parametrize(
    ("value", "unit", "low", "high", "printed"),
    [
        (24.5312, "dB", None, None, "24.53"),
        (24.5312, "dB", 24.1, 24.9, "24.5"),  # ± 0.4: the first decimal
        (24.5312, "dB", 24.41, 24.65, "24.53"),  # ± 0.12: two digits while the width is small in its decade
        (0.0123456, "", 0.0101, 0.0149, "0.0123"),
        (186.234, "", 174.0, 198.0, "186"),
        (1234.4, "", 1000.0, 1460.0, "1234"),  # nothing left of the point is hidden
        (653.2, "", 300.0, 1000.0, "653"),
        (648.1, "", 300.0, 1000.0, "648"),
        (0.0653, "", -0.5, 0.6, "0.065"),
        (1.4, "px", 1.4, 1.4, "1.40"),  # an interval without width says nothing
        (0.8123, "", 0.81229999, 0.81230001, "0.8123"),  # one digit over the habit, not seven
        (-0.00001, "", -0.003, 0.003, "0.0000"),  # no minus sign before zero
        (0.00000123, "", None, None, "1.23e-06"),
        (3.2e12, "", None, None, "3.20e+12"),
        (0.0, "", None, None, "0.000"),
        (None, "dB", None, None, "n/a"),
        (math.nan, "dB", 1.0, 2.0, "n/a"),
        (math.inf, "dB", None, None, "inf"),
        (5.0, "", math.nan, math.nan, "5.00"),
    ],
)
def test_value(value: float | None, unit: str, low: float | None, high: float | None, printed: str) -> None:
    assert format_value(value, unit, low, high) == printed


def test_interval_has_the_digits_of_its_value() -> None:
    assert format_interval(24.5312, "dB", 24.1, 24.9) == "[24.1, 24.9]"
    assert format_interval(None, "dB", 24.1, 24.9) == "[24.1, 24.9]"
    assert format_interval(24.5, "dB", None, 24.9) == ""
    assert format_interval(24.5, "dB", math.nan, 24.9) == ""


def test_sign_on_request() -> None:
    assert format_value(0.5, "dB", signed=True) == "+0.50"
    assert format_value(-0.5, "dB", signed=True) == "-0.50"
    assert format_value(0.0, "dB", signed=True) == "0.00"


def test_p_and_percent() -> None:
    assert format_p(0.0004) == "< 0.001"
    assert format_p(0.0496) == "0.050"
    assert format_p(None) == "n/a"
    assert format_percent(0.343) == "34 %"
    assert format_percent(0.041) == "4.1 %"


@given(
    value=st.floats(-1e5, 1e5),
    half_width=st.floats(1e-3, 1e3),
    unit=st.sampled_from(["", "dB", "px", "%", "images/s"]),
)
def test_last_digit_is_never_finer_than_the_interval_supports(value: float, half_width: float, unit: str) -> None:
    printed = format_value(value, unit, value - half_width, value + half_width)
    if "e" in printed:
        return
    assert abs(float(printed) - value) <= max(half_width, 10.0 ** -(len(printed.partition(".")[2])))
    decimals = len(printed.partition(".")[2])
    if decimals:
        assert 10.0**-decimals >= half_width / 3600  # at most two digits of a half-width, and two more for differences


@given(st.floats(100, 1e6), st.floats(1e-3, 1e6), st.integers(1, 500))
def test_no_interval_hides_a_difference_of_whole_numbers(value: float, half_width: float, gap: int) -> None:
    printed = [format_value(v, "", v - half_width, v + half_width) for v in (value, value + gap)]
    assert printed[0] != printed[1]
