"""Peak signal-to-noise ratio, with an end: pictures of 8 bits cannot agree better than their own rounding."""

from __future__ import annotations

import math

# Rounding to 256 levels moves a value by a uniform error of variance (1/255)^2 / 12. Agreement beyond that is luck, and
# an exact match would be infinite and spoil every mean that it enters.
ROUNDING_ERROR = (1.0 / 255.0) ** 2 / 12.0
HIGHEST = -10.0 * math.log10(ROUNDING_ERROR)  # 58.92 dB


def psnr(mean_squared_error: float) -> float:
    """PSNR in dB of values in [0, 1], at most `HIGHEST`. NaN stays NaN.

    >>> round(psnr(0.01), 2), round(psnr(0.0), 2)
    (20.0, 58.92)
    """
    # this order of arguments lets NaN through
    return -10.0 * math.log10(max(mean_squared_error, ROUNDING_ERROR))
