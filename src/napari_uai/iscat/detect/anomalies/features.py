"""Features: videos of equal size that say, pixel by pixel, what may give an anomaly away.

Rolling average and difference of Gaussians are features as they are; here are the others. All
videos that are made from two batches have one frame per frame of the rolling average of that batch
size, in step with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Unit
from dask.base import tokenize
from scipy.ndimage import correlate1d
from skimage.filters import threshold_minimum, threshold_niblack

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.filters import difference_of_gaussians
from napari_uai.iscat.correct.rolling_average import check_batch_size
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.iscat.parameters import SigmaPx
from napari_uai.monitor import raise_if_cancelled
from napari_uai.parameters import check_choice
from napari_uai.stages import stage
from napari_uai.videos.cached import cached
from napari_uai.videos.combined import CombinedFrames, equal_frames
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    per_frame,
    video_like,
)

Sign: TypeAlias = Literal["signed", "absolute"]
"""Whether bright and dark are kept apart."""

Batch: TypeAlias = Literal["first", "second"]
"""The frames before, or those after the frame to which a rolling average belongs."""

SigmaFrames: TypeAlias = Annotated[float, Gt(0), Unit("frames")]
REFERENCE_FRAMES = 64


@stage("Residual of a prediction", menu="filter")
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


@stage("Difference of Gaussians in space and time", menu="filter")
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
    filtered = TemporalFilterFrames(source, taps, absolute=sign == "absolute")
    return video_like(cached(filtered, frames_per_chunk(filtered.shape)), video)


@stage("Minimum threshold map", menu="filter")
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


@stage("Niblack threshold map", menu="filter")
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
    def name(self) -> str:
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
            raise_if_cancelled()
            filtered = correlate1d(block[:, row], self.taps, axis=0, mode="nearest")
            out[:, row] = filtered[start - first : stop - first]
        return np.abs(out) if self.absolute else out


def checked_frames(video: Video, batch_size: int) -> Frames:
    """Return the frames of a video that is at least two batches long."""
    frames = frames_of(video)
    check_batch_size(batch_size, len(frames), batches=2)
    return frames


def _difference(
    video: npt.NDArray[Any], predicted: npt.NDArray[Any], *, sign: Sign
) -> npt.NDArray[np.float32]:
    out: npt.NDArray[np.float32] = np.subtract(video, predicted, dtype=np.float64).astype(
        np.float32
    )
    return np.abs(out) if sign == "absolute" else out


def _lazily(video: Video, stage: Callable[[Video], Video]) -> Frames:
    """Return the frames of a stage without computing them, whatever kind of video is given."""
    frames = frames_of(video)
    if len(frames) == 0:
        raise TooFewFramesError("a filter over time needs at least 1 frame, the video has 0")
    return frames_of(stage(frames))


def _temporal_taps(low: float, high: float) -> npt.NDArray[np.float64]:
    radius = gaussian_radius(high)
    return gaussian_taps(low, radius) - gaussian_taps(high, radius)


def _minimum_maps(frames: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    out = np.ones(frames.shape, np.float32)
    for frame, place in zip(frames, out, strict=True):
        raise_if_cancelled()
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
        raise_if_cancelled()
        place[...] = threshold_niblack(np.asarray(frame, np.float64), window_size=window_px, k=k)
    return out
