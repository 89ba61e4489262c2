"""Normalisation to a range, of a whole recording or of each frame."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le, Unit
from dask.base import tokenize

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.kernels.blocks import as_block
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import Ascending, checked
from napari_uai.stages import stage
from napari_uai.typing import AnyArray
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    per_frame,
    video_like,
)
from napari_uai.videos.sampling import spread_frames

Percentile: TypeAlias = Annotated[float, Ge(0), Le(100), Unit("%")]
"""Percentage of the pixels below a value."""

SAMPLE_PIXELS = 4_000_000
"""Approximate number of pixels from which percentiles between 0 and 100 are estimated."""


@stage(
    "Normalise the recording",
    menu="filter",
    methods="The pixels of the whole recording were scaled to one range",
)
def global_normalization(
    video: Video,
    *,
    minimum: float = 0.0,
    maximum: float = 1.0,
    low_percentile: Percentile = 0.0,
    high_percentile: Percentile = 100.0,
    limits: Annotated[tuple[float, float], Ascending] | None = None,
) -> Video:
    """Scale a whole recording so that its pixels lie between a minimum and a maximum.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    minimum
        Value to which the low limit is mapped.
    maximum
        Value to which the high limit is mapped.
    low_percentile
        Percentile of all pixels that is the low limit; 0 is the smallest pixel. Above 0 it is
        estimated from evenly spaced frames, and pixels below the limit fall below ``minimum``.
    high_percentile
        Percentile of all pixels that is the high limit; 100 is the largest pixel, which may be a
        single hot pixel.
    limits
        Low and high limit if they are known, for instance those of the recording on which a network
        was trained; the percentiles are then ignored.

    Returns
    -------
    Video
        float32, same shape; ``minimum`` everywhere if the recording is constant. The limits are
        determined in one pass over the recording when the first frame is read.

    Raises
    ------
    BadValueError
        If limits or percentiles are not in ascending order, or a frame contains NaN or infinity.
    TooFewFramesError
        If the video has no frames.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.global_normalization(np.array([[[10, 15, 20]]]))
    array([[[0. , 0.5, 1. ]]], dtype=float32)
    """
    frames = frames_of(video)
    _check_percentiles(low_percentile, high_percentile)
    if not minimum < maximum:
        raise BadValueError(f"minimum must be less than maximum ({maximum}), got {minimum}")
    _check_not_empty(frames)
    percentiles = (low_percentile, high_percentile)
    return video_like(ScaledFrames(frames, percentiles, limits, (minimum, maximum)), video)


@stage(
    "Normalise each frame",
    menu="filter",
    methods="The pixels of each frame were scaled by the range or the maximum of that frame",
)
def frame_normalization(video: Video, *, by: Literal["range", "maximum"] = "range") -> Video:
    """Scale each frame by its own range or maximum.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    by
        ``range``: the smallest pixel of the frame becomes 0, the largest 1; ``maximum``: the frame
        is divided by its largest pixel.

    Returns
    -------
    Video
        float32, same shape. Frames that are constant (by range), or whose largest pixel is 0 (by
        maximum), become 0.

    Raises
    ------
    BadValueError
        If ``by`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.frame_normalization(np.array([[[10, 15, 20]], [[1, 2, 3]]]))[:, 0]
    array([[0. , 0.5, 1. ],
           [0. , 0.5, 1. ]], dtype=float32)
    """
    return per_frame(video, partial(_scale_each, by=by), label="frame-normalization")


@checked
def video_limits(
    video: Video,
    *,
    low_percentile: Percentile = 0.0,
    high_percentile: Percentile = 100.0,
    monitor: Monitor = SILENT,
) -> tuple[float, float]:
    """Find the limits of the pixels of a recording.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    low_percentile
        0 is the smallest pixel, found in one pass; above 0, estimated from a sample of frames.
    high_percentile
        100 is the largest pixel, found in one pass; below 100, estimated from a sample of frames.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    tuple of float
        Low and high limit, in the unit of the video.

    Raises
    ------
    BadValueError
        If a percentile is outside its limits, or a frame contains NaN or infinity.
    TooFewFramesError
        If the video has no frames.

    Examples
    --------
    >>> import numpy as np
    >>> video_limits(np.arange(6.0).reshape(2, 1, 3))
    (0.0, 5.0)
    """
    _check_percentiles(low_percentile, high_percentile)
    frames = frames_of(video)
    _check_not_empty(frames)
    return _find_limits(frames, (low_percentile, high_percentile), monitor)


class ScaledFrames(Frames):
    """Frames mapped linearly from limits, determined when the first frame is read, to a range."""

    def __init__(
        self,
        source: Frames,
        percentiles: tuple[float, float],
        limits: tuple[float, float] | None,
        target: tuple[float, float],
    ) -> None:
        self.source = source
        self.percentiles = percentiles
        self.fixed_limits = limits
        self.target = target
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._limits = Memo(partial(_find_limits, source, percentiles))

    @property
    def name(self) -> str:
        """Name of the source and all parameters."""
        key = (self.source.name, self.percentiles, self.fixed_limits, self.target)
        return f"global-normalization-{tokenize(*key)}"

    @property
    def limits(self) -> tuple[float, float]:
        """Low and high limit, to be stored with a network that is trained on these frames."""
        return self._limits() if self.fixed_limits is None else self.fixed_limits

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read the source's frames and scale them."""
        (low, high), (minimum, maximum) = self.limits, self.target
        gain = (maximum - minimum) / (high - low) if high > low else 0.0
        out = np.empty((max(stop - start, 0), *self.shape[1:]), np.float32)
        source = self.source.read(start, stop)
        values = as_block(np.ascontiguousarray(source)).flat
        _scale(values, low, gain, minimum, out.ravel())
        return out


@kernel
def _scale(
    values: AnyArray, low: float, gain: float, minimum: float, out: npt.NDArray[np.float32]
) -> None:
    """Scale values in float64: limits may be close together and far from 0."""
    for i in range(len(out)):
        out[i] = np.float32((np.float64(values[i]) - low) * gain + minimum)


def _find_limits(
    frames: Frames, percentiles: tuple[float, float], monitor: Monitor = SILENT
) -> tuple[float, float]:
    if percentiles == (0.0, 100.0):
        return _extremes(frames, monitor)
    low, high = (float(value) for value in np.percentile(_sample(frames), percentiles))
    if percentiles[0] == 0:
        low = _extremes(frames, monitor)[0]
    if percentiles[1] == 100:
        high = _extremes(frames, monitor)[1]
    return low, high


def _extremes(frames: Frames, monitor: Monitor) -> tuple[float, float]:
    def extremes(start: int, stop: int) -> tuple[float, float]:
        block = frames.read(start, stop)
        low, high = float(block.min()), float(block.max())
        if not math.isfinite(low + high):
            _check_finite(block, range(start, stop))
        return low, high

    chunk = frames_per_chunk(frames.shape)
    parts = list(map_chunks(extremes, len(frames), chunk, monitor=monitor, message="limits"))
    return min(low for low, _ in parts), max(high for _, high in parts)


def _sample(frames: Frames) -> npt.NDArray[Any]:
    """Return evenly spaced frames."""
    n, height, width = frames.shape
    count = int(np.clip(SAMPLE_PIXELS // (height * width), 1, n))
    numbers = spread_frames(n, count)
    sample = np.stack([frames.read(frame, frame + 1)[0] for frame in numbers])
    _check_finite(sample, numbers)
    return sample


def _check_finite(block: npt.NDArray[Any], numbers: range | npt.NDArray[Any]) -> None:
    if block.dtype.kind == "f" and not np.isfinite([block.min(), block.max()]).all():
        bad = numbers[int(np.flatnonzero(~np.isfinite(block).all(axis=(1, 2)))[0])]
        raise BadValueError(
            f"frame {bad} contains NaN or infinity: remove such frames, or repair their pixels "
            "first"
        )


def _check_percentiles(low: float, high: float) -> None:
    if not low < high:
        raise BadValueError(f"low_percentile must be less than high_percentile ({high}), got {low}")


def _check_not_empty(frames: Frames) -> None:
    if len(frames) == 0:
        raise TooFewFramesError("normalisation needs at least 1 frame, the video has 0")


def _scale_each(frames: npt.NDArray[Any], *, by: str) -> npt.NDArray[np.float32]:
    values = frames.astype(np.float64)
    high = values.max(axis=(1, 2), keepdims=True)
    if by == "range":
        low = values.min(axis=(1, 2), keepdims=True)
        values -= low
        high -= low
    scaled = np.divide(values, high, out=np.zeros_like(values), where=high != 0)
    return np.asarray(scaled, np.float32)
