"""Resampling: trails at equal distances along their paths, independent of the frame rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.parameters import PathPoints, StepLength
from napari_uai.trails.table import Trails, check_finite, offsets_of
from napari_uai.typing import Floats, Floats32, Ints


@dataclass(frozen=True, eq=False)
class Paths:
    """Points along each trail: those of trail ``i`` are ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Parameters
    ----------
    offsets
        Index of the first point of each trail, followed by the total number of points; int64.
    y, x
        Position of each point in px of the scene; float32.
    sample
        Fractional index of each point among all samples: 12.5 is midway between samples 12 and
        13; float64.
    """

    offsets: Ints
    y: Floats32
    x: Floats32
    sample: Floats

    @property
    def owner(self) -> Ints:
        """Index of the trail that each point belongs to; int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@checked
def resample_along_arc(
    trails: Trails, *, n_points: PathPoints = 32, monitor: Monitor = SILENT
) -> Floats32:
    """Return the same number of points along each trail, at equal distances.

    Parameters
    ----------
    trails
        Trails of one scene.
    n_points
        Number of points per trail, including its first and last sample.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    numpy.ndarray
        Positions in px: trails, points, (y, x); float32. For a trail that never moves, its
        position ``n_points`` times.

    Raises
    ------
    BadValueError
        If ``n_points`` is less than 2, or a position is not finite.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import resample_along_arc, trails_of_frame
    >>> samples = pd.DataFrame({"trail": ["a"] * 3, "x": [0, 10, 40], "y": [20] * 3})
    >>> trails = trails_of_frame(samples, scene_size=(64, 48))
    >>> resample_along_arc(trails, n_points=5)[0, :, 1]
    array([ 0., 10., 20., 30., 40.], dtype=float32)
    """
    check_finite(y=trails.y, x=trails.x)
    paths = _divided(trails, np.full(len(trails), n_points), monitor)
    return np.stack([paths.y, paths.x], axis=1).reshape(len(trails), n_points, 2)


@checked
def walk(trails: Trails, *, step_px: StepLength, monitor: Monitor = SILENT) -> Paths:
    """Step along each trail as with a pair of dividers: each point is one step from the previous.

    Jitter and stops within a step leave no point, so that path and heading are those of the object
    rather than of the tracker. Coastlines are measured in this way [1]_.

    Parameters
    ----------
    trails
        Trails of one scene.
    step_px
        Straight distance between consecutive points.
    monitor
        Progress and cancellation, once per block of trails.

    Returns
    -------
    Paths
        Points that start with the first sample of each trail; the remainder at its end, shorter
        than a step, has no point. A trail that stays within a step of its start has one point.

    Raises
    ------
    BadValueError
        If the step is not positive, or a position is not finite.

    References
    ----------
    .. [1] B. Mandelbrot, "How long is the coast of Britain? Statistical self-similarity and
       fractional dimension", Science 156, 636-638 (1967), doi:10.1126/science.156.3775.636

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import trails_of_frame, walk
    >>> samples = pd.DataFrame({"trail": ["a"] * 4, "x": [0, 1, 0, 40], "y": [20] * 4})
    >>> walk(trails_of_frame(samples, scene_size=(64, 48)), step_px=15).x
    array([ 0., 15., 30.], dtype=float32)
    """
    check_finite(y=trails.y, x=trails.x)
    counts = np.empty(len(trails), np.int64)
    samples = (trails.offsets, trails.y, trails.x)
    nowhere = (np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0))

    def count(start: int, stop: int) -> None:
        _count_steps(samples, start, stop, step_px, nowhere, counts)

    in_blocks(count, trails.offsets, text="stepping along trails", monitor=monitor.part(0, 0.5))
    paths = _room_for(counts)
    points = (paths.offsets, paths.y, paths.x, paths.sample)

    def fill(start: int, stop: int) -> None:
        _walk(samples, start, stop, step_px, points)

    in_blocks(fill, trails.offsets, text="stepping along trails", monitor=monitor.part(0.5, 1))
    return paths


def divide(paths: Paths, rows: Ints, n_points: int) -> Floats32:
    """Return the same number of points along some paths, at equal distances.

    Parameters
    ----------
    paths
        Points along trails.
    rows
        Paths to divide; int64.
    n_points
        Number of points per path.

    Returns
    -------
    numpy.ndarray
        Positions in px: rows, points, (y, x); float32.
    """
    points = np.empty((len(rows), n_points, 2), np.float32)
    _divide_paths((paths.offsets, paths.y, paths.x), rows, points)
    return points


def _divided(trails: Trails, counts: Ints, monitor: Monitor) -> Paths:
    paths = _room_for(counts)
    samples = (trails.offsets, trails.y, trails.x)
    points = (paths.offsets, paths.y, paths.x, paths.sample)

    def work(start: int, stop: int) -> None:
        _divide(samples, start, stop, points)

    in_blocks(work, trails.offsets, text="resampling trails", monitor=monitor)
    return paths


def within_reach(trails: Trails) -> Trails:
    """Return trails with all samples within one scene size of the scene.

    Trackers occasionally report positions far outside, to which a trail would seem to travel.
    """
    height, width = trails.scene.height, trails.scene.width
    y, x = trails.y, trails.x
    inside = (y >= -height) & (y <= 2 * height) & (x >= -width) & (x <= 2 * width)
    if inside.all():
        return trails
    return replace(trails, y=np.clip(y, -height, 2 * height), x=np.clip(x, -width, 2 * width))


def _room_for(counts: Ints) -> Paths:
    offsets = offsets_of(counts)
    n = int(offsets[-1])
    return Paths(offsets, np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n))


@kernel
def _divide(
    trails: tuple[Ints, Floats32, Floats32],
    start: int,
    stop: int,
    points: tuple[Ints, Floats32, Floats32, Floats],
) -> None:
    """Divide each trail into equal arcs, as many as it has points for."""
    offsets, y, x = trails
    point_offsets, out_y, out_x, out_sample = points
    for i in range(start, stop):
        first, last = offsets[i], offsets[i + 1] - 1
        length = 0.0
        for j in range(first + 1, last + 1):
            length += _distance(y[j - 1], x[j - 1], y[j], x[j])
        out, end = point_offsets[i], point_offsets[i + 1]
        step = length / max(end - out - 1, 1)
        j, done, segment = first, 0.0, 0.0
        if last > first:
            segment = _distance(y[j], x[j], y[j + 1], x[j + 1])
        for k in range(out, end - 1):
            wanted = step * (k - out)
            while done + segment < wanted and j < last - 1:
                done += segment
                j += 1
                segment = _distance(y[j], x[j], y[j + 1], x[j + 1])
            part = 0.0
            if segment > 0:
                part = min((wanted - done) / segment, 1.0)
            out_y[k] = y[j] + part * (y[min(j + 1, last)] - y[j])
            out_x[k] = x[j] + part * (x[min(j + 1, last)] - x[j])
            out_sample[k] = j + part
        out_y[end - 1], out_x[end - 1], out_sample[end - 1] = y[last], x[last], last


@kernel
def _divide_paths(paths: tuple[Ints, Floats32, Floats32], rows: Ints, points: Floats32) -> None:
    n_points = points.shape[1]
    ends, sample = np.array([0, n_points]), np.empty(n_points)
    y, x = np.empty(n_points, np.float32), np.empty(n_points, np.float32)
    for k in range(len(rows)):
        a, b = paths[0][rows[k]], paths[0][rows[k] + 1]
        one = np.array([0, b - a]), paths[1][a:b], paths[2][a:b]
        _divide(one, 0, 1, (ends, y, x, sample))
        points[k, :, 0] = y
        points[k, :, 1] = x


@kernel
def _step_along(
    trails: tuple[Ints, Floats32, Floats32],
    i: int,
    step: float,
    room: tuple[Floats32, Floats32, Floats],
) -> int:
    """Write the points of a trail's steps as far as there is room; return the number of all."""
    offsets, y, x = trails
    out_y, out_x, out_sample = room
    j, last = offsets[i], offsets[i + 1] - 1
    here_y, here_x = np.float64(y[j]), np.float64(x[j])
    if len(out_y):
        out_y[0], out_x[0], out_sample[0] = here_y, here_x, j
    n, least = 1, 0.0
    while j < last:
        # Where the segment from sample j leaves the circle around the last point.
        ay, ax = y[j] - here_y, x[j] - here_x
        dy, dx = np.float64(y[j + 1]) - y[j], np.float64(x[j + 1]) - x[j]
        b_y, b_x = ay + dy, ax + dx
        if b_y * b_y + b_x * b_x < step * step:
            j += 1
            least = 0.0
            continue
        square = dy * dy + dx * dx
        half = ay * dy + ax * dx
        inside = step * step - ay * ay - ax * ax
        part = (np.sqrt(max(half * half + square * inside, 0.0)) - half) / square
        part = min(max(part, least), 1.0)
        here_y, here_x, least = y[j] + part * dy, x[j] + part * dx, part
        if n < len(out_y):
            out_y[n], out_x[n], out_sample[n] = here_y, here_x, j + part
        n += 1
    return n


@kernel
def _count_steps(
    trails: tuple[Ints, Floats32, Floats32],
    start: int,
    stop: int,
    step: float,
    nowhere: tuple[Floats32, Floats32, Floats],
    counts: Ints,
) -> None:
    for i in range(start, stop):
        counts[i] = _step_along(trails, i, step, nowhere)


@kernel
def _walk(
    trails: tuple[Ints, Floats32, Floats32],
    start: int,
    stop: int,
    step: float,
    points: tuple[Ints, Floats32, Floats32, Floats],
) -> None:
    offsets, y, x, sample = points
    for i in range(start, stop):
        a, b = offsets[i], offsets[i + 1]
        _step_along(trails, i, step, (y[a:b], x[a:b], sample[a:b]))


@kernel
def _distance(y: float, x: float, to_y: float, to_x: float) -> float:
    dy = np.float64(to_y) - y
    dx = np.float64(to_x) - x
    return float(np.sqrt(dy * dy + dx * dx))
