"""How long objects stay and how fast they move, against what others do at the same places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt, Unit

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.scores.resampling import Paths, walk, within_reach
from napari_uai.trails.table import Groups, Trails, check_finite, group_codes, offsets_of
from napari_uai.typing import Bools, Floats, Ints

CELL_STEPS = 2.0
"""Side of a place, in steps."""

PRIOR_POINTS = 8.0
"""Points of a place that what is usual in the class is worth."""

LEAST_SPREAD = 0.05
"""Times that differ by less than this part are equal."""


@dataclass(frozen=True, eq=False)
class Pace:
    """Time that each trail took for each step, against what is usual at that place.

    Parameters
    ----------
    paths
        A point at the start of each step.
    times_s
        From each point to the next, and from the last to the end of the trail; s.
    excess
        Logarithm of that time less that of the place's median, over the place's spread above the
        median (84th percentile) if it is longer, or below (16th) if it is shorter.
    whole
        Steps that were walked to their end: all but the last of each trail.
    """

    paths: Paths
    times_s: Floats
    excess: Floats
    whole: Bools


def measure_pace(
    trails: Trails,
    *,
    step_px: Annotated[float, Gt(0), Unit("px")] | None = None,
    groups: Groups | None = None,
    monitor: Monitor = SILENT,
) -> Pace:
    """Compare the time of each step with what the class usually takes at that place.

    Parameters
    ----------
    trails
        Trails of one scene, with times.
    step_px
        Length of a step; a fortieth of the scene's diagonal if None. Positions must be known much
        better than this, and what an object does within a step is not looked at.
    groups
        What each trail is compared among; its class by default.

    Returns
    -------
    Pace
        A place is a square of two steps; where few pass it borrows from the class as a whole.

    Raises
    ------
    BadValueError
        If the step is not a positive number, or a time is not finite.
    """
    diagonal = float(np.hypot(trails.scene.width, trails.scene.height))
    step = diagonal / 40 if step_px is None else step_px
    check_finite(time=trails.time)
    paths = walk(within_reach(trails), step_px=step, monitor=monitor)
    times, whole = _times(trails, paths)
    if groups is None:
        groups = trails.table["class"].to_numpy()
    codes = group_codes(groups)
    side = CELL_STEPS * step
    row, column = (np.floor(place / side).astype(np.int64) for place in (paths.y, paths.x))
    codes = codes[paths.owner]
    place = _numbered(codes, row, column)
    # Equal to the microsecond is equal; a tracker may repeat a time.
    logs = np.log(np.maximum(times, 1e-6))
    excess = _excess(logs, codes, place, whole)
    return Pace(paths, times, excess, whole)


def dwell_scores(pace: Pace) -> Floats:
    """Return how much longer than usual each trail stayed where it stayed longest.

    Good at loitering and at objects that stop where nobody does. Bad at places where some
    always wait: a usual stop is compared with those who had none. A wait that is split over
    neighbouring places counts by its longest part.

    Parameters
    ----------
    pace
        Of the trails.

    Returns
    -------
    ndarray
        Largest excess of a step of each trail, not below 0; in units of the usual spread. The
        time that a trail spends after its last step counts if it is longer than usual.
    """
    return np.asarray(np.maximum(np.maximum.reduceat(pace.excess, pace.paths.offsets[:-1]), 0.0))


def speed_scores(pace: Pace) -> Floats:
    """Return how much slower or faster than usual each trail moved, on the whole.

    Good at racers and crawlers. Bad at objects that change their speed within a trail, and
    where traffic is free to go at any speed.

    Parameters
    ----------
    pace
        Of the trails.

    Returns
    -------
    ndarray
        Size of the median excess of the steps of each trail, in units of the usual spread;
        0 for a trail that made no step.
    """
    n = len(pace.paths.offsets) - 1
    owner = pace.paths.owner[pace.whole]
    middle, _ = _quantiles(pace.excess[pace.whole], owner, n)
    return np.asarray(np.abs(np.nan_to_num(middle[1])))


def _times(trails: Trails, paths: Paths) -> tuple[Floats, Bools]:
    """Return the time of each step, and whether it was walked to its end."""
    before = np.floor(paths.sample).astype(np.int64)
    behind = np.minimum(before + 1, len(trails.time) - 1)
    part = paths.sample - before
    gap = np.where(part > 0, trails.time[behind] - trails.time[before], 0.0)
    at = trails.time[before] + part * gap
    last = paths.offsets[1:] - 1
    following = np.empty_like(at)
    following[:-1] = at[1:]
    following[last] = trails.time[trails.offsets[1:] - 1]
    whole = np.ones(len(at), bool)
    whole[last] = False
    return following - at, whole


def _numbered(codes: Ints, row: Ints, column: Ints) -> Ints:
    """Give a number to each square of each group that is in use."""
    if not len(row):
        return row
    n_rows, n_columns = np.ptp(row) + 1, np.ptp(column) + 1
    key = (codes * n_rows + row - row.min()) * n_columns + column - column.min()
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def _excess(logs: Floats, codes: Ints, places: Ints, whole: Bools) -> Floats:
    n_groups = int(codes.max(initial=-1)) + 1
    usual, _ = _quantiles(logs[whole], codes[whole], n_groups)
    # A class of which nobody made a step has no usual time.
    usual = np.where(np.isnan(usual), 0.0, usual)
    n_places = int(places.max(initial=-1)) + 1
    group_of = np.zeros(n_places, np.int64)
    group_of[places] = codes
    local, counts = _quantiles(logs[whole], places[whole], n_places)
    trust = counts / (counts + PRIOR_POINTS)
    middle = trust * np.nan_to_num(local[1]) + (1 - trust) * usual[1][group_of]
    spreads = []
    for low, high in ((1, 2), (0, 1)):
        here = np.nan_to_num(local[high] - local[low])
        there = (usual[high] - usual[low])[group_of]
        spreads.append(np.maximum(trust * here + (1 - trust) * there, LEAST_SPREAD))
    over = logs - middle[places]
    excess = over / np.where(over > 0, spreads[0][places], spreads[1][places])
    # What is left of a trail at its end is shorter than a step, and then says nothing.
    return np.asarray(np.where(whole, excess, np.maximum(excess, 0.0)))


def _quantiles(values: Floats, groups: Ints, n_groups: int) -> tuple[Floats, Floats]:
    """Return the 16th, 50th and 84th percentile of each group (NaN if empty), and its size."""
    counts = np.bincount(groups, minlength=n_groups)
    starts = offsets_of(counts)
    quantiles = np.full((3, n_groups), np.nan)
    _sorted_quantiles(values, groups, starts, np.array([0.16, 0.5, 0.84]), quantiles)
    return quantiles, counts.astype(np.float64)


@kernel
def _sorted_quantiles(
    values: Floats, groups: Ints, starts: Ints, shares: Floats, quantiles: Floats
) -> None:
    ordered, place = np.empty_like(values), starts[:-1].copy()
    for i in range(len(values)):
        ordered[place[groups[i]]] = values[i]
        place[groups[i]] += 1
    for group in range(len(starts) - 1):
        mine = ordered[starts[group] : starts[group + 1]]
        mine.sort()
        for k in range(len(shares) if len(mine) else 0):
            at = shares[k] * (len(mine) - 1)
            low = int(at)
            high = min(low + 1, len(mine) - 1)
            quantiles[k, group] = mine[low] + (at - low) * (mine[high] - mine[low])
