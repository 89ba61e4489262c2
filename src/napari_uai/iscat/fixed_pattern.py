"""Fixed-pattern noise: the offsets of a camera's rows and columns, which wander with time."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.iscat.blocks import as_block
from napari_uai.iscat.medians import LANES, median_network, median_of_lanes
from napari_uai.iscat.parameters import Axes
from napari_uai.videos.frames import Video, per_frame

PatternMethod: TypeAlias = Literal["median", "clipped_mean"]
"""Statistic of a line of pixels that is taken for the camera's offset there."""

FixedPattern: TypeAlias = Literal["none", "median", "clipped_mean"]
"""As PatternMethod, or no correction."""

METHOD_CODES = {"none": 0, "median": 1, "clipped_mean": 2}


def fixed_pattern_correction(
    video: Video,
    *,
    method: PatternMethod = "median",
    axes: Axes = "both",
) -> Video:
    """Subtract from each frame the offset of each of its rows and columns.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype. Meant for differences of frames, where an ordinary
        pixel is zero.
    method
        ``median`` of the line (mFPN), or ``clipped_mean``: mean of those pixels of the line that
        lie within one median absolute deviation of its median (cpFPN).
    axes
        ``rows``: one offset per row; ``columns``: one per column; ``both``: rows first, then
        columns of the result.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If the method or the axes are unknown.
    """
    check_choice("method", method, ("median", "clipped_mean"))
    check_choice("axes", axes, ("both", "rows", "columns"))
    function = partial(_correct_block, method=METHOD_CODES[method], axes=axes)
    return per_frame(video, function, label="fixed-pattern")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise BadValueError unless the value is one of the choices."""
    if value not in choices:
        raise BadValueError(f"{name} is one of {', '.join(choices)}, got {value!r}")


def _correct_block(block: npt.NDArray[Any], *, method: int, axes: Axes) -> npt.NDArray[np.float32]:
    n, height, width = block.shape
    flat, frame_step, row_step, _ = as_block(block)
    out = np.empty((n, height, width), np.float32)
    _correct_frames(
        flat,
        frame_step,
        row_step,
        method,
        axes != "columns",
        axes != "rows",
        *median_network(width),
        *median_network(height),
        out,
    )
    return out


@numba.njit(cache=True, nogil=True)
def _correct_frames(  # type: ignore[no-untyped-def]
    flat,
    frame_step,
    row_step,
    method,
    rows,
    columns,
    row_low,
    row_high,
    column_low,
    column_high,
    out,
):
    n, height, width = out.shape
    scratch = np.empty(max(height, width) * LANES, np.float32)
    offsets = np.empty(3 * LANES, np.float32)
    for t in range(n):
        plane = out[t]
        for r in range(height):
            base = t * frame_step + r * row_step
            for c in range(width):
                plane[r, c] = flat[base + c]
        if rows:
            subtract_offsets(plane, True, method, row_low, row_high, scratch, offsets)
        if columns:
            subtract_offsets(plane, False, method, column_low, column_high, scratch, offsets)


@numba.njit(cache=True, nogil=True)
def subtract_offsets(  # type: ignore[no-untyped-def]
    plane, of_rows, method, low, high, scratch, offsets
):
    """Subtract from each row (or column) of a float32 plane its offset, in place.

    ``low, high`` is the median network for the length of a line; ``scratch`` holds that length
    times ``LANES`` float32, ``offsets`` three times ``LANES``.
    """
    height, width = plane.shape
    n_lines, size = (height, width) if of_rows else (width, height)
    for first in range(0, n_lines, LANES):
        count = min(LANES, n_lines - first)
        _gather(plane, of_rows, first, count, scratch)
        median_of_lanes(scratch, size, low, high, offsets[:LANES])
        if method == 2:
            _gather(plane, of_rows, first, count, scratch)
            _deviations(scratch, size, offsets)
            median_of_lanes(scratch, size, low, high, offsets[LANES : 2 * LANES])
            _gather(plane, of_rows, first, count, scratch)
            _clipped_means(scratch, size, offsets)
        if of_rows:
            for k in range(count):
                for c in range(width):
                    plane[first + k, c] -= offsets[k]
        else:
            for r in range(height):
                for k in range(count):
                    plane[r, first + k] -= offsets[k]


@numba.njit(cache=True, nogil=True)
def _gather(plane, of_rows, first, count, lanes):  # type: ignore[no-untyped-def]
    """Lay out lines side by side: entry i of line k at ``lanes[i * LANES + k]``."""
    height, width = plane.shape
    if of_rows:
        for k in range(count):
            for c in range(width):
                lanes[c * LANES + k] = plane[first + k, c]
    else:
        for r in range(height):
            for k in range(count):
                lanes[r * LANES + k] = plane[r, first + k]


@numba.njit(cache=True, nogil=True)
def _deviations(lanes, size, medians):  # type: ignore[no-untyped-def]
    for i in range(size):
        for k in range(LANES):
            lanes[i * LANES + k] = abs(lanes[i * LANES + k] - medians[k])


@numba.njit(cache=True, nogil=True)
def _clipped_means(lanes, size, offsets):  # type: ignore[no-untyped-def]
    """Replace the medians in ``offsets`` by means within the deviations that follow them.

    Means of differences from the median, so that float32 sums lose nothing to a large offset.
    """
    counts = offsets[2 * LANES :]
    totals = np.zeros(LANES, np.float32)
    counts[:] = 0
    for i in range(size):
        for k in range(LANES):
            difference = lanes[i * LANES + k] - offsets[k]
            inside = abs(difference) <= offsets[LANES + k]
            totals[k] += difference if inside else np.float32(0)
            counts[k] += np.float32(1) if inside else np.float32(0)
    for k in range(LANES):
        offsets[k] += totals[k] / max(counts[k], np.float32(1))
