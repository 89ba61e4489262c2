"""Numbers as reports print them: with errors, in powers of ten, with no more digits than known."""

from __future__ import annotations

import math
from collections.abc import Iterable

NOTHING = "–"
"""Printed where there is no number."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_DIGITS = 15
"""That a double-precision number holds."""


def with_error(value: float, error: float, *, power: int = 0) -> str:
    """Return a value and its standard error, whose first two digits decide how many are printed.

    Parameters
    ----------
    value, error
        In the same unit; without an error, four significant digits are printed.
    power
        Power of ten in the heading of the column, by which both are divided.

    Examples
    --------
    >>> with_error(0.00251520, 0.000134239, power=-3)
    '2.52 ± 0.13'
    """
    value, error = value / 10.0**power, error / 10.0**power
    if not math.isfinite(value):
        return NOTHING
    if not (math.isfinite(error) and error > 0) or exponent_of(value) >= _MOST_DIGITS - 2:
        return number(value)
    most = _MOST_DIGITS + max(-exponent_of(value), 0)
    decimals = min(max(1 - exponent_of(error), 0), most)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")


def number(value: float, digits: int = 4) -> str:
    """Return a number with at most so many significant digits.

    Examples
    --------
    >>> number(1200.0), number(0.0437), number(5.34e-11), number(-0.5)
    ('1200', '0.0437', '5.34 × 10⁻¹¹', '−0.5')
    """
    if not math.isfinite(value):
        return NOTHING
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value)}".replace("-", "−")
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    if -4 < int(power) < digits + 2:
        text = f"{value:.{max(digits - 1 - int(power), 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa} × {power_of_ten(int(power))}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def fixed(value: float, decimals: int) -> str:
    """Return a number with so many decimals, as in a column of scores.

    Examples
    --------
    >>> fixed(0.5, 2), fixed(float("nan"), 2)
    ('0.50', '–')
    """
    return f"{value:.{decimals}f}".replace("-", "−") if math.isfinite(value) else NOTHING


def power_of_ten(power: int) -> str:
    """Return a power of ten in print.

    Examples
    --------
    >>> power_of_ten(-3)
    '10⁻³'
    """
    return f"10{str(power).translate(_SUPERSCRIPTS)}"


def common_power(values: Iterable[float]) -> int:
    """Return the power of ten of the largest value, 0 if there is none or it is near 1.

    Examples
    --------
    >>> common_power([0.0025, -0.0004]), common_power([3.2, 40])
    (-3, 0)
    """
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    power = exponent_of(largest) if largest else 0
    return power if power < -1 or power > 5 else 0


def exponent_of(value: float) -> int:
    """Return the power of ten of the first digit."""
    return int(f"{value:e}".partition("e")[2]) if value else 0
