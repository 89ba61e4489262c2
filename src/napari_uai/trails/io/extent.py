"""Extent and unit of positions: pixels, fractions of the picture, or a map in another unit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.io.position_facts import PositionFacts, facts_of, near_extremes
from napari_uai.trails.io.records import DEFAULT_SCENE_SIZE
from napari_uai.typing import Bools, Floats, Ints32

_LARGEST_MAP = 32
_MAP_SIDE = 640
_FEW = 0.02
"""Share of samples that changes neither unit nor extent."""

_ENOUGH = 20
"""Number of samples from which on a single one is few."""

_OFFSET = 2.0
_PERCENT = 100
_LARGEST_SIDE = 100_000


class Extent(NamedTuple):
    """Positions in pixels of a scene.

    Parameters
    ----------
    y, x
        Positions in px.
    size
        Width and height of the scene, in px.
    far
        Samples that are far from all others and do not count for the extent; None if none is.
    notes
        What was assumed.
    """

    y: Floats
    x: Floats
    size: tuple[int, int]
    far: Bools | None
    notes: tuple[str, ...]


def in_scene(
    y: Floats,
    x: Floats,
    owner: Ints32,
    *,
    scene_size: tuple[int, int] | None,
    normalized: bool | None,
    unit: str,
) -> Extent:
    """Return positions in pixels of the scene, and its size.

    A few samples far from all others, or slightly outside, change neither the unit nor the extent.

    Parameters
    ----------
    y, x
        Finite positions, sorted by trail and time.
    owner
        Number of the trail of each sample.
    scene_size
        Width and height of the picture, in px. If None, derived from the positions: positions in
        pixels define the size of the picture by their maxima; other positions (negative,
        fractional and all below 32, or far from 0 compared with their extent) are taken as a map,
        which is shifted and scaled to 640 px.
    normalized
        Whether positions are fractions (0 to 1) of the picture; if None, whether nearly all are
        between 0 and 1.
    unit
        Unit of the positions if it is known: ``px``, ``m``, ``fraction``; else empty.

    Raises
    ------
    BadValueError
        If the positions fit no picture.
    """
    facts = facts_of(y, x)
    fractional = facts.n_fractional > len(x) / 2
    notes: list[str] = []
    if normalized is None and unit == "fraction":
        normalized = True
    if (
        normalized is None
        and fractional
        and unit not in ("px", "m", "deg")
        and facts.n_beyond_1 <= _few(len(x))
    ):
        normalized = True
        which = "almost all" if facts.n_beyond_1 else "all"
        notes.append(f"{which} positions between 0 and 1: interpreted as fractions of the picture")
    if normalized:
        if scene_size is None:
            notes.append(_assumed_size())
        width, height = scene_size or DEFAULT_SCENE_SIZE
        return Extent(y * (height - 1), x * (width - 1), (width, height), None, tuple(notes))
    if scene_size is not None:
        notes += _doubts(facts, scene_size, unit, fractional=fractional)
        if min(scene_size) > _PERCENT:
            notes += _may_be_percent(facts, len(x), unit, fractional=fractional)
        return Extent(y, x, scene_size, None, tuple(notes))
    notes += _may_be_percent(facts, len(x), unit, fractional=fractional)
    far = far_samples(y, x, owner)
    if far is not None:
        facts = facts_of(y[~far], x[~far])
    shown = _as_map(facts, len(x), unit, fractional=fractional)
    if shown is None:
        # The picture begins at 0; what is below is outside.
        top_x, top_y = facts.high_x, facts.high_y
        notes.append("scene_size unknown: derived from the largest positions")
    else:
        shift_x, shift_y, scale, text = shown
        notes.append(text)
        y, x = (y - shift_y) * scale, (x - shift_x) * scale
        top_x, top_y = (facts.high_x - shift_x) * scale, (facts.high_y - shift_y) * scale
    if max(top_x, top_y) > _LARGEST_SIDE:
        raise BadValueError(
            f"positions up to {max(top_x, top_y):.4g}: scene_size (width and height in px) "
            "is required"
        )
    # The last pixel contains the largest position.
    size = (max(math.floor(top_x + 0.5) + 1, 2), max(math.floor(top_y + 0.5) + 1, 2))
    return Extent(y, x, size, far, tuple(notes))


def far_samples(y: Floats, x: Floats, owner: Ints32) -> Bools | None:
    """Return which samples are far from all others, if any: jumps of a tracker.

    A sample is far if it is the only one of its trail outside the extent of nearly all samples by
    more than half of that extent, or if it is outside by more than five times the extent.

    Parameters
    ----------
    y, x
        Positions, sorted by trail and time.
    owner
        Number of the trail of each sample.
    """
    k = _few(len(x))
    if not k:
        return None
    far = np.zeros(len(x), bool)
    for values in (x, y):
        low, high = near_extremes(values, k)
        span = high - low
        reach = max(low - values.min(), values.max() - high)
        if span <= 0 or reach <= span / 2:
            continue
        beyond = np.maximum(low - values, values - high)
        far |= beyond > 5 * span
        jumps = beyond > span / 2
        if jumps.any():
            same = owner[1:] == owner[:-1]
            step = np.where(same, np.hypot(np.diff(x), np.diff(y)), np.inf)
            before, after = np.r_[np.inf, step], np.r_[step, np.inf]
            far |= jumps & (np.minimum(before, after) > span / 2)
    return far if far.any() else None


def _few(n: int) -> int:
    """Return the number of samples that are few among n."""
    return max(int(_FEW * n), 1) if n >= _ENOUGH else 0


def _as_map(
    facts: PositionFacts, n: int, unit: str, *, fractional: bool
) -> tuple[float, float, float, str] | None:
    """Return shift in x and y, scale and a note of positions on a map; None if they are pixels."""
    low_x, high_x, low_y, high_y = facts[:4]
    extent = max(high_x - low_x, high_y - low_y)
    low, high = max(min(low_x, low_y), 0), max(high_x, high_y)
    negative = facts.n_negative > _few(n)
    offset = extent > 0 and (
        low > _OFFSET * extent or (high > _LARGEST_SIDE and max(low_x, low_y) > _OFFSET * extent)
    )
    small = fractional and high < _LARGEST_MAP
    if unit == "px" and not offset and not negative:
        return None
    if not (negative or offset or small or unit in ("m", "deg")):
        return None
    scale = (_MAP_SIDE - 1) / extent if extent > 0 else 1.0
    of = f" but in {unit}" if unit in ("m", "deg") else ""
    text = (
        f"scene_size unknown and positions not in pixels{of}: shifted by x {-low_x:.9g}, "
        f"y {-low_y:.9g} and scaled by {scale:.4g} to {_MAP_SIDE} px"
    )
    return low_x, low_y, scale, text


def _doubts(
    facts: PositionFacts, size: tuple[int, int], unit: str, *, fractional: bool
) -> list[str]:
    """Return why positions may be in another unit than pixels of the scene."""
    width, height = size
    low_x, high_x, low_y, high_y = facts[:4]
    reach = max((high_x - low_x) / width, (high_y - low_y) / height)
    if unit in ("m", "deg"):
        return [f"positions are in {unit}, the scene is in px: leave out scene_size to scale them"]
    if fractional and reach < 0.1 and max(high_x, high_y) < _LARGEST_MAP:
        text = (
            f"positions reach x {high_x:.4g}, y {high_y:.4g} only, in a scene of {width} x "
            f"{height} px: in another unit? leave out scene_size to scale them"
        )
        return [text]
    return []


def _may_be_percent(facts: PositionFacts, n: int, unit: str, *, fractional: bool) -> list[str]:
    """Return a doubt about positions that reach from 0 to 100 in both directions."""
    if unit or not fractional or facts.n_beyond_100 > _few(n):
        return []
    if min(facts.high_x, facts.high_y) < _PERCENT / 2 or n < _ENOUGH:
        return []
    text = (
        "positions between 0 and 100: if they are percent of the picture, say so with "
        "columns='x_percent=NAME,y_percent=NAME'"
    )
    return [text]


def _assumed_size() -> str:
    width, height = DEFAULT_SCENE_SIZE
    return f"scene_size unknown: {width} x {height} px assumed"
