"""Noise floor: down to which noise averaging more frames helps, compared with shot noise."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Gt, MinLen, Unit

from napari_uai.iscat.correct.camera_offset import NO_OFFSET, CameraOffset, without_offset
from napari_uai.iscat.correct.fixed_pattern import FixedPattern
from napari_uai.iscat.correct.prefix_sums import prefix_sums_of
from napari_uai.iscat.correct.rolling_average import DifferentialFrames, check_length
from napari_uai.iscat.parameters import Axes, BatchSize
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks

BatchSizes: TypeAlias = Annotated[tuple[BatchSize, ...], MinLen(1)]
"""Batch sizes to compare."""


@stage(
    "Noise floor",
    menu="measure",
    methods="The noise of differential rolling averages was measured for several batch sizes",
)
def noise_floor(
    video: Video,
    *,
    batch_sizes: BatchSizes = (30, 60, 90, 120, 150, 180),
    mode: Literal["temporal", "spatial"] = "temporal",
    fixed_pattern: FixedPattern = "median",
    axes: Axes = "both",
    electrons_per_count: Annotated[float, Gt(0), Unit("electrons")] | None = None,
    offset: CameraOffset = NO_OFFSET,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Measure the noise of differential rolling averages of several batch sizes.

    Where the measured noise departs from the shot-noise line, longer batches no longer help: the
    stage drifts, or the background fluctuates.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts, preferably after power normalisation.
    batch_sizes
        Frames averaged on each side, one measurement each.
    mode
        ``temporal``: mean over pixels of each pixel's standard deviation in time; ``spatial``: mean
        over frames of each frame's standard deviation.
    fixed_pattern
        Correction of the rolling average: ``median``, ``clipped_mean``, ``fourier``, ``wavelet`` or
        ``none``.
    axes
        Direction of the lines along which the pattern is corrected.
    electrons_per_count
        Gain of the camera, as :func:`photon_transfer` measures it; needed for the shot-noise limit.
    offset
        What the camera adds without light, which is subtracted first: a number of counts,
        ``estimated``, or the path of a recording without light. Contrasts and the limit are those
        of the light alone.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``batch_size`` (frames), ``noise`` (measured, relative contrast), ``shot_noise`` (the first
        measurement extrapolated as 1 / sqrt(batch size)), ``photon_limit`` (sqrt(2 / (batch size *
        electrons per pixel and frame)), mean over pixels; NaN without ``electrons_per_count``) and
        ``over_limit`` (``noise`` over ``photon_limit``: 1 where only shot noise is left).

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two of the longest batches.
    BadValueError
        If a parameter is outside its limits, a frame contains NaN or infinity, or the offset is
        neither counts nor a recording, or cannot be estimated.

    References
    ----------
    Mirzaalian Dastjerdi et al., PiSCAT, J. Open Source Softw. 7, 4024 (2022),
    doi:10.21105/joss.04024.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.random.default_rng(0).poisson(1000, (400, 8, 8))
    >>> table = iscat.noise_floor(
    ...     video, batch_sizes=(10, 40), fixed_pattern="none", electrons_per_count=1
    ... )
    >>> table[["noise", "photon_limit"]].round(3).to_numpy()
    array([[0.014, 0.014],
           [0.007, 0.007]])
    """
    frames = without_offset(frames_of(video), offset)
    for size in batch_sizes:
        check_length(len(frames), size, batches=2)
    sums = prefix_sums_of(frames)
    share = 1 / (len(batch_sizes) + 1)
    sums.prepare(monitor.part(0, share))
    measure = _temporal_noise if mode == "temporal" else _spatial_noise
    noise = np.array(
        [
            measure(
                DifferentialFrames(sums, size, fixed_pattern, axes),
                monitor.part((k + 1) * share, (k + 2) * share, f"batch of {size}"),
            )
            for k, size in enumerate(batch_sizes)
        ]
    )
    lengths = np.array(batch_sizes)
    limit = np.full(len(lengths), np.nan)
    if electrons_per_count is not None:
        first, last = sums.at((0, len(frames)))
        electrons = (last - first) * (sums.unit() * electrons_per_count / len(frames))
        limit = np.sqrt(2 / lengths) * np.mean(electrons[electrons > 0] ** -0.5)
    shot_noise = noise[0] * np.sqrt(lengths[0] / lengths)
    return pd.DataFrame(
        {
            "batch_size": lengths,
            "noise": noise,
            "shot_noise": shot_noise,
            "photon_limit": limit,
            "over_limit": noise / limit,
        }
    )


def _temporal_noise(frames: Frames, monitor: Monitor) -> float:
    """Return the mean over pixels of the standard deviation in time."""

    def moments(start: int, stop: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        block = frames.read(start, stop)
        return block.sum(axis=0, dtype=np.float64), np.square(block, dtype=np.float64).sum(axis=0)

    total = np.zeros(frames.shape[1:])
    squares = np.zeros(frames.shape[1:])
    chunk = frames_per_chunk(frames.shape)
    for block_total, block_squares in map_chunks(moments, len(frames), chunk, monitor=monitor):
        total += block_total
        squares += block_squares
    n = len(frames)
    return float(np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0)).mean())


def _spatial_noise(frames: Frames, monitor: Monitor) -> float:
    """Return the mean over frames of the standard deviation over the frame."""

    def deviations(start: int, stop: int) -> float:
        return float(frames.read(start, stop).std(axis=(1, 2), dtype=np.float64).sum())

    chunk = frames_per_chunk(frames.shape)
    return sum(map_chunks(deviations, len(frames), chunk, monitor=monitor)) / len(frames)
