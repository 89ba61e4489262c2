"""Differential rolling average: what changed between one batch of frames and the next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.compiled import kernel
from napari_uai.errors import TooFewFramesError
from napari_uai.iscat.correct.fixed_pattern import (
    FixedPattern,
    correct_frames,
    correction_for,
)
from napari_uai.iscat.correct.prefix_sums import (
    PrefixSums,
    WeightedBlock,
    add_frame,
    prefix_sums_of,
)
from napari_uai.iscat.parameters import Axes, BatchSize
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Ints
from napari_uai.videos.frames import Frames, Video, frames_of, video_like
from napari_uai.videos.offset import middle_of_batch, second_batch

CACHED_BYTES = 2**20
"""Frames of that size pass through several kernels while they are in the processor's cache."""

FARTHEST_MOVED = 50
"""Frames by which sums are moved one after the other; to begin again is faster beyond."""


@stage(
    "Differential rolling average",
    menu="filter",
    origin=second_batch,
    methods="The differential rolling average was computed (the mean of each batch of frames minus "
    "that of the batch before, divided by the latter)",
)
def differential_rolling_average(
    video: Video,
    *,
    batch_size: BatchSize = 500,
    fixed_pattern: FixedPattern = "median",
    axes: Axes = "both",
) -> Video:
    """Subtract the mean of each batch of frames from that of the next, relative to the first.

    A particle that lands produces a contrast that rises and falls over one batch on either side: a
    "V" in time with its tip at the raw frame of the landing minus ``batch_size``.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts or relative intensity.
    batch_size
        Frames averaged on each side; longer batches reduce shot noise and time resolution.
    fixed_pattern
        Offset of each row and column that is subtracted from the difference before the division:
        their ``median``, their ``clipped_mean`` (pixels within one median absolute deviation), a
        filter by ``fourier`` or ``wavelet`` transform with the default values of
        :func:`fixed_pattern_correction`, or ``none``.
    axes
        ``rows``: one offset per row; ``columns``: one per column; ``both``: rows first, then
        columns of the result.

    Returns
    -------
    Video
        float32, relative contrast, ``n_frames - 2 * batch_size + 1`` frames. Frame ``i`` compares
        input frames ``i`` to ``i + batch_size - 1`` with the ``batch_size`` frames after them.
        Pixels without signal in the first batch (a dead column) are 0. A lazy video is read through
        once, when more than a few frames have been requested; any frame then takes milliseconds.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is outside its limits, or a frame contains NaN or infinity.

    References
    ----------
    Young et al., Science 360, 423 (2018), doi:10.1126/science.aar5839; Mirzaalian Dastjerdi et al.,
    PiSCAT, J. Open Source Softw. 7, 4024 (2022), doi:10.21105/joss.04024.

    Examples
    --------
    The contrast of a step of 2 % peaks where the second batch begins with the step:

    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.full((8, 1, 1), 100.0)
    >>> video[4:] = 102
    >>> dra = iscat.differential_rolling_average(video, batch_size=2, fixed_pattern="none")
    >>> dra[:, 0, 0].round(4)
    array([0.    , 0.01  , 0.02  , 0.0099, 0.    ], dtype=float32)
    """
    frames = frames_of(video)
    check_length(len(frames), batch_size, batches=2)
    sums = prefix_sums_of(frames)
    return video_like(DifferentialFrames(sums, batch_size, fixed_pattern, axes), video)


@stage(
    "Rolling mean",
    menu="filter",
    origin=middle_of_batch,
    methods="The rolling mean of consecutive frames was computed",
)
def rolling_mean(video: Video, *, batch_size: BatchSize = 500) -> Video:
    """Average each run of consecutive frames.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts or relative intensity.
    batch_size
        Frames per mean.

    Returns
    -------
    Video
        float32, ``n_frames - batch_size + 1`` frames in the unit of the input; frame ``i`` averages
        input frames ``i`` to ``i + batch_size - 1``.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than one batch.
    BadValueError
        If ``batch_size`` is less than 1, or a frame contains NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.rolling_mean(np.arange(4.0).reshape(4, 1, 1), batch_size=2)[:, 0, 0]
    array([0.5, 1.5, 2.5], dtype=float32)
    """
    frames = frames_of(video)
    check_length(len(frames), batch_size, batches=1)
    return video_like(RollingMeanFrames(prefix_sums_of(frames), batch_size), video)


def check_length(n_frames: int, batch_size: int, *, batches: int) -> None:
    """Raise TooFewFramesError unless a video is as long as one or two batches."""
    if n_frames < batches * batch_size:
        needed = "two batches" if batches == 2 else "one batch"
        largest = n_frames // batches
        smaller = f"a batch_size of at most {largest}, or " if largest else ""
        raise TooFewFramesError(
            f"{needed} of {batch_size} frames need {batches * batch_size} frames, the video has "
            f"{n_frames}: use {smaller}a longer video"
        )


class DifferentialFrames(Frames):
    """Frames of a differential rolling average."""

    def __init__(
        self, sums: PrefixSums, batch_size: int, fixed_pattern: FixedPattern, axes: Axes
    ) -> None:
        n, height, width = sums.shape
        self.sums = sums
        self.batch_size = int(batch_size)
        self.fixed_pattern = fixed_pattern
        self.axes = axes
        self.shape = (n - 2 * self.batch_size + 1, height, width)
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Name of the source, and all parameters."""
        key = (self.sums.source.name, self.batch_size, self.fixed_pattern, self.axes)
        return f"differential-rolling-average-{tokenize(*key)}"

    def prepare(self, monitor: Monitor = SILENT) -> None:
        """Make the pass over the recording now, with progress; it is made once."""
        self.sums.prepare(monitor)

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Move the sums at three positions through the recording, frame by frame."""
        return self.read_at(np.arange(start, max(stop, start)))

    def read_at(self, numbers: Ints) -> npt.NDArray[np.float32]:
        """Move the sums at three positions through the recording, and jump over wide gaps."""
        out = np.empty((len(numbers), *self.shape[1:]), np.float32)
        if len(numbers):
            begins = np.flatnonzero(np.diff(numbers) > FARTHEST_MOVED) + 1
            for run in np.split(np.arange(len(numbers)), begins):
                self._move(numbers[run], out[run[0] : run[-1] + 1])
        return out

    def _move(self, numbers: Ints, out: npt.NDArray[np.float32]) -> None:
        start, moves = int(numbers[0]), int(numbers[-1] - numbers[0])
        size = self.batch_size
        positions = (start, start + size, start + 2 * size)
        moving = np.stack(self.sums.at(positions))
        blocks = _blocks_at(self.sums, positions, moves)
        correction = correction_for(self.fixed_pattern, self.axes, *self.shape[1:])
        steps = numbers - start
        at_once = max(CACHED_BYTES // out[0].nbytes, 1)
        means = np.empty_like(out[:at_once])
        for first in range(0, len(out), at_once):
            some = slice(first, first + at_once)
            moved = int(steps[max(first - 1, 0)])
            _differential_kernel(blocks, moving, moved, steps[some], out[some], means)
            correct_frames(out[some], correction)
            _divide(out[some], means)
        for position, total in zip(positions, moving, strict=True):
            self.sums.remember(position + moves, total)


class RollingMeanFrames(Frames):
    """Frames of a rolling mean."""

    def __init__(self, sums: PrefixSums, batch_size: int) -> None:
        n, height, width = sums.shape
        self.sums = sums
        self.batch_size = int(batch_size)
        self.shape = (n - self.batch_size + 1, height, width)
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Name of the source, and the batch size."""
        return f"rolling-mean-{tokenize(self.sums.source.name, self.batch_size)}"

    def prepare(self, monitor: Monitor = SILENT) -> None:
        """Make the pass over the recording now, with progress; it is made once."""
        self.sums.prepare(monitor)

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Move the sums at two positions through the recording, frame by frame."""
        out = np.empty((max(stop - start, 0), *self.shape[1:]), np.float32)
        if not out.size:
            return out
        positions = (start, start + self.batch_size)
        moving = np.stack(self.sums.at(positions))
        factor = self.sums.unit() / self.batch_size
        _mean_kernel(_blocks_at(self.sums, positions, len(out) - 1), moving, factor, out)
        for position, total in zip(positions, moving, strict=True):
            self.sums.remember(position + len(out) - 1, total)
        return out


def _blocks_at(sums: PrefixSums, positions: tuple[int, ...], n: int) -> tuple[WeightedBlock, ...]:
    """Return ``n`` frames from each position on."""
    first, last = positions[0], positions[-1]
    if last - first <= n * (len(positions) - 1):
        block = sums.block(first, last + n)
        return tuple(block.frames(p - first, p - first + n) for p in positions)
    return tuple(sums.block(p, p + n) for p in positions)


# No fastmath in these kernels: it would cancel the rounding.
@kernel
def _differential_kernel(
    blocks: tuple[WeightedBlock, ...],
    moving: npt.NDArray[np.float64],
    moved: int,
    wanted: Ints,
    differences: npt.NDArray[np.float32],
    means: npt.NDArray[np.float32],
) -> None:
    """Write the difference of two means, and the first of them, times the frames of a batch."""
    n, height, width = differences.shape
    first, second, third = moving[0], moving[1], moving[2]
    for t in range(n):
        for step in range(moved, wanted[t]):
            add_frame(blocks[0], step, moving[0])
            add_frame(blocks[1], step, moving[1])
            add_frame(blocks[2], step, moving[2])
        moved = wanted[t]
        for r in range(height):
            x, y, z = first[r], second[r], third[r]
            difference, mean = differences[t, r], means[t, r]
            for c in range(width):
                difference[c] = (z[c] - y[c]) - (y[c] - x[c])
                mean[c] = y[c] - x[c]


@kernel
def _divide(frames: npt.NDArray[np.float32], by: npt.NDArray[np.float32]) -> None:
    n, height, width = frames.shape
    for t in range(n):
        for r in range(height):
            line, before = frames[t, r], by[t, r]
            for c in range(width):
                # A dead pixel has no relative contrast.
                line[c] = line[c] / before[c] if before[c] != 0 else np.float32(0)


@kernel
def _mean_kernel(
    blocks: tuple[WeightedBlock, ...],
    moving: npt.NDArray[np.float64],
    factor: float,
    out: npt.NDArray[np.float32],
) -> None:
    n, height, width = out.shape
    for t in range(n):
        if t:
            add_frame(blocks[0], t - 1, moving[0])
            add_frame(blocks[1], t - 1, moving[1])
        for r in range(height):
            x, y = moving[0, r], moving[1, r]
            mean = out[t, r]
            for c in range(width):
                mean[c] = (y[c] - x[c]) * factor
