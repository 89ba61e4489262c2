"""Fixed-pattern noise: slowly varying offsets of the camera's rows and columns."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.iscat.kernels.blocks import Block, as_block
from napari_uai.iscat.kernels.median_network import (
    LANES,
    MedianNetwork,
    median_network,
    median_of_lanes,
)
from napari_uai.iscat.parameters import Axes
from napari_uai.stages import stage
from napari_uai.videos.frames import Video, per_frame

PatternMethod: TypeAlias = Literal["median", "clipped_mean"]
"""Statistic of a line of pixels that estimates the camera's offset there."""

FixedPattern: TypeAlias = Literal["none", "median", "clipped_mean"]
"""As PatternMethod, or no correction."""


@stage(
    "Fixed-pattern correction",
    menu="filter",
    methods="The offsets of rows and columns (fixed-pattern noise) were subtracted from each frame",
)
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
        Frames, rows, columns; any real dtype. Intended for differences of frames, in which an
        ordinary pixel is zero.
    method
        ``median`` of the line (mFPN), or ``clipped_mean``: mean of the pixels of the line within
        one median absolute deviation of its median (cpFPN).
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
        If ``method`` or ``axes`` is unknown.

    References
    ----------
    Mirzaalian Dastjerdi et al., PiSCAT, J. Open Source Softw. 7, 4024 (2022),
    doi:10.21105/joss.04024.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> rows = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> iscat.fixed_pattern_correction(rows * np.ones((1, 3, 5)))[0]
    array([[0., 0., 0., 0., 0.],
           [0., 0., 0., 0., 0.],
           [0., 0., 0., 0., 0.]], dtype=float32)
    """
    function = partial(_correct_block, method=method, axes=axes)
    return per_frame(video, function, label="fixed-pattern")


class Correction(NamedTuple):
    """A correction in the form that kernels take."""

    method: int
    rows: bool
    columns: bool
    row_network: MedianNetwork
    column_network: MedianNetwork


def correction_for(method: FixedPattern, axes: Axes, height: int, width: int) -> Correction:
    """Return the correction of planes of a given size."""
    code = {"none": 0, "median": 1, "clipped_mean": 2}[method]
    return Correction(
        code,
        bool(code) and axes != "columns",
        bool(code) and axes != "rows",
        median_network(width),
        median_network(height),
    )


def _correct_block(
    frames: npt.NDArray[Any], *, method: FixedPattern, axes: Axes
) -> npt.NDArray[np.float32]:
    out = np.empty(frames.shape, np.float32)
    _correct_frames(as_block(frames), correction_for(method, axes, *frames.shape[1:]), out)
    return out


@kernel
def _correct_frames(block: Block, correction: Correction, out: npt.NDArray[np.float32]) -> None:
    n, height, width = out.shape
    lanes = np.zeros(max(height, width) * LANES, np.float32)
    for t in range(n):
        for r in range(height):
            base = t * block.frame_step + r * block.row_step
            out[t, r] = block.flat[base : base + width]
        correct_plane(out[t], correction, lanes)


@kernel
def correct_plane(
    plane: npt.NDArray[np.float32], correction: Correction, lanes: npt.NDArray[np.float32]
) -> None:
    """Correct one frame in place; ``lanes`` holds ``LANES`` times the longest line."""
    if correction.rows:
        _subtract_offsets(plane, True, correction.method, correction.row_network, lanes)
    if correction.columns:
        _subtract_offsets(plane, False, correction.method, correction.column_network, lanes)


@kernel
def _subtract_offsets(
    plane: npt.NDArray[np.float32],
    of_rows: bool,
    method: int,
    network: MedianNetwork,
    lanes: npt.NDArray[np.float32],
) -> None:
    """Subtract from each row (or column) its offset."""
    height, width = plane.shape
    n_lines, size = (height, width) if of_rows else (width, height)
    offsets = np.empty(LANES, np.float32)
    deviations = np.empty(LANES, np.float32)
    for first in range(0, n_lines, LANES):
        count = min(LANES, n_lines - first)
        _gather(plane, of_rows, first, count, lanes)
        median_of_lanes(lanes, size, network, offsets)
        if method == 2:
            _gather(plane, of_rows, first, count, lanes)
            _subtract_and_fold(lanes, size, offsets)
            median_of_lanes(lanes, size, network, deviations)
            _gather(plane, of_rows, first, count, lanes)
            _clipped_means(lanes, size, deviations, offsets)
        if of_rows:
            for k in range(count):
                line = plane[first + k]
                for c in range(width):
                    line[c] -= offsets[k]
        else:
            for r in range(height):
                line = plane[r, first : first + count]
                for k in range(count):
                    line[k] -= offsets[k]


@kernel
def _gather(
    plane: npt.NDArray[np.float32],
    of_rows: bool,
    first: int,
    count: int,
    lanes: npt.NDArray[np.float32],
) -> None:
    """Lay out lines side by side: entry i of line k at ``lanes[i * LANES + k]``."""
    height, width = plane.shape
    if of_rows:
        for k in range(count):
            line = plane[first + k]
            lane = lanes[k:]
            for c in range(width):
                lane[c * LANES] = line[c]
    else:
        for r in range(height):
            line = plane[r, first : first + count]
            lane = lanes[r * LANES : r * LANES + count]
            for k in range(count):
                lane[k] = line[k]


@kernel
def _subtract_and_fold(
    lanes: npt.NDArray[np.float32], size: int, medians: npt.NDArray[np.float32]
) -> None:
    for i in range(size):
        lane = lanes[i * LANES : (i + 1) * LANES]
        for k in range(LANES):
            lane[k] = abs(lane[k] - medians[k])


@kernel
def _clipped_means(
    lanes: npt.NDArray[np.float32],
    size: int,
    deviations: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32],
) -> None:
    """Replace the medians in ``offsets`` by means of the values within the deviations.

    Differences from the median are summed, so that float32 loses no precision to a large offset.
    """
    totals = np.zeros(LANES, np.float32)
    counts = np.zeros(LANES, np.float32)
    for i in range(size):
        lane = lanes[i * LANES : (i + 1) * LANES]
        for k in range(LANES):
            difference = lane[k] - offsets[k]
            inside = np.float32(abs(difference) <= deviations[k])
            totals[k] += inside * difference
            counts[k] += inside
    for k in range(LANES):
        offsets[k] += totals[k] / max(counts[k], np.float32(1))
