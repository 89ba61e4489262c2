"""Values along trails: their mean, and the stretch with the lowest mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.heat.footprints import Footprints
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import Share, Weigh
from napari_uai.typing import Floats32, Ints


class WorstWindow(NamedTuple):
    """Stretch of each trail with the lowest mean.

    Parameters
    ----------
    mean
        Over the stretch; float32.
    start, stop
        First point of the stretch and the one behind its last; int64.
    """

    mean: Floats32
    start: Ints
    stop: Ints


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
        Of the trails.
    values
        One for each point of their paths; float32.
    weigh
        By the time spent at each point, or by the length of the way.
    monitor
        Told of each block of trails.
    """
    means = np.empty(len(footprints), np.float32)
    weights = footprints.weights(weigh)

    def work(first: int, last: int) -> None:
        _means(footprints.offsets, weights, values, first, last, means)

    in_blocks(work, footprints.offsets, text="means", min_samples=100_000, monitor=monitor)
    return means


def worst_window(
    footprints: Footprints,
    values: Floats32,
    *,
    share: Share = 0.2,
    weigh: Weigh = "time",
    monitor: Monitor = SILENT,
) -> WorstWindow:
    """Find the stretch of each trail over which the mean of a value is lowest.

    Parameters
    ----------
    footprints
        Of the trails.
    values
        One for each point of their paths; float32.
    share
        Length of the stretch as a part of the trail.
    weigh
        Whether that is a part of the trail's time or of its way.
    monitor
        Told of each block of trails.

    Raises
    ------
    BadValueError
        If the share is not above 0 and up to 1.
    """
    if not 0 < share <= 1:
        raise BadValueError(f"share is {share}: choose more than 0, up to 1")
    n = len(footprints)
    found = WorstWindow(np.empty(n, np.float32), np.empty(n, np.int64), np.empty(n, np.int64))
    weights = footprints.weights(weigh)

    def work(first: int, last: int) -> None:
        _windows(footprints.offsets, weights, values, float(share), first, last, *found)

    in_blocks(work, footprints.offsets, text="windows", min_samples=100_000, monitor=monitor)
    return found


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
    """Slide a window along each trail, from one border of a point to the next at either end.

    The mean changes linearly in between, so that the lowest is among these.
    """
    for i in range(first, last):
        own = slice(offsets[i], offsets[i + 1])
        mine, worth = weights[own], values[own]
        n = len(mine)
        whole = 0.0
        for weight in mine:
            whole += weight
        wanted = share * whole
        # The window reaches from within point ``tail`` to within point ``head``.
        tail, head, held, total = 0, 0, 0.0, 0.0
        while head < n - 1 and held + mine[head] < wanted:
            held += mine[head]
            total += mine[head] * worth[head]
            head += 1
        total += (wanted - held) * worth[head]
        left, ahead = float(mine[0]), held + mine[head] - wanted
        best, best_tail, best_head = total, 0, head
        while True:
            if left <= 0.0 and tail < head:
                tail += 1
                left = mine[tail]
            elif ahead <= 0.0 or left <= 0.0:
                head += 1
                if head >= n:
                    break
                ahead = mine[head]
            step = max(min(left, ahead), 0.0)
            total += step * (worth[head] - worth[tail])
            left -= step
            ahead -= step
            if total < best:
                best, best_tail, best_head = total, tail, head
        means[i] = best / wanted
        starts[i], stops[i] = offsets[i] + best_tail, offsets[i] + best_head + 1
