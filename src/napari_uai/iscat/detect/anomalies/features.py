"""Features: videos of equal size whose pixel values help to tell anomalies from the background.

Rolling averages and differences of Gaussians are features as they are; this module adds others. All
videos computed from two batches have one frame per frame of the rolling average of that batch size,
in step with it.
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
from napari_uai.iscat.correct.rolling_average import check_length
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.iscat.parameters import SigmaPx
from napari_uai.monitor import raise_if_cancelled
from napari_uai.parameters import Odd
from napari_uai.stages import stage
from napari_uai.videos.combined import CombinedFrames, equal_frames
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    per_frame,
    video_like,
)
from napari_uai.videos.sources.cached import cached

Sign: TypeAlias = Literal["signed", "absolute"]
"""Whether bright and dark are distinguished."""

Batch: TypeAlias = Literal["first", "second"]
"""The frames before or after the raw frame to which a rolling average belongs."""

SigmaFrames: TypeAlias = Annotated[float, Gt(0), Unit("frames")]
REFERENCE_FRAMES = 64


@stage("Residual of a prediction", menu="filter")
def residual(video: Video, predicted: Video, *, sign: Sign = "signed") -> Video:
    """Subtract its prediction from each frame.

    Parameters
    ----------
    video
        Frames, rows, columns.
    predicted
        The same frames as predicted by a network or any other model of the background.
    sign
        ``signed``: positive where the frame is brighter than predicted; ``absolute``: absolute
        value.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If the two videos differ in shape, or ``sign`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.residual(np.array([[[1.0, 2.0]]]), np.array([[[2.0, 2.0]]]))
    array([[[-1.,  0.]]], dtype=float32)
    """
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
    """Take the difference of two Gaussians within each frame, then of two Gaussians over time.

    Structures of about the given size and duration stand out; what is smooth in space or slow in
    time vanishes.

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
        Standard deviation of the wide Gaussian in time; the video is extended by its first and last
        frame.
    sign
        ``signed``: narrow minus wide, as in space; ``absolute``: absolute value.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If a width is not positive, or a wide Gaussian is not wider than its narrow one.
    TooFewFramesError
        If the video has no frames.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> steady = np.ones((30, 1, 1)) * np.random.default_rng(0).normal(size=(1, 16, 16))
    >>> filtered = iscat.difference_of_gaussians_3d(steady, sigma_high_frames=20)
    >>> bool(np.abs(filtered).max() < 1e-6)
    True
    """
    if not sigma_high_frames > sigma_low_frames:
        raise BadValueError(
            f"sigma_high_frames must be greater than sigma_low_frames ({sigma_low_frames}), got "
            f"{sigma_high_frames}"
        )
    source = _lazily(
        video, partial(difference_of_gaussians, sigma_low=sigma_low, sigma_high=sigma_high)
    )
    taps = _temporal_taps(sigma_low_frames, sigma_high_frames)
    filtered = TemporalFilterFrames(source, taps, absolute=sign == "absolute")
    return video_like(cached(filtered, frames_per_chunk(filtered.shape)), video)


@stage("Minimum threshold map", menu="filter")
def minimum_threshold_map(video: Video) -> Video:
    """Mark the pixels of each frame above the minimum between the two modes of its histogram.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.

    Returns
    -------
    Video
        float32, same shape: 1 above the threshold, 0 below, NaN where the frame is not finite. 1
        everywhere if the histogram does not have two modes.

    References
    ----------
    Prewitt & Mendelsohn, Ann. N. Y. Acad. Sci. 128, 1035 (1966),
    doi:10.1111/j.1749-6632.1965.tb11715.x, as implemented in scikit-image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.random.default_rng(0).normal(0, 0.1, (1, 16, 16))
    >>> video[:, :, 8:] += 3
    >>> maps = iscat.minimum_threshold_map(video)
    >>> float(maps[:, :, :8].max()), float(maps[:, :, 8:].min())
    (0.0, 1.0)
    """
    return per_frame(video, _minimum_maps, label="minimum-threshold")


@stage("Niblack threshold map", menu="filter")
def niblack_threshold_map(
    video: Video, *, window_px: Annotated[int, Ge(3), Odd, Unit("px")] = 3, k: float = 2.0
) -> Video:
    """Compute Niblack's local threshold: mean minus ``k`` standard deviations of a window.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    window_px
        Side of the square window.
    k
        Number of standard deviations that are subtracted from the mean.

    Returns
    -------
    Video
        float32, same shape and unit: the threshold at each pixel.

    Raises
    ------
    BadValueError
        If ``window_px`` is not an odd number of at least 3.

    References
    ----------
    Niblack, An Introduction to Digital Image Processing, Prentice-Hall (1986), as implemented in
    scikit-image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> frame = np.arange(9.0).reshape(1, 3, 3)
    >>> threshold = iscat.niblack_threshold_map(frame, window_px=3, k=1)[0, 1, 1]
    >>> bool(np.isclose(threshold, frame.mean() - frame.std()))
    True
    """
    function = partial(_niblack_maps, window_px=window_px, k=k)
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
        """Name of the source and the weights."""
        return f"temporal-filter-{tokenize(self.source.name, self.taps, self.absolute)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read frames with their neighbours; beyond the ends, the first and last are repeated."""
        if stop <= start:
            return np.empty((0, *self.shape[1:]), np.float32)
        radius = len(self.taps) // 2
        first, last = max(start - radius, 0), min(stop + radius, len(self))
        block = np.asarray(self.source.read(first, last), np.float32)
        # Where neighbours are missing, the block ends where the video does.
        out = np.empty((stop - start, *self.shape[1:]), np.float32)
        for row in range(self.shape[1]):
            raise_if_cancelled()
            filtered = correlate1d(block[:, row], self.taps, axis=0, mode="nearest")
            out[:, row] = filtered[start - first : stop - first]
        return np.abs(out) if self.absolute else out


def checked_frames(video: Video, batch_size: int) -> Frames:
    """Return the frames of a video of at least two batches."""
    frames = frames_of(video)
    check_length(len(frames), batch_size, batches=2)
    return frames


def _difference(
    video: npt.NDArray[Any], predicted: npt.NDArray[Any], *, sign: Sign
) -> npt.NDArray[np.float32]:
    out: npt.NDArray[np.float32] = np.subtract(video, predicted, dtype=np.float64).astype(
        np.float32
    )
    return np.abs(out) if sign == "absolute" else out


def _lazily(video: Video, stage: Callable[[Video], Video]) -> Frames:
    """Return the frames of a stage without computing them, whatever the type of video."""
    frames = frames_of(video)
    if len(frames) == 0:
        raise TooFewFramesError("a temporal filter needs at least 1 frame, the video has 0")
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
