"""Values along trails: their mean, and the stretch with the lowest mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.heat.footprints import Footprints
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Fraction, Weigh
from napari_uai.typing import Floats32, Ints


class WorstWindow(NamedTuple):
    """Stretch of each trail with the lowest mean.

    Parameters
    ----------
    mean
        Mean over the stretch; float32.
    start, stop
        First point of the stretch, and the point after its last; int64.
    """

    mean: Floats32
    start: Ints
    stop: Ints


@checked
def mean_over_trails(
    footprints: Footprints,
    values: Floats32,
    *,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> Floats32:
    """Return the mean of a value along each trail.

    Parameters
    ----------
    footprints
        Footprints of the trails.
    values
        One value per point of the footprints; float32.
    weigh
        Weight of a point: ``time`` spent there, or distance covered there (``arc``).
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        One mean per trail; float32.

    Raises
    ------
    BadValueError
        If ``weigh`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import mean_over_trails, measure_heat, paint_footprints
    >>> from napari_uai.trails import trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a", "a", "b", "b", "c", "c"], "frame": [0, 1] * 3,
    ...                         "x": [0, 63] * 3, "y": [10, 10, 10, 10, 0, 47]})
    >>> footprints = paint_footprints(trails_of_frame(samples, scene_size=(64, 48)))
    >>> heat = measure_heat(footprints, blur_px=1)
    >>> means = mean_over_trails(footprints, heat.at_points)
    >>> bool(means[0] == means[1] > means[2])  # c has no companion
    True
    """
    means = np.empty(len(footprints), np.float32)
    weights = footprints.weights(weigh)

    def work(first: int, last: int) -> None:
        _means(footprints.offsets, weights, values, first, last, means)

    in_blocks(work, footprints.offsets, text="means", min_samples=100_000, monitor=monitor)
    return means


@checked
def worst_window(
    footprints: Footprints,
    values: Floats32,
    *,
    share: Fraction = 0.2,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> WorstWindow:
    """Find the stretch of each trail over which the mean of a value is lowest.

    Parameters
    ----------
    footprints
        Footprints of the trails.
    values
        One value per point of the footprints; float32.
    share
        Length of the stretch, as a fraction of the trail.
    weigh
        Whether this is a fraction of the trail's ``time`` or of its length (``arc``).
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    WorstWindow
        Mean and points of one stretch per trail.

    Raises
    ------
    BadValueError
        If ``share`` is not in (0, 1], or ``weigh`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import paint_footprints, trails_of_frame, worst_window
    >>> samples = pd.DataFrame({"trail": ["a", "a"], "frame": [0, 1], "x": [0, 63], "y": [9, 9]})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> footprints = paint_footprints(trails, longest_side_px=64)
    >>> values = np.ones(64, np.float32)
    >>> values[20:40] = 0.0  # cells where nobody else passes
    >>> worst_window(footprints, values, share=0.25).mean
    array([0.], dtype=float32)
    >>> worst_window(footprints, values, share=0.5).mean  # 20 of 32 cells
    array([0.375], dtype=float32)
    """
    n = len(footprints)
    windows = WorstWindow(np.empty(n, np.float32), np.empty(n, np.int64), np.empty(n, np.int64))
    weights = footprints.weights(weigh)

    def work(first: int, last: int) -> None:
        _windows(footprints.offsets, weights, values, float(share), first, last, *windows)

    in_blocks(work, footprints.offsets, text="windows", min_samples=100_000, monitor=monitor)
    return windows


@kernel
def _means(
    offsets: Ints, weights: Floats32, values: Floats32, first: int, last: int, means: Floats32
) -> None:
    for i in range(first, last):
        total, weight = 0.0, 0.0
        for p in range(offsets[i], offsets[i + 1]):
            total += weights[p] * values[p]
            weight += weights[p]
        means[i] = total / weight


@kernel
def _windows(
    offsets: Ints,
    weights: Floats32,
    values: Floats32,
    share: float,
    first: int,
    last: int,
    means: Floats32,
    starts: Ints,
    stops: Ints,
) -> None:
    """Slide a window along each trail, stopping wherever either end meets the border of a point.

    The mean is linear in between, so that the lowest mean is at one of these stops.
    """
    for i in range(first, last):
        own = slice(offsets[i], offsets[i + 1])
        shares, worth = weights[own], values[own]
        n = len(shares)
        whole = 0.0
        for weight in shares:
            whole += weight
        wanted = share * whole
        # The window extends from within point ``tail`` to within point ``head``.
        tail, head, held, total = 0, 0, 0.0, 0.0
        while head < n - 1 and held + shares[head] < wanted:
            held += shares[head]
            total += shares[head] * worth[head]
            head += 1
        total += (wanted - held) * worth[head]
        left, ahead = float(shares[0]), held + shares[head] - wanted
        best, best_tail, best_head = total, 0, head
        while True:
            if left <= 0.0 and tail < head:
                tail += 1
                left = shares[tail]
            elif ahead <= 0.0 or left <= 0.0:
                head += 1
                if head >= n:
                    break
                ahead = shares[head]
            step = max(min(left, ahead), 0.0)
            total += step * (worth[head] - worth[tail])
            left -= step
            ahead -= step
            if total < best:
                best, best_tail, best_head = total, tail, head
        means[i] = best / wanted
        starts[i], stops[i] = offsets[i] + best_tail, offsets[i] + best_head + 1
