"""Facts about millions of positions, each gathered in one compiled pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.typing import Bools, Floats, Ints

_BINS = 8192


class PositionFacts(NamedTuple):
    """Facts about finite positions.

    Parameters
    ----------
    low_x, high_x, low_y, high_y
        Extent.
    n_fractional
        Number of positions that are not whole in both coordinates.
    n_beyond_1, n_beyond_100
        Number of positions outside 0 to 1, and outside 0 to 100.
    n_negative
        Number of positions below -0.5.
    """

    low_x: float
    high_x: float
    low_y: float
    high_y: float
    n_fractional: int
    n_beyond_1: int
    n_beyond_100: int
    n_negative: int


def facts_of(y: Floats, x: Floats) -> PositionFacts:
    """Return facts about positions.

    Examples
    --------
    >>> facts = facts_of(np.array([0.5, 2.0]), np.array([0.25, -3.0]))
    >>> facts.high_y, facts.n_fractional, facts.n_beyond_1, facts.n_negative
    (2.0, 1, 1, 1)
    """
    extent = (float(x.min()), float(x.max()), float(y.min()), float(y.max()))
    return PositionFacts(*extent, *(int(n) for n in _counts(y, x)))


def near_extremes(values: Floats, k: int) -> tuple[float, float]:
    """Return the values that k others are below, and k others above.

    Examples
    --------
    >>> near_extremes(np.array([3.0, 9.0, 1.0, 5.0]), 1)
    (3.0, 5.0)
    """
    low, high = float(values.min()), float(values.max())
    if not 0 < high - low < np.inf:
        return low, high
    places, counts = _histogram(values, low, _BINS / (high - low))
    below = np.cumsum(counts)
    ends = []
    for rank in (k, len(values) - 1 - k):
        place = int(np.searchsorted(below, rank, side="right"))
        members = values[places == place]
        within = rank - int(below[place] - counts[place])
        ends.append(float(np.partition(members, within)[within]))
    return ends[0], ends[1]


def inside(y: Floats, x: Floats, width: float, height: float) -> Bools:
    """Return which positions are in a picture, whose first pixel is centred at 0."""
    return _inside(y, x, width - 0.5, height - 0.5)


@kernel
def _counts(y: Floats, x: Floats) -> tuple[int, int, int, int]:
    fractional, beyond_1, beyond_100, negative = 0, 0, 0, 0
    for i in range(len(x)):
        u, v = x[i], y[i]
        fractional += (u != np.rint(u)) | (v != np.rint(v))
        beyond_1 += (u < 0) | (u > 1) | (v < 0) | (v > 1)
        beyond_100 += (u < 0) | (u > 100) | (v < 0) | (v > 100)
        negative += (u < -0.5) | (v < -0.5)
    return fractional, beyond_1, beyond_100, negative


@kernel
def _histogram(values: Floats, low: float, per_unit: float) -> tuple[npt.NDArray[np.int16], Ints]:
    """Return the bin of each value, and the number of values in each bin."""
    places = np.empty(len(values), np.int16)
    counts = np.zeros(_BINS, np.int64)
    for i in range(len(values)):
        place = min(int((values[i] - low) * per_unit), _BINS - 1)
        places[i] = place
        counts[place] += 1
    return places, counts


@kernel
def _inside(y: Floats, x: Floats, right: float, bottom: float) -> Bools:
    within = np.empty(len(x), np.bool_)
    for i in range(len(x)):
        u, v = x[i], y[i]
        within[i] = (u >= -0.5) & (v >= -0.5) & (u < right) & (v < bottom)
    return within
