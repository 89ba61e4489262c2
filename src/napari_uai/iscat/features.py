"""Features: videos of equal size that say, pixel by pixel, what may give an anomaly away.

Rolling average and difference of Gaussians are features as they are; here are the others. All
videos that are made from two batches have one frame per frame of the rolling average of that batch
size, in step with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Unit
from dask.base import tokenize
from scipy.ndimage import correlate1d
from skimage.filters import threshold_minimum, threshold_niblack

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.filters import TRUNCATE, difference_of_gaussians
from napari_uai.iscat.fixed_pattern import check_choice
from napari_uai.iscat.memo import Memo
from napari_uai.iscat.parameters import BatchSize, SigmaPx
from napari_uai.iscat.prefix_sums import prefix_sums_of
from napari_uai.iscat.rolling_average import (
    DifferentialFrames,
    RollingMeanFrames,
    check_batch_size,
)
from napari_uai.monitor import checkpoint
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    lazy_video,
    per_frame,
    video_like,
)

Sign: TypeAlias = Literal["signed", "absolute"]
"""Whether bright and dark are kept apart."""

Batch: TypeAlias = Literal["first", "second"]
"""The frames before, or those after the frame to which a rolling average belongs."""

SigmaFrames: TypeAlias = Annotated[float, Gt(0), Unit("frames")]

REFERENCE_FRAMES = 64


def residual(video: Video, predicted: Video, *, sign: Sign = "signed") -> Video:
    """Subtract from each frame what was predicted for it.

    Parameters
    ----------
    video
        Frames, rows, columns.
    predicted
        The same frames as a network or any other model of the background expects them.
    sign
        ``signed``: what is brighter than expected is positive; ``absolute``: its size.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If the two videos differ in shape.
    """
    check_choice("sign", sign, ("signed", "absolute"))
    sources = equal_frames(video, predicted)
    return video_like(CombinedFrames(sources, partial(_difference, sign=sign), "residual"), video)


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
        return video_like(BatchFrames(_checked(video, batch_size), batch_size, factor), video)
    means = RollingMeanFrames(prefix_sums_of(_checked(video, batch_size)), batch_size)
    return video_like(_in_step(means, batch_size, batch), video)


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
    frames = _checked(video, batch_size)
    moments = [RollingMeanFrames(prefix_sums_of(f), batch_size) for f in _distances_of(frames)]
    shifted = tuple(_in_step(moment, batch_size, batch) for moment in moments)
    return video_like(CombinedFrames(shifted, _deviation, "batch-deviation"), video)


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
    frames = _checked(video, batch_size)
    difference = BatchFrames(frames, batch_size, 1.0, absolute=sign == "absolute")
    return video_like(difference, video)


def difference_of_gaussians_3d(
    video: Video,
    *,
    sigma_low: SigmaPx = 1.7,
    sigma_high: SigmaPx = 1.8,
    sigma_low_frames: SigmaFrames = 10.0,
    sigma_high_frames: SigmaFrames = 50.0,
    sign: Sign = "signed",
) -> Video:
    """Difference of two Gaussians in each frame, then of two Gaussians over time.

    What has about the given size and lasts about the given time stands out; what is smooth in
    space or slow in time vanishes.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    sigma_low
        Standard deviation of the narrow Gaussian in space.
    sigma_high
        Standard deviation of the wide Gaussian in space.
    sigma_low_frames
        Standard deviation of the narrow Gaussian in time.
    sigma_high_frames
        Standard deviation of the wide Gaussian in time; beyond the ends the video goes on with its
        first and last frame.
    sign
        ``signed``: narrow minus wide, as in space; ``absolute``: its size.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If a width is not positive, or the wide one is not larger than the narrow one.
    """
    check_choice("sign", sign, ("signed", "absolute"))
    if not 0 < sigma_low_frames < sigma_high_frames < np.inf:
        raise BadValueError(
            f"sigma_high_frames ({sigma_high_frames}) is to be larger than sigma_low_frames "
            f"({sigma_low_frames}), and both larger than 0"
        )
    source = _lazily(
        video, partial(difference_of_gaussians, sigma_low=sigma_low, sigma_high=sigma_high)
    )
    taps = _temporal_taps(float(sigma_low_frames), float(sigma_high_frames))
    return video_like(TemporalFilterFrames(source, taps, absolute=sign == "absolute"), video)


def minimum_threshold_map(video: Video) -> Video:
    """Mark in each frame the pixels above the minimum between the two humps of its histogram.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.

    Returns
    -------
    Video
        float32, same shape: 1 above the threshold, 0 below, NaN where the frame is not finite. All
        1 where the histogram has no two humps.

    References
    ----------
    Prewitt & Mendelsohn, Ann. N. Y. Acad. Sci. 128, 1035 (1966), as in scikit-image.
    """
    return per_frame(video, _minimum_maps, label="minimum-threshold")


def niblack_threshold_map(
    video: Video, *, window_px: Annotated[int, Ge(3), Unit("px")] = 3, k: float = 2.0
) -> Video:
    """Local threshold of Niblack: mean less ``k`` standard deviations of a window.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    window_px
        Side of the square window; odd.
    k
        How many standard deviations are subtracted from the mean.

    Returns
    -------
    Video
        float32, same shape and unit: the threshold at each pixel.

    Raises
    ------
    BadValueError
        If the window is not odd, or smaller than 3.

    References
    ----------
    Niblack, An Introduction to Digital Image Processing (1986), as in scikit-image.
    """
    if window_px < 3 or window_px % 2 == 0:
        raise BadValueError(f"window_px is an odd number from 3 on, got {window_px}")
    if not np.isfinite(k):
        raise BadValueError(f"k is a number, got {k}")
    function = partial(_niblack_maps, window_px=int(window_px), k=float(k))
    return per_frame(video, function, label="niblack-threshold")


class CombinedFrames(Frames):
    """Frames that a function makes from the same frames of several sources."""

    def __init__(
        self,
        sources: tuple[Frames, ...],
        function: Callable[..., npt.NDArray[Any]],
        label: str,
    ) -> None:
        self.sources = sources
        self.source = sources[0]
        self.function = function
        self.label = label
        self.shape = sources[0].shape
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Names of the sources, and the function with its parameters."""
        return f"{self.label}-{tokenize([s.name for s in self.sources], self.function)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read the frames of all sources and combine them."""
        blocks = [source.read(start, stop) for source in self.sources]
        return np.asarray(self.function(*blocks), np.float32)


class ShiftedFrames(Frames):
    """Some consecutive frames of another source."""

    def __init__(self, source: Frames, first: int, n_frames: int) -> None:
        self.source = source
        self.first = first
        self.shape = (n_frames, *source.shape[1:])
        self.dtype = source.dtype

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the source, and which frames."""
        return f"shifted-{tokenize(self.source.name, self.first, len(self))}"

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read the source's frames farther on."""
        return self.source.read(self.first + start, self.first + stop)


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
    def name(self) -> str:  # type: ignore[override]
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
    def name(self) -> str:  # type: ignore[override]
        """Name of the source, and the power."""
        return f"distance-{tokenize(self.source.name, self.power)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Read the source's frames and subtract the image."""
        distance: npt.NDArray[np.float64] = self.source.read(start, stop) - self.image()
        return distance * distance if self.power == 2 else distance


class TemporalFilterFrames(Frames):
    """Frames that are weighted sums of their neighbours in time."""

    def __init__(
        self, source: Frames, taps: npt.NDArray[np.float64], *, absolute: bool = False
    ) -> None:
        self.source = source
        self.taps = taps
        self.absolute = absolute
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the source, and the weights."""
        return f"temporal-filter-{tokenize(self.source.name, self.taps, self.absolute)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read the frames and their neighbours; the first and last stand for those beyond."""
        if stop <= start:
            return np.empty((0, *self.shape[1:]), np.float32)
        radius = len(self.taps) // 2
        first, last = max(start - radius, 0), min(stop + radius, len(self))
        block = np.asarray(self.source.read(first, last), np.float32)
        # the ends of the video are those of the block wherever a neighbour is missing
        out = np.empty((stop - start, *self.shape[1:]), np.float32)
        for row in range(self.shape[1]):
            checkpoint()
            filtered = correlate1d(block[:, row], self.taps, axis=0, mode="nearest")
            out[:, row] = filtered[start - first : stop - first]
        return np.abs(out) if self.absolute else out


def equal_frames(*videos: Video) -> tuple[Frames, ...]:
    """Return the frames of videos of one shape.

    Raises
    ------
    BadValueError
        If they differ in shape; the message gives the shapes.
    """
    sources = tuple(frames_of(video) for video in videos)
    shapes = [source.shape for source in sources]
    if len(set(shapes)) > 1:
        raise BadValueError(
            f"the videos must have the same frames, rows and columns, got "
            f"{', '.join(' x '.join(map(str, shape)) for shape in shapes)}: make all of them with "
            "one batch size, from one recording"
        )
    return sources


def _checked(video: Video, batch_size: int) -> Frames:
    frames = frames_of(video)
    check_batch_size(batch_size, len(frames), batches=2)
    return frames


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
    sample = np.unique(np.linspace(0, n - 1, min(n, REFERENCE_FRAMES)).round().astype(int))
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


def _difference(
    video: npt.NDArray[Any], predicted: npt.NDArray[Any], *, sign: Sign
) -> npt.NDArray[np.float32]:
    out: npt.NDArray[np.float32] = np.subtract(video, predicted, dtype=np.float64).astype(
        np.float32
    )
    return np.abs(out) if sign == "absolute" else out


def _lazily(video: Video, stage: Callable[[Video], Video]) -> Frames:
    """Return the frames of a stage without computing them, whatever kind of array is given."""
    frames = frames_of(video)
    if len(frames) == 0:
        raise TooFewFramesError("a filter over time needs at least 1 frame, the video has 0")
    return frames_of(stage(lazy_video(frames)))


def _temporal_taps(low: float, high: float) -> npt.NDArray[np.float64]:
    radius = int(TRUNCATE * high + 0.5)
    t = np.arange(-radius, radius + 1)
    narrow, wide = (
        np.where(np.abs(t) <= int(TRUNCATE * s + 0.5), np.exp(-0.5 * (t / s) ** 2), 0.0)
        for s in (low, high)
    )
    return np.asarray(narrow / narrow.sum() - wide / wide.sum())


def _minimum_maps(frames: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    out = np.ones(frames.shape, np.float32)
    for frame, place in zip(frames, out, strict=True):
        checkpoint()
        finite = np.isfinite(frame)
        try:
            place[...] = frame > threshold_minimum(frame[finite])
        except (RuntimeError, ValueError, IndexError):
            place[...] = 1
        place[~finite] = np.nan
    return out


def _niblack_maps(frames: npt.NDArray[Any], *, window_px: int, k: float) -> npt.NDArray[np.float32]:
    out = np.empty(frames.shape, np.float32)
    for frame, place in zip(frames, out, strict=True):
        checkpoint()
        place[...] = threshold_niblack(np.asarray(frame, np.float64), window_size=window_px, k=k)
    return out
