"""Extent and unit of positions: pixels, fractions of the picture, or a map in another unit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.trails.io.records import DEFAULT_SCENE_SIZE
from napari_uai.typing import Bools, Floats, Ints

_LARGEST_MAP = 32
_MAP_SIDE = 640
_FEW = 0.02
"""Share of samples that changes neither unit nor extent."""

_ENOUGH = 20
"""Number of samples from which on a single one is few."""

_OFFSET = 2.0
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
        Samples that are far from all others and do not count for the extent.
    notes
        What was assumed.
    """

    y: Floats
    x: Floats
    size: tuple[int, int]
    far: Bools
    notes: tuple[str, ...]


def in_scene(
    y: Floats,
    x: Floats,
    owner: Ints,
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
    none = np.zeros(len(x), bool)
    fractional = bool(np.mean((x % 1 != 0) | (y % 1 != 0)) > 0.5)
    outside = (x < 0) | (x > 1) | (y < 0) | (y > 1)
    notes: list[str] = []
    if normalized is None and unit == "fraction":
        normalized = True
    if (
        normalized is None
        and fractional
        and unit not in ("px", "m", "deg")
        and outside.sum() <= _few(len(x))
    ):
        normalized = True
        which = "almost all" if outside.any() else "all"
        notes.append(f"{which} positions between 0 and 1: interpreted as fractions of the picture")
    if normalized:
        if scene_size is None:
            notes.append(_assumed_size())
        width, height = scene_size or DEFAULT_SCENE_SIZE
        return Extent(y * (height - 1), x * (width - 1), (width, height), none, tuple(notes))
    if scene_size is not None:
        notes += _doubts(y, x, scene_size, unit, fractional=fractional)
        return Extent(y, x, scene_size, none, tuple(notes))
    far = far_samples(y, x, owner)
    near_x, near_y = (x[~far], y[~far]) if far.any() else (x, y)
    shown = _as_map(near_y, near_x, unit, fractional=fractional)
    if shown is None:
        # The picture begins at 0; what is below is outside.
        top_x, top_y = near_x.max(), near_y.max()
        notes.append("scene_size unknown: derived from the largest positions")
    else:
        shift_x, shift_y, scale, text = shown
        notes.append(text)
        y, x = (y - shift_y) * scale, (x - shift_x) * scale
        top_x, top_y = x[~far].max(), y[~far].max()
    if max(top_x, top_y) > _LARGEST_SIDE:
        raise BadValueError(
            f"positions up to {max(top_x, top_y):.4g}: scene_size (width and height in px) "
            "is required"
        )
    # The last pixel contains the largest position.
    size = (max(math.floor(top_x + 0.5) + 1, 2), max(math.floor(top_y + 0.5) + 1, 2))
    return Extent(y, x, size, far, tuple(notes))


def far_samples(y: Floats, x: Floats, owner: Ints) -> Bools:
    """Return which samples are far from all others: jumps of a tracker.

    A sample is far if it is the only one of its trail outside the extent of nearly all samples by
    more than half of that extent, or if it is outside by more than five times the extent.

    Parameters
    ----------
    y, x
        Positions, sorted by trail and time.
    owner
        Number of the trail of each sample.
    """
    far = np.zeros(len(x), bool)
    k = _few(len(x))
    if not k:
        return far
    for values in (x, y):
        low, high = np.partition(values, (k, len(values) - 1 - k))[[k, len(values) - 1 - k]]
        span = high - low
        if span <= 0:
            continue
        beyond = np.maximum(low - values, values - high)
        far |= beyond > 5 * span
        jumps = beyond > span / 2
        if jumps.any():
            same = owner[1:] == owner[:-1]
            step = np.where(same, np.hypot(np.diff(x), np.diff(y)), np.inf)
            before, after = np.r_[np.inf, step], np.r_[step, np.inf]
            far |= jumps & (np.minimum(before, after) > span / 2)
    return far


def _few(n: int) -> int:
    """Return the number of samples that are few among n."""
    return max(int(_FEW * n), 1) if n >= _ENOUGH else 0


def _as_map(
    y: Floats, x: Floats, unit: str, *, fractional: bool
) -> tuple[float, float, float, str] | None:
    """Return shift in x and y, scale and a note of positions on a map; None if they are pixels."""
    extent = max(np.ptp(x), np.ptp(y))
    below = (x < -0.5) | (y < -0.5)
    low, high = max(min(x.min(), y.min()), 0), max(x.max(), y.max())
    negative = below.sum() > _few(len(x))
    offset = extent > 0 and (
        low > _OFFSET * extent
        or (high > _LARGEST_SIDE and max(x.min(), y.min()) > _OFFSET * extent)
    )
    small = fractional and high < _LARGEST_MAP
    if unit == "px" and not offset and not negative:
        return None
    if not (negative or offset or small or unit in ("m", "deg")):
        return None
    scale = (_MAP_SIDE - 1) / extent if extent > 0 else 1.0
    of = f" but in {unit}" if unit in ("m", "deg") else ""
    text = (
        f"scene_size unknown and positions not in pixels{of}: shifted by x {-x.min():.4g}, "
        f"y {-y.min():.4g} and scaled by {scale:.4g} to {_MAP_SIDE} px"
    )
    return float(x.min()), float(y.min()), float(scale), text


def _doubts(
    y: Floats, x: Floats, size: tuple[int, int], unit: str, *, fractional: bool
) -> list[str]:
    """Return why positions may be in another unit than pixels of the scene."""
    width, height = size
    reach = max(np.ptp(x) / width, np.ptp(y) / height)
    if unit in ("m", "deg"):
        return [f"positions are in {unit}, the scene is in px: leave out scene_size to scale them"]
    if fractional and reach < 0.1 and max(x.max(), y.max()) < _LARGEST_MAP:
        text = (
            f"positions reach x {x.max():.4g}, y {y.max():.4g} only, in a scene of {width} x "
            f"{height} px: in another unit? leave out scene_size to scale them"
        )
        return [text]
    return []


def _assumed_size() -> str:
    width, height = DEFAULT_SCENE_SIZE
    return f"scene_size unknown: {width} x {height} px assumed"
