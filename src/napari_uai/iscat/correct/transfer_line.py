"""The line of variance against mean (photon transfer), from the noise of the pixels of a recording.

Shot noise has a variance proportional to the light: pixels of different brightness, and frames of
different light, lie on a line through the counts without light. Its slope is the inverse of the
gain (Janesick, Photon Transfer, SPIE, 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Bools, Floats, Ints
from napari_uai.videos.frames import Frames
from napari_uai.videos.health import is_largest_count
from napari_uai.videos.sampling import robust_deviation, spread_frames

FEWEST_PIXELS = 200
ROUNDING = 1 / 12
"""Variance that rounding to whole counts adds."""

OUTLIER = 4.0
ROUNDS = 3
PAIRS = 1500
"""Most pairs of neighbouring frames that are read for an estimate."""

FEWEST_PAIRS = 20
"""Pairs from which the variance of the pixels at one level of light is known."""

LEVEL = 0.1
"""Share by which the light of frames differs that are of two levels."""

STEADY = 0.05
"""Share by which the light of two neighbouring frames may differ."""


class TransferLine(NamedTuple):
    """Line of variance against mean: ``level + slope * (mean - centre)``.

    Attributes
    ----------
    centre, level
        Mean of the pixels and variance there, in counts and counts squared.
    slope
        Counts per electron.
    covariance
        Of level and slope, (2, 2).
    used
        Which pixels agree with it.
    """

    centre: float
    level: float
    slope: float
    covariance: Floats
    used: Bools

    @property
    def offset(self) -> float:
        """Counts at which the variance is zero."""
        return self.centre - self.level / self.slope

    @property
    def offset_error(self) -> float:
        """Standard error of the offset, in counts."""
        return self.error_at(self.offset) / self.slope

    @property
    def electrons_per_count(self) -> float:
        """Gain of the camera."""
        return 1 / self.slope

    @property
    def electrons_per_count_error(self) -> float:
        """Standard error of the gain."""
        return float(np.sqrt(self.covariance[1, 1])) / self.slope**2

    def at(self, mean: float) -> float:
        """Return the variance at a mean."""
        return self.level + self.slope * (mean - self.centre)

    def error_at(self, mean: float) -> float:
        """Return the standard error of the variance at a mean."""
        lever = np.array([1.0, mean - self.centre])
        return float(np.sqrt(lever @ self.covariance @ lever))


def transfer_line(mean: Floats, variance: Floats, *, whole_counts: bool) -> TransferLine | None:
    """Fit a line to the variance of pixels, leaving out those that are far from it.

    Read noise moves the crossing with zero to lower counts.

    Parameters
    ----------
    mean, variance
        Of the noise of each pixel, in counts, n each.
    whole_counts
        Whether counts were rounded.

    Returns
    -------
    TransferLine or None
        None if brightness differs too little.

    Examples
    --------
    >>> mean = np.linspace(2000, 4000, 500)
    >>> noise = np.random.default_rng(0).normal(1, 0.02, 500)
    >>> line = transfer_line(mean, 0.1 * (mean - 400) * noise, whole_counts=False)
    >>> bool(abs(line.offset - 400) < 3 * line.offset_error)
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
    covariance = scatter**2 * covariance
    if not slope > 3 * np.sqrt(covariance[1, 1]):
        return None
    return TransferLine(float(centre), float(level), float(slope), covariance, used)


def _smooth(x: Floats, y: Floats) -> Floats:
    """Return the expected variance at each mean, by a first straight line."""
    slope, level = np.polyfit(x - x.mean(), y, 1)
    return np.asarray(np.maximum(level + slope * (x - x.mean()), 0.1 * y.mean()))


class PixelNoise(NamedTuple):
    """Mean and variance of each pixel at one level of light, and pairs of frames they are from."""

    mean: Floats
    variance: Floats
    pairs: int


def pixel_noise(
    frames: Frames, *, pairs: int = PAIRS, monitor: Monitor = SILENT
) -> list[PixelNoise]:
    """Measure the noise of the pixels in pairs of neighbouring frames, spread over a recording.

    Parameters
    ----------
    frames
        Counts.
    pairs
        Most pairs to read.
    monitor
        Progress and cancellation, once per pair.

    Returns
    -------
    list of PixelNoise
        One for each level of light with at least ``FEWEST_PAIRS`` pairs, or one for all frames.
        Pixels that reach the largest count of the camera are NaN.
    """
    starts = spread_frames(len(frames) - 1, pairs)
    before, after = _light_of_pairs(frames, starts, monitor.part(0.0, 0.5))
    steady = np.abs(after - before) <= STEADY * np.abs(before)
    grid = np.floor(np.log(np.maximum(before, 1e-300)) / np.log1p(LEVEL)).astype(np.int64)
    levels = [starts[steady & (grid == place)] for place in np.unique(grid[steady])]
    enough = [level for level in levels if len(level) >= FEWEST_PAIRS] or [starts]
    share = 0.5 / len(enough)
    return [
        _noise_at(frames, level, monitor.part(0.5 + k * share, 0.5 + (k + 1) * share))
        for k, level in enumerate(enough)
    ]


def _light_of_pairs(frames: Frames, starts: Ints, monitor: Monitor) -> tuple[Floats, Floats]:
    """Return the mean of the first and second frame of each pair."""
    light = np.empty((2, len(starts)))
    for k, start in enumerate(starts.tolist()):
        monitor.update(k / len(starts), "light")
        light[:, k] = np.asarray(frames.read(start, start + 2), np.float64).mean(axis=(1, 2))
    return light[0], light[1]


def _noise_at(frames: Frames, starts: Ints, monitor: Monitor) -> PixelNoise:
    total, squares = np.zeros(frames.shape[1:]), np.zeros(frames.shape[1:])
    highest = np.full(frames.shape[1:], -np.inf)
    for k, start in enumerate(starts.tolist()):
        monitor.update(k / len(starts), "noise")
        first, second = np.asarray(frames.read(start, start + 2), np.float64)
        total += first + second
        squares += without_common(second, first) ** 2
        np.maximum(highest, np.maximum(first, second), out=highest)
    mean = total / (2 * len(starts))
    variance = own_variance(squares / (2 * len(starts)))
    if frames.dtype.kind in "ui" and is_largest_count(float(highest.max())):
        mean[highest == highest.max()] = np.nan
    return PixelNoise(mean, variance, len(starts))


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
