"""Counts that a camera adds without light, from the noise of its pixels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from dask.base import tokenize
from pydantic import BeforeValidator

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.dark_frame import dark_frame_subtraction
from napari_uai.typing import Floats, Floats32
from napari_uai.videos.find_once import Memo
from napari_uai.videos.formats import open_frames
from napari_uai.videos.frames import Frames, frames_of
from napari_uai.videos.sampling import robust_deviation, spread_frames
from napari_uai.videos.status_line import remove_status_line


def _written(value: Any) -> Any:
    """Return numbers as text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    return value


CameraOffset: TypeAlias = Annotated[str, BeforeValidator(_written)]
"""Counts without light, ``estimated``, or the path of a recording without light."""

ESTIMATED = "estimated"
NO_OFFSET = "0"

FEWEST_PIXELS = 200
ROUNDING = 1 / 12
"""Variance that rounding to whole counts adds."""

OUTLIER = 4.0
ROUNDS = 3
PAIRS = 1500
"""Most pairs of neighbouring frames that are read for an estimate."""


def offset_of_line(
    mean: Floats, variance: Floats, *, whole_counts: bool
) -> tuple[float, float] | None:
    """Return where the line of variance against mean meets a variance of zero, and its error.

    Shot noise has a variance proportional to the light: pixels of different brightness lie on a
    line through the counts without light (the photon transfer curve, Janesick, Photon Transfer,
    2007). Read noise moves the crossing to lower counts.

    Parameters
    ----------
    mean, variance
        Of the noise of each pixel, in counts, n each.
    whole_counts
        Whether counts were rounded.

    Returns
    -------
    tuple of float or None
        Offset and its standard error, in counts; None if brightness differs too little.

    Examples
    --------
    >>> mean = np.linspace(2000, 4000, 500)
    >>> noise = np.random.default_rng(0).normal(1, 0.02, 500)
    >>> offset, error = offset_of_line(mean, 0.1 * (mean - 400) * noise, whole_counts=False)
    >>> bool(abs(offset - 400) < 3 * error)
    True
    """
    variance = variance - ROUNDING * whole_counts
    used = (variance > 0) & np.isfinite(mean)
    for _ in range(ROUNDS):
        if used.sum() < FEWEST_PIXELS:
            return None
        x, y = mean[used], variance[used]
        centre = x.mean()
        # The error of a variance is proportional to it.
        design = np.stack([np.ones_like(x), x - centre], axis=1) / y.mean()
        weight = np.mean(y) / _smooth(x, y)
        covariance = np.linalg.inv((design * weight[:, None] ** 2).T @ design)
        level, slope = covariance @ (design * weight[:, None] ** 2).T @ (y / y.mean())
        left = (variance - level - slope * (mean - centre)) / np.maximum(variance, 1e-9)
        scatter = robust_deviation(left[used], about=0.0)
        used &= np.abs(left) <= OUTLIER * max(scatter, 1e-12)
    errors = scatter * np.sqrt(np.diag(covariance))
    if not slope > 3 * errors[1]:
        return None
    offset = centre - level / slope
    error = np.hypot(errors[0] / slope, level / slope**2 * errors[1])
    return float(offset), float(error)


def _smooth(x: Floats, y: Floats) -> Floats:
    """Return the expected variance at each mean, by a first straight line."""
    slope, level = np.polyfit(x - x.mean(), y, 1)
    return np.asarray(np.maximum(level + slope * (x - x.mean()), 0.1 * y.mean()))


def estimated_offset(frames: Frames) -> float:
    """Estimate the counts without light from pairs of frames spread over a recording.

    Parameters
    ----------
    frames
        Counts.

    Returns
    -------
    float
        Not negative.

    Raises
    ------
    TooFewFramesError
        If there are fewer than 20 frames.
    BadValueError
        If pixels differ too little in brightness for an estimate.
    """
    if len(frames) < 20:
        raise TooFewFramesError(
            f"the offset cannot be estimated from {len(frames)} frames: state it in counts"
        )
    starts = spread_frames(len(frames) - 1, PAIRS)
    total, squares = np.zeros(frames.shape[1:]), np.zeros(frames.shape[1:])
    for start in starts.tolist():
        first, second = np.asarray(frames.read(start, start + 2), np.float64)
        total += first + second
        squares += without_common(second, first) ** 2
    mean, variance = total / (2 * len(starts)), own_variance(squares / (2 * len(starts)))
    line = offset_of_line(mean.ravel(), variance.ravel(), whole_counts=frames.dtype.kind in "ui")
    if line is None:
        raise BadValueError(
            "the offset cannot be estimated: pixels differ too little in brightness; state it in "
            "counts, or give a recording without light"
        )
    return max(line[0], 0.0)


def without_common(second: Floats, first: Floats) -> Floats:
    """Return the change between two frames without that of the light and the means of rows."""
    total = float(first.sum())
    change = second * (total / float(second.sum()) if second.sum() > 0 and total > 0 else 1.0)
    change = change - first
    return np.asarray(change - change.mean(axis=1, keepdims=True))


def own_variance(left: Floats) -> Floats:
    """Return the variance of pixels from that of what is left without the means of their rows.

    Of n pixels in a row, ``left = (1 - 2 / n) own + mean(own) / n``.
    """
    n = left.shape[1]
    return np.asarray((left - left.mean(axis=1, keepdims=True) / (n - 1)) / (1 - 2 / n))


def without_offset(frames: Frames, offset: str) -> Frames:
    """Subtract what the camera adds without light.

    Parameters
    ----------
    frames
        Counts.
    offset
        As :data:`CameraOffset`.

    Returns
    -------
    Frames
        float32; the unchanged frames if the offset is 0.

    Raises
    ------
    BadValueError
        If the offset is neither counts nor an existing recording of the same size.
    """
    if offset == ESTIMATED:
        return OffsetFrames(frames, None)
    try:
        counts = float(offset)
    except ValueError:
        return _without_dark_recording(frames, Path(offset))
    if not 0 <= counts < np.inf:
        raise BadValueError(f"offset must be 0 or more counts, got {offset}")
    return OffsetFrames(frames, counts) if counts else frames


def _without_dark_recording(frames: Frames, path: Path) -> Frames:
    if not path.exists():
        raise BadValueError(
            f"offset must be a number of counts, {ESTIMATED}, or the path of a recording without "
            f"light; {path} is none of them"
        )
    dark, _ = open_frames(path)
    return frames_of(dark_frame_subtraction(frames, remove_status_line(dark)))


class OffsetFrames(Frames):
    """Frames minus an offset, estimated when the first frame is read unless it is known."""

    def __init__(self, source: Frames, counts: float | None) -> None:
        self.source = source
        self.counts = counts
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._offset = Memo(partial(_known, source, counts))

    @property
    def name(self) -> str:
        """Name of the source and the offset."""
        return f"offset-{tokenize(self.source.name, self.counts)}"

    def read(self, start: int, stop: int) -> Floats32:
        """Read the source's frames and subtract the offset."""
        counts = np.asarray(self.source.read(start, stop), np.float32)
        return np.asarray(counts - np.float32(self._offset()), np.float32)


def _known(frames: Frames, counts: float | None) -> float:
    return estimated_offset(frames) if counts is None else counts
