"""How long objects stay and how fast they move, compared with others at the same places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.parameters import StepLength
from napari_uai.trails.scores.resampling import Paths, walk, within_reach
from napari_uai.trails.table import Groups, Trails, check_finite, group_codes, offsets_of
from napari_uai.typing import Bools, Floats, Ints

CELL_STEPS = 2.0
"""Side of a place, in steps."""

PRIOR_POINTS = 8.0
"""Weight of the class as a whole, in points of a place."""

LEAST_SPREAD = 0.05
"""Smallest spread of the logarithm of times."""


@dataclass(frozen=True, eq=False)
class Pace:
    """Time of each step of each trail, compared with what is usual at that place.

    Parameters
    ----------
    paths
        Points at the starts of the steps.
    times_s
        Time from each point to the next, or from the last point to the end of the trail, in s;
        float64.
    excess
        Logarithm of this time relative to the median of the place, divided by the spread of the
        place: that above the median (to the 84th percentile) for longer times, that below (to the
        16th) for shorter ones; float64.
    whole
        Whether a step is complete: all but the last of each trail; bool.
    """

    paths: Paths
    times_s: Floats
    excess: Floats
    whole: Bools


@checked
def measure_pace(
    trails: Trails,
    *,
    step_px: StepLength | None = None,
    groups: Groups | None = None,
    monitor: Monitor = SILENT,
) -> Pace:
    """Compare the time of each step with the usual time of the class at that place.

    Parameters
    ----------
    trails
        Trails of one scene, with times.
    step_px
        Length of a step; 1/40 of the scene's diagonal if None. Positions must be much more precise
        than this; motion within a step is ignored.
    groups
        Group that each trail is compared with; its class if None.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    Pace
        Places are squares with a side of two steps; where few trails pass, the usual time is
        shrunk towards that of the class as a whole.

    Raises
    ------
    BadValueError
        If the step is not positive, or a position or time is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import measure_pace, trails_of_frame
    >>> time = np.tile(np.arange(10.0), 5)
    >>> time[45:] += 60  # the last trail stops for a minute
    >>> samples = pd.DataFrame({"trail": np.repeat(range(5), 10), "time": time,
    ...                         "x": np.tile(np.arange(0, 60, 6), 5), "y": [20] * 50})
    >>> pace = measure_pace(trails_of_frame(samples, scene_size=(64, 48)))
    >>> int(pace.paths.owner[pace.excess.argmax()])
    4
    """
    if groups is None:
        groups = trails.table["class"].to_numpy()
    return measure_and_learn_pace(trails, group_codes(groups), step_px=step_px, monitor=monitor)[0]


def measure_and_learn_pace(
    trails: Trails,
    codes: Ints,
    *,
    step_px: StepLength | None = None,
    monitor: Monitor = SILENT,
) -> tuple[Pace, UsualPace]:
    """Return the pace of trails, as :func:`measure_pace`, and what it is compared with.

    ``codes`` is the number of the group of each trail.
    """
    diagonal = float(np.hypot(trails.scene.width, trails.scene.height))
    step = diagonal / 40 if step_px is None else step_px
    paths, times, whole, logs = _steps(trails, step, monitor)
    keys = _keys(codes[paths.owner], paths, CELL_STEPS * step)
    usual = _learn(logs, codes[paths.owner], keys, whole, step)
    return Pace(paths, times, usual.excess(logs, keys, codes[paths.owner], whole), whole), usual


def pace_against(
    usual: UsualPace, trails: Trails, codes: Ints, *, monitor: Monitor = SILENT
) -> Pace:
    """Compare the pace of new trails with what was usual among others."""
    paths, times, whole, logs = _steps(trails, usual.step_px, monitor)
    owner = codes[paths.owner]
    keys = _keys(owner, paths, CELL_STEPS * usual.step_px)
    return Pace(paths, times, usual.excess(logs, keys, owner, whole), whole)


@dataclass(frozen=True, eq=False)
class UsualPace:
    """Usual times of a step, by place; the last rows are for places where nobody was, by group.

    Parameters
    ----------
    step_px
        Length of a step.
    keys
        Number of each place, ascending; int64.
    middle
        Median logarithm of the time of a step, of each place and then of each group; float64.
    above, below
        Spread of longer and of shorter times, likewise; float64.
    """

    step_px: float
    keys: Ints
    middle: Floats
    above: Floats
    below: Floats

    def excess(self, logs: Floats, keys: Ints, codes: Ints, whole: Bools) -> Floats:
        """Return how far the times of steps are from the usual ones, in spreads."""
        place = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        known = self.keys[place] == keys if len(self.keys) else np.zeros(len(keys), bool)
        place = np.where(known, place, len(self.keys) + codes)
        over = logs - self.middle[place]
        excess = over / np.where(over > 0, self.above[place], self.below[place])
        # The remainder at the end of a trail, shorter than a step, only counts if it takes long.
        return np.asarray(np.where(whole, excess, np.maximum(excess, 0.0)))


def dwell_scores(pace: Pace) -> Floats:
    """Return how much longer than usual each trail stayed, where it stayed longest.

    Strengths: loitering, and stops where nobody stops. Weaknesses: places where some always wait,
    since an ordinary stop is compared with passages without one. A wait that is split between
    neighbouring places counts by its longest part.

    Parameters
    ----------
    pace
        Pace of the trails.

    Returns
    -------
    numpy.ndarray
        Largest excess of any step of each trail, at least 0, in units of the usual spread;
        float64. Time after the last complete step counts if it is longer than usual.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import dwell_scores, measure_pace, trails_of_frame
    >>> time = np.tile(np.arange(10.0), 5)
    >>> time[45:] += 60  # the last trail stops for a minute
    >>> samples = pd.DataFrame({"trail": np.repeat(range(5), 10), "time": time,
    ...                         "x": np.tile(np.arange(0, 60, 6), 5), "y": [20] * 50})
    >>> scores = dwell_scores(measure_pace(trails_of_frame(samples, scene_size=(64, 48))))
    >>> int(scores.argmax())
    4
    """
    return np.asarray(np.maximum(np.maximum.reduceat(pace.excess, pace.paths.offsets[:-1]), 0.0))


def speed_scores(pace: Pace) -> Floats:
    """Return how much slower or faster than usual each trail moved as a whole.

    Strengths: objects that are persistently fast or slow. Weaknesses: changes of speed within a
    trail, and places where all speeds are usual.

    Parameters
    ----------
    pace
        Pace of the trails.

    Returns
    -------
    numpy.ndarray
        Absolute median excess of the steps of each trail, in units of the usual spread; float64.
        0 for a trail without a complete step.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import measure_pace, speed_scores, trails_of_frame
    >>> interval_s = np.repeat([*np.linspace(0.9, 1.1, 20), 0.3], 10)  # the last is fast
    >>> samples = pd.DataFrame({"trail": np.repeat(range(21), 10), "y": [20] * 210,
    ...                         "time": np.tile(np.arange(10), 21) * interval_s,
    ...                         "x": np.tile(np.arange(0, 60, 6), 21)})
    >>> pace = measure_pace(trails_of_frame(samples, scene_size=(64, 48)))
    >>> int(speed_scores(pace).argmax())
    20
    """
    n = len(pace.paths.offsets) - 1
    owner = pace.paths.owner[pace.whole]
    middle, _ = _quantiles(pace.excess[pace.whole], owner, n)
    return np.asarray(np.abs(np.nan_to_num(middle[1])))


def _times(trails: Trails, paths: Paths) -> tuple[Floats, Bools]:
    """Return the time of each step, and whether the step is complete."""
    before = np.floor(paths.sample).astype(np.int64)
    after = np.minimum(before + 1, len(trails.time) - 1)
    part = paths.sample - before
    gap = np.where(part > 0, trails.time[after] - trails.time[before], 0.0)
    at = trails.time[before] + part * gap
    last = paths.offsets[1:] - 1
    following = np.empty_like(at)
    following[:-1] = at[1:]
    following[last] = trails.time[trails.offsets[1:] - 1]
    whole = np.ones(len(at), bool)
    whole[last] = False
    return following - at, whole


def _steps(trails: Trails, step_px: float, monitor: Monitor) -> tuple[Paths, Floats, Bools, Floats]:
    """Return starts of steps, their times, whether they are complete, and logarithms of times."""
    check_finite(time=trails.time)
    paths = walk(within_reach(trails), step_px=step_px, monitor=monitor)
    times, whole = _times(trails, paths)
    # Trackers may repeat a time; differences below a microsecond are ignored.
    return paths, times, whole, np.log(np.maximum(times, 1e-6))


def _keys(codes: Ints, paths: Paths, side_px: float) -> Ints:
    """Return the number of the square of each point, different in each group."""
    row, column = (np.floor(place / side_px).astype(np.int64) for place in (paths.y, paths.x))
    half = np.int64(1 << 19)
    return np.asarray((codes << 40) + ((row + half) << 20) + column + half)


def _learn(logs: Floats, codes: Ints, keys: Ints, whole: Bools, step_px: float) -> UsualPace:
    n_groups = int(codes.max(initial=-1)) + 1
    usual, _ = _quantiles(logs[whole], codes[whole], n_groups)
    # A class without any complete step has no usual time.
    usual = np.where(np.isnan(usual), 0.0, usual)
    numbers, places = np.unique(keys, return_inverse=True)
    group_of = numbers >> 40
    local, counts = _quantiles(logs[whole], places[whole].astype(np.int64), len(numbers))
    trust = counts / (counts + PRIOR_POINTS)
    middle = trust * np.nan_to_num(local[1]) + (1 - trust) * usual[1][group_of]
    spreads = []
    for low, high in ((1, 2), (0, 1)):
        at_place = np.nan_to_num(local[high] - local[low])
        of_class = usual[high] - usual[low]
        at_places = np.maximum(trust * at_place + (1 - trust) * of_class[group_of], LEAST_SPREAD)
        spreads.append(np.concatenate([at_places, np.maximum(of_class, LEAST_SPREAD)]))
    return UsualPace(step_px, numbers, np.concatenate([middle, usual[1]]), spreads[0], spreads[1])


def _quantiles(values: Floats, groups: Ints, n_groups: int) -> tuple[Floats, Floats]:
    """Return the 16th, 50th and 84th percentiles of each group (NaN if empty), and its size."""
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
        members = ordered[starts[group] : starts[group + 1]]
        members.sort()
        for k in range(len(shares) if len(members) else 0):
            at = shares[k] * (len(members) - 1)
            low = int(at)
            high = min(low + 1, len(members) - 1)
            quantiles[k, group] = members[low] + (at - low) * (members[high] - members[low])
