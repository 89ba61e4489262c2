"""Features of batches of frames: mean, standard deviation, difference."""

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
from napari_uai.stages import stage
from napari_uai.videos.combined import CombinedFrames, ShiftedFrames
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, video_like
from napari_uai.videos.offset import second_batch
from napari_uai.videos.sampling import spread_frames


@stage(
    "Mean of a batch",
    menu="filter",
    origin=second_batch,
    methods="The mean of one of the two batches of the rolling average served as a feature",
)
def batch_mean(
    video: Video, *, batch_size: BatchSize = 500, batch: Batch = "first", centered: bool = False
) -> Video:
    """Average one of the two batches that a rolling average compares.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    batch_size
        Frames per batch.
    batch
        ``first`` or ``second`` of the two.
    centered
        Subtract the mean of both batches. The remainder is half of their difference: the same for
        both batches except for the sign.

    Returns
    -------
    Video
        float32, ``n_frames - 2 * batch_size + 1`` frames in the unit of the input.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is outside its limits, or a frame contains NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.arange(5.0).reshape(5, 1, 1)
    >>> iscat.batch_mean(video, batch_size=2, batch="second")[:, 0, 0]
    array([2.5, 3.5], dtype=float32)
    """
    if centered:
        factor = 0.5 if batch == "second" else -0.5
        return video_like(BatchFrames(checked_frames(video, batch_size), batch_size, factor), video)
    means = RollingMeanFrames(prefix_sums_of(checked_frames(video, batch_size)), batch_size)
    return video_like(_in_step(means, batch_size, batch), video)


@stage(
    "Standard deviation of a batch",
    menu="filter",
    origin=second_batch,
    methods="The standard deviation in time within one of the two batches of the rolling average "
    "served as a feature",
)
def batch_deviation(video: Video, *, batch_size: BatchSize = 500, batch: Batch = "first") -> Video:
    """Compute the standard deviation of pixels within one of the two batches of a rolling average.

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
        float32, ``n_frames - 2 * batch_size + 1`` frames in the unit of the input: root of the mean
        squared distance from the batch's own mean.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is outside its limits, or a frame contains NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.array([1.0, 3.0, 5.0, 9.0]).reshape(4, 1, 1)
    >>> iscat.batch_deviation(video, batch_size=2, batch="second")[:, 0, 0]
    array([2.], dtype=float32)
    """
    frames = checked_frames(video, batch_size)
    moments = [RollingMeanFrames(prefix_sums_of(f), batch_size) for f in _distances_of(frames)]
    shifted = tuple(_in_step(moment, batch_size, batch) for moment in moments)
    return video_like(CombinedFrames(shifted, _deviation, "batch-deviation"), video)


@stage(
    "Difference of two batches",
    menu="filter",
    origin=second_batch,
    methods="The difference of the means of consecutive batches served as a feature",
)
def batch_difference(
    video: Video, *, batch_size: BatchSize = 500, sign: Sign = "absolute"
) -> Video:
    """Subtract the mean of each batch from that of the next.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    batch_size
        Frames per batch.
    sign
        ``absolute``: absolute value; ``signed``: positive where the field became brighter.

    Returns
    -------
    Video
        float32, ``n_frames - 2 * batch_size + 1`` frames in the unit of the input. Unlike the
        rolling average it is not divided by the first mean, and no pattern is removed.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches.
    BadValueError
        If a parameter is outside its limits, or a frame contains NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.array([4.0, 4.0, 1.0, 1.0]).reshape(4, 1, 1)
    >>> iscat.batch_difference(video, batch_size=2, sign="signed")[:, 0, 0]
    array([-3.], dtype=float32)
    """
    frames = checked_frames(video, batch_size)
    difference = BatchFrames(frames, batch_size, 1.0, absolute=sign == "absolute")
    return video_like(difference, video)


class BatchFrames(Frames):
    """Differences of the means of two consecutive batches."""

    def __init__(
        self, source: Frames, batch_size: int, factor: float, *, absolute: bool = False
    ) -> None:
        sums = prefix_sums_of(source)
        # Relative difference times mean: unlike a difference of large means, it is accurate in
        # single precision.
        self.relative = DifferentialFrames(sums, batch_size, "none", "both")
        self.first = RollingMeanFrames(sums, batch_size)
        self.source = source
        self.factor = factor
        self.absolute = absolute
        self.shape = self.relative.shape
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Name of the rolling average and the parameters."""
        return f"batch-difference-{tokenize(self.relative.name, self.factor, self.absolute)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Multiply the relative difference by the first mean."""
        out = self.relative.read(start, stop) * self.first.read(start, stop)
        out *= np.float32(self.factor)
        return np.abs(out) if self.absolute else out


class DistanceFrames(Frames):
    """Distance of each pixel from a fixed image near its mean, or its square, in double precision.

    Squares of the distances, unlike those of counts, keep their small variance in sums.
    """

    def __init__(self, source: Frames, image: Memo[npt.NDArray[np.float64]], power: int) -> None:
        self.source = source
        self.image = image
        self.power = power
        self.shape = source.shape
        self.dtype = np.dtype(np.float64)

    @property
    def name(self) -> str:
        """Name of the source and the power."""
        return f"distance-{tokenize(self.source.name, self.power)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Read frames of the source and subtract the image."""
        distance: npt.NDArray[np.float64] = self.source.read(start, stop) - self.image()
        return distance * distance if self.power == 2 else distance


def _in_step(means: Frames, batch_size: int, batch: Batch) -> ShiftedFrames:
    """Select the rolling means that belong to the frames of the rolling average."""
    first = batch_size if batch == "second" else 0
    return ShiftedFrames(means, first, len(means) - batch_size)


_DISTANCES: WeakValueDictionary[tuple[int, int], DistanceFrames] = WeakValueDictionary()


def _distances_of(source: Frames) -> tuple[Frames, Frames]:
    """Return distances and their squares, the same objects as long as they are in use.

    Both batches then share one pass over the recording.
    """
    distances: list[Frames] = []
    image = Memo(partial(_mean_of_sample, source))
    for power in (1, 2):
        # A live entry keeps its source alive, so no other object can have its id.
        frames = _DISTANCES.get((id(source), power))
        if frames is None:
            frames = _DISTANCES[id(source), power] = DistanceFrames(source, image, power)
        image = frames.image
        distances.append(frames)
    return distances[0], distances[1]


def _mean_of_sample(source: Frames) -> npt.NDArray[np.float64]:
    n = len(source)
    sample = spread_frames(n, REFERENCE_FRAMES)
    total = np.zeros(source.shape[1:])
    for frame in sample:
        image = source.read(frame, frame + 1)[0]
        if not np.isfinite(image).all():
            raise BadValueError(
                f"frame {frame} contains NaN or infinity: remove such frames, or repair their "
                "pixels first"
            )
        total += image
    return total / len(sample)


def _deviation(
    mean: npt.NDArray[np.float32], square: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    variance = np.maximum(square - mean * mean, 0)
    deviation: npt.NDArray[np.float32] = np.sqrt(variance)
    return deviation
