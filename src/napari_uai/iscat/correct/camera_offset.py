"""Counts that a camera adds without light, from the noise of its pixels."""

from __future__ import annotations

import numpy as np

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.typing import Floats
from napari_uai.videos.frames import Frames
from napari_uai.videos.sampling import spread_frames

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
        scatter = 1.4826 * float(np.median(np.abs(left[used])))
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
    mean, variance = total / (2 * len(starts)), squares / (2 * len(starts))
    line = offset_of_line(mean.ravel(), variance.ravel(), whole_counts=frames.dtype.kind in "ui")
    if line is None:
        raise BadValueError(
            "the offset cannot be estimated: pixels differ too little in brightness; state it in "
            "counts, or give a recording without light"
        )
    return max(line[0], 0.0)


def without_common(second: Floats, first: Floats) -> Floats:
    """Return the change between two frames without that of the light and of rows and columns."""
    total = float(first.sum())
    change = second * (total / float(second.sum()) if second.sum() > 0 and total > 0 else 1.0)
    change = change - first
    change -= change.mean(axis=1, keepdims=True)
    return np.asarray(change - change.mean(axis=0))
