"""Trails at equal distances along their way, whatever the tracker's frame rate was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Unit

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.parallel import in_blocks
from napari_uai.trails.table import Trails, check_finite, offsets_of
from napari_uai.typing import Floats, Floats32, Ints


@dataclass(frozen=True, eq=False)
class Paths:
    """Points along each trail: those of trail ``i`` are ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Parameters
    ----------
    offsets
        First point of each trail, and the number of all points; int64, one more than trails.
    y, x
        Px of the scene; float32.
    sample
        Where among all samples of the trails each point lies; float64, 12.5 is half-way between
        samples 12 and 13.
    """

    offsets: Ints
    y: Floats32
    x: Floats32
    sample: Floats

    @property
    def owner(self) -> Ints:
        """Trail that each point belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def arc_lengths(trails: Trails) -> Floats:
    """Return the length of each trail's way, in px; 0 for a single sample."""
    lengths = np.empty(len(trails))
    _lengths(trails.offsets, trails.y, trails.x, 0, len(trails), lengths)
    return lengths


def resample_along_arc(
    trails: Trails, *, n_points: Annotated[int, Ge(2)] = 32, monitor: Monitor = SILENT
) -> Floats32:
    """Return the same number of points of each trail, at equal distances along its way.

    Parameters
    ----------
    trails
        Trails of one scene.
    n_points
        Points per trail, its first and last sample among them.

    Returns
    -------
    ndarray
        Trails, points, (y, x); px; float32. A trail that never moves gives its place n times.

    Raises
    ------
    BadValueError
        If fewer than two points are wanted, or a position is not finite.
    """
    if n_points < 2:
        raise BadValueError(f"n_points is at least 2, got {n_points}")
    _check(trails)
    paths = _divided(trails, np.full(len(trails), n_points), monitor)
    return np.stack([paths.y, paths.x], axis=1).reshape(len(trails), n_points, 2)


def resample_by_step(
    trails: Trails, *, step_px: Annotated[float, Gt(0), Unit("px")] = 1.0, monitor: Monitor = SILENT
) -> Paths:
    """Return points of each trail at most a step apart along its way.

    Each trail is divided into the fewest equal steps that are no longer than ``step_px``.

    Parameters
    ----------
    trails
        Trails of one scene.
    step_px
        Longest distance between points, along the way.

    Returns
    -------
    Paths
        First and last sample of a trail are always among its points.

    Raises
    ------
    BadValueError
        If the step is not a positive number, or a position is not finite.
    """
    _check(trails, step_px)
    lengths = arc_lengths(trails)
    counts = np.where(lengths > 0, np.ceil(lengths / step_px) + 1, 1).astype(np.int64)
    return _divided(trails, counts, monitor)


def walk(
    trails: Trails, *, step_px: Annotated[float, Gt(0), Unit("px")], monitor: Monitor = SILENT
) -> Paths:
    """Step along each trail with a pair of dividers: each point a step from the one before.

    Jitter and rests within a step leave no point, so that the way and its heading are those of
    the object and not of its tracker (Richardson's way to measure a coast; Mandelbrot 1967,
    doi:10.1126/science.156.3775.636).

    Parameters
    ----------
    trails
        Trails of one scene.
    step_px
        Straight distance between neighbouring points.

    Returns
    -------
    Paths
        The first point of each is its first sample; what is left of it at the end is shorter than
        a step and has no point. A trail that stays within a step of its start has one point.

    Raises
    ------
    BadValueError
        If the step is not a positive number, or a position is not finite.
    """
    _check(trails, step_px)
    counts = np.empty(len(trails), np.int64)
    known = (trails.offsets, trails.y, trails.x)
    nowhere = (np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0))

    def count(start: int, stop: int) -> None:
        _count_steps(known, start, stop, step_px, nowhere, counts)

    in_blocks(count, trails.offsets, text="following trails", monitor=monitor.part(0, 0.5))
    paths = _room_for(counts)
    points = (paths.offsets, paths.y, paths.x, paths.sample)

    def fill(start: int, stop: int) -> None:
        _walk(known, start, stop, step_px, points)

    in_blocks(fill, trails.offsets, text="following trails", monitor=monitor.part(0.5, 1))
    return paths


def _divided(trails: Trails, counts: Ints, monitor: Monitor) -> Paths:
    paths = _room_for(counts)
    known = (trails.offsets, trails.y, trails.x)
    points = (paths.offsets, paths.y, paths.x, paths.sample)

    def work(start: int, stop: int) -> None:
        _divide(known, start, stop, points)

    in_blocks(work, trails.offsets, text="resampling trails", monitor=monitor)
    return paths


def within_reach(trails: Trails) -> Trails:
    """Return trails none of whose samples is further from the scene than the scene is large.

    A tracker that throws an object to the end of the world would have it walk there and back.
    """
    height, width = trails.scene.height, trails.scene.width
    y, x = trails.y, trails.x
    inside = (y >= -height) & (y <= 2 * height) & (x >= -width) & (x <= 2 * width)
    if inside.all():
        return trails
    return replace(trails, y=np.clip(y, -height, 2 * height), x=np.clip(x, -width, 2 * width))


def _check(trails: Trails, step_px: float = 1.0) -> None:
    if not (np.isfinite(step_px) and step_px > 0):
        raise BadValueError(f"step_px is a positive number of px, got {step_px}")
    check_finite(y=trails.y, x=trails.x)


def _room_for(counts: Ints) -> Paths:
    offsets = offsets_of(counts)
    n = int(offsets[-1])
    return Paths(offsets, np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n))


@kernel
def _lengths(
    offsets: Ints, y: Floats32, x: Floats32, start: int, stop: int, lengths: Floats
) -> None:
    for i in range(start, stop):
        length = 0.0
        for j in range(offsets[i] + 1, offsets[i + 1]):
            length += _distance(y[j - 1], x[j - 1], y[j], x[j])
        lengths[i] = length


@kernel
def _divide(
    trails: tuple[Ints, Floats32, Floats32],
    start: int,
    stop: int,
    points: tuple[Ints, Floats32, Floats32, Floats],
) -> None:
    """Divide each trail into equal arcs, as many as there is room for."""
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
def _step_along(
    trails: tuple[Ints, Floats32, Floats32],
    i: int,
    step: float,
    room: tuple[Floats32, Floats32, Floats],
) -> int:
    """Write the points that dividers touch on a trail, as far as there is room; count them all."""
    offsets, y, x = trails
    out_y, out_x, out_sample = room
    j, last = offsets[i], offsets[i + 1] - 1
    here_y, here_x = np.float64(y[j]), np.float64(x[j])
    if len(out_y):
        out_y[0], out_x[0], out_sample[0] = here_y, here_x, j
    n, least = 1, 0.0
    while j < last:
        # Where the segment from sample j leaves the circle about the latest point.
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
