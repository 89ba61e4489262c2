"""Stretches of a recording that a timeline shades; uses no Qt."""

from __future__ import annotations

from typing import NamedTuple


class TimeSpan(NamedTuple):
    """Frames of the file, first and last included, and what is the matter with them."""

    first: float
    last: float
    text: str
