"""Features from batches of frames: mean, deviation, difference."""

from __future__ import annotations

from functools import partial
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.prefix_sums import prefix_sums_of
from napari_uai.iscat.correct.rolling_average import DifferentialFrames, RollingMeanFrames
from napari_uai.iscat.detect.anomalies.features import REFERENCE_FRAMES, Batch, Sign, checked_frames
from napari_uai.iscat.parameters import BatchSize
from napari_uai.parameters import check_choice
from napari_uai.stages import stage
from napari_uai.videos.combined import CombinedFrames, ShiftedFrames
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, video_like
from napari_uai.videos.offset import second_batch
from napari_uai.videos.sampling import spread_frames


@stage("Mean of a batch", menu="filter", origin=second_batch)
def batch_mean(
    video: Video, *, batch_size: BatchSize = 500, batch: Batch = "first", centered: bool = False
) -> Video:
    """Mean of one of the two batches that a rolling average compares.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    batch_size
        Frames per batch.
    batch
        ``first`` or ``second`` of the two.
    centered
        Subtract the mean of both batches. What is left is half of their difference: the same for
        both batches but for the sign.

    Returns
    -------
    Video
        float32, ``n_frames - 2 * batch_size + 1`` frames in the unit of the input.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is out of its limits, or a frame holds NaN or infinity.
    """
    check_choice("batch", batch, ("first", "second"))
    if centered:
        factor = 0.5 if batch == "second" else -0.5
        return video_like(BatchFrames(checked_frames(video, batch_size), batch_size, factor), video)
    means = RollingMeanFrames(prefix_sums_of(checked_frames(video, batch_size)), batch_size)
    return video_like(_in_step(means, batch_size, batch), video)


@stage("Standard deviation of a batch", menu="filter", origin=second_batch)
def batch_deviation(video: Video, *, batch_size: BatchSize = 500, batch: Batch = "first") -> Video:
    """Measure how much pixels vary within one of the two batches that a rolling average compares.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    batch_size
        Frames per batch.
    batch
        ``first`` or ``second`` of the two.

    Returns
    -------
    Video
        float32, ``n_frames - 2 * batch_size + 1`` frames in the unit of the input: root of the
        mean squared distance from the batch's own mean.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is out of its limits, or a frame holds NaN or infinity.
    """
    check_choice("batch", batch, ("first", "second"))
    frames = checked_frames(video, batch_size)
    moments = [RollingMeanFrames(prefix_sums_of(f), batch_size) for f in _distances_of(frames)]
    shifted = tuple(_in_step(moment, batch_size, batch) for moment in moments)
    return video_like(CombinedFrames(shifted, _deviation, "batch-deviation"), video)


@stage("Difference of two batches", menu="filter", origin=second_batch)
def batch_difference(
    video: Video, *, batch_size: BatchSize = 500, sign: Sign = "absolute"
) -> Video:
    """Difference of the means of two consecutive batches.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    batch_size
        Frames per batch.
    sign
        ``absolute``: its size; ``signed``: what became brighter is positive.

    Returns
    -------
    Video
        float32, ``n_frames - 2 * batch_size + 1`` frames in the unit of the input. Unlike the
        rolling average it is not divided by the first mean, and no pattern is taken out.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is out of its limits, or a frame holds NaN or infinity.
    """
    check_choice("sign", sign, ("signed", "absolute"))
    frames = checked_frames(video, batch_size)
    difference = BatchFrames(frames, batch_size, 1.0, absolute=sign == "absolute")
    return video_like(difference, video)


class BatchFrames(Frames):
    """Differences of the means of two consecutive batches."""

    def __init__(
        self, source: Frames, batch_size: int, factor: float, *, absolute: bool = False
    ) -> None:
        sums = prefix_sums_of(source)
        # relative difference times mean: single precision loses nothing, as it would in a
        # difference of large means
        self.relative = DifferentialFrames(sums, batch_size, "none", "both")
        self.first = RollingMeanFrames(sums, batch_size)
        self.source = source
        self.factor = factor
        self.absolute = absolute
        self.shape = self.relative.shape
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Name of the rolling average, and what is made of it."""
        return f"batch-difference-{tokenize(self.relative.name, self.factor, self.absolute)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Multiply the relative difference by the first mean."""
        out = self.relative.read(start, stop) * self.first.read(start, stop)
        out *= np.float32(self.factor)
        return np.abs(out) if self.absolute else out


class DistanceFrames(Frames):
    """Distance of each pixel from a fixed image near its mean, or its square; double precision.

    Squares of what is left of the counts keep their small variance in sums.
    """

    def __init__(self, source: Frames, image: Memo[npt.NDArray[np.float64]], power: int) -> None:
        self.source = source
        self.image = image
        self.power = power
        self.shape = source.shape
        self.dtype = np.dtype(np.float64)

    @property
    def name(self) -> str:
        """Name of the source, and the power."""
        return f"distance-{tokenize(self.source.name, self.power)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Read the source's frames and subtract the image."""
        distance: npt.NDArray[np.float64] = self.source.read(start, stop) - self.image()
        return distance * distance if self.power == 2 else distance


def _in_step(means: Frames, batch_size: int, batch: Batch) -> ShiftedFrames:
    """Take those of the rolling means that belong to the frames of the rolling average."""
    first = batch_size if batch == "second" else 0
    return ShiftedFrames(means, first, len(means) - batch_size)


_DISTANCES: WeakValueDictionary[tuple[int, int], DistanceFrames] = WeakValueDictionary()


def _distances_of(source: Frames) -> tuple[Frames, Frames]:
    """Return distances and their squares, the same as long as anyone uses them.

    Both batches then share one pass over the recording.
    """
    made: list[Frames] = []
    image = Memo(partial(_mean_of_sample, source))
    for power in (1, 2):
        # A live entry keeps its source alive, so its id cannot be another's.
        frames = _DISTANCES.get((id(source), power))
        if frames is None:
            frames = _DISTANCES[id(source), power] = DistanceFrames(source, image, power)
        image = frames.image
        made.append(frames)
    return made[0], made[1]


def _mean_of_sample(source: Frames) -> npt.NDArray[np.float64]:
    n = len(source)
    sample = spread_frames(n, REFERENCE_FRAMES)
    total = np.zeros(source.shape[1:])
    for frame in sample:
        image = source.read(frame, frame + 1)[0]
        if not np.isfinite(image).all():
            raise BadValueError(
                f"frame {frame} holds NaN or infinity: cut such frames out, or fill them"
            )
        total += image
    return total / len(sample)


def _deviation(
    mean: npt.NDArray[np.float32], square: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    variance = np.maximum(square - mean * mean, 0)
    deviation: npt.NDArray[np.float32] = np.sqrt(variance)
    return deviation
