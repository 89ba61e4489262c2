"""Pixel size and frame rate as files state them, in µm and Hz."""

from __future__ import annotations

import math
from typing import Any

_UM = {
    "angstrom": 1e-4,
    "å": 1e-4,
    "pm": 1e-6,
    "picometer": 1e-6,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometers": 1.0,
    "nanometers": 1e-3,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "meter": 1e6,
}
_SECONDS = {
    "ns": 1e-9,
    "nanosecond": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "microsecond": 1e-6,
    "ms": 1e-3,
    "millisecond": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "msec": 1e-3,
    "usec": 1e-6,
    "h": 3600.0,
    "hour": 3600.0,
    "min": 60.0,
    "minute": 60.0,
}


def positive(value: Any) -> float | None:
    """Return a value as a positive finite float, or None if it is not one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def micrometres(value: Any, unit: Any) -> float | None:
    """Return a length in µm; None if the value or its unit is not known."""
    return _in_units(value, _UM.get(_plain(unit)))


def hertz(interval: Any, unit: Any = "s") -> float | None:
    """Return the frame rate of an interval between frames; None if it is not known."""
    seconds = _in_units(interval, _SECONDS.get(_plain(unit)))
    return 1 / seconds if seconds else None


def _in_units(value: Any, factor: float | None) -> float | None:
    number = positive(value)
    return number * factor if number and factor else None


def _plain(unit: Any) -> str:
    return str(unit).strip().replace("\\u00B5", "µ").lower().replace("metre", "meter")
