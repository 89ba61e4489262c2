"""Photon transfer: gain, offset and read noise of a camera from the noise of its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from annotated_types import Ge, Unit

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.camera_offset import (
    ESTIMATED,
    CameraOffset,
    dark_recording,
    without_offset,
)
from napari_uai.iscat.correct.transfer_line import (
    FEWEST_PAIRS,
    ROUNDING,
    TransferLine,
    pixel_noise,
    transfer_line,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Floats
from napari_uai.videos.frames import Frames, Video, frames_of


@stage(
    "Photon transfer",
    menu="measure",
    methods="The gain of the camera was measured from how the noise of pixels depends on their "
    "brightness (photon transfer)",
)
def photon_transfer(
    video: Video,
    *,
    offset: CameraOffset = ESTIMATED,
    bins: Annotated[int, Ge(2)] = 20,
    max_pairs: Annotated[int, Ge(FEWEST_PAIRS), Unit("frames")] = 1500,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Measure gain, offset and read noise of a camera by the line of variance against mean.

    The variance of a pixel is that of its changes from one frame to the next, without what all
    pixels share (the laser) and without the means of rows. A line is fitted to all pixels; those
    far from it (flickering, hot, under a moving particle) and saturated ones are left out. Frames
    that differ in light by more than 10 % count as several levels, which make the line longer.

    Parameters
    ----------
    video
        Frames, rows, columns; counts as the camera gives them, without its status line. No
        normalisation, no averages.
    offset
        What the camera adds without light: a number of counts, the path of a recording without
        light, or ``estimated``, where the line meets a variance of zero. Read noise moves that
        place, and is known only if the offset is.
    bins
        Groups of pixels of similar brightness into which the table divides the used ones.
    max_pairs
        Most pairs of neighbouring frames to read, spread over the recording.
    monitor
        Progress and cancellation, once per pair of frames.

    Returns
    -------
    pandas.DataFrame
        One row for each group of pixels: ``mean`` (counts, without a known offset), ``variance``
        (counts squared, without that of rounding), ``variance_error``, ``line`` (the fitted
        variance) and ``pixels``. The same in all rows: ``electrons_per_count`` (gain), ``offset``
        (counts) and ``read_noise`` (electrons; NaN unless the offset is known; from the dark
        recording itself if there is one), each with its standard error in ``..._error`` (NaN where
        it was given).

    Raises
    ------
    TooFewFramesError
        If the video has fewer than 21 frames.
    BadValueError
        If pixels differ too little in brightness, or the offset is neither counts nor a recording.

    Warnings
    --------
    Whatever changes from frame to frame besides shot noise, such as particles that move fast or a
    laser that flickers in patterns, adds to the variance and lowers the gain.

    References
    ----------
    Janesick, Photon Transfer, SPIE (2007), doi:10.1117/3.725073.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> light = np.linspace(2000, 6000, 900).reshape(30, 30)
    >>> electrons = np.random.default_rng(0).poisson(light, (400, 30, 30))
    >>> camera = iscat.photon_transfer(electrons / 2 + 100).iloc[0]
    >>> bool(abs(camera.electrons_per_count - 2) < 3 * camera.electrons_per_count_error)
    True
    >>> bool(abs(camera.offset - 100) < 3 * camera.offset_error)
    True
    """
    recording = frames_of(video)
    if len(recording) <= FEWEST_PAIRS:
        raise TooFewFramesError(
            f"photon transfer needs at least {FEWEST_PAIRS + 1} frames, the video has "
            f"{len(recording)}"
        )
    known = offset != ESTIMATED
    whole_counts = recording.dtype.kind in "ui"
    frames = without_offset(recording, offset) if known else recording
    levels = pixel_noise(frames, pairs=max_pairs, monitor=monitor)
    mean = np.concatenate([level.mean.ravel() for level in levels])
    variance = np.concatenate([level.variance.ravel() for level in levels])
    line = transfer_line(mean, variance, whole_counts=whole_counts)
    if line is None:
        raise BadValueError(
            "the gain cannot be measured: pixels differ too little in brightness; use more frames, "
            "or a recording of several levels of light"
        )
    table = _binned(mean, variance - ROUNDING * whole_counts, line, bins)
    camera = _Camera.of(line, offset) if known else _Camera.without_offset(line)
    return table.assign(**camera._asdict())


class _Camera(NamedTuple):
    """What the line says about the camera; the columns of the table that are the same in all rows.

    Gain in electrons per count, offset in counts, read noise in electrons.
    """

    electrons_per_count: float
    electrons_per_count_error: float
    offset: float
    offset_error: float
    read_noise: float
    read_noise_error: float

    @classmethod
    def without_offset(cls, line: TransferLine) -> _Camera:
        """Return what a line alone says: where it meets zero, read noise is 0."""
        return cls(*_gain(line), line.offset, line.offset_error, np.nan, np.nan)

    @classmethod
    def of(cls, line: TransferLine, offset: str) -> _Camera:
        """Return what a line says of counts without the offset, which is known."""
        try:
            counts = float(offset)
        except ValueError:
            dark = dark_recording(Path(offset))
            noise, error = _dark_noise(dark, line)
            return cls(*_gain(line), _mean_of(dark), np.nan, noise, error)
        variance, error = line.at(0.0), line.error_at(0.0)
        noise = np.sqrt(max(variance, 0.0))
        # For a noise near 0, the error of its square.
        noise_error = min(error / (2 * noise), np.sqrt(error)) if noise else np.sqrt(error)
        gain = line.electrons_per_count
        return cls(*_gain(line), counts, np.nan, gain * noise, gain * noise_error)


def _gain(line: TransferLine) -> tuple[float, float]:
    return line.electrons_per_count, line.electrons_per_count_error


def _dark_noise(dark: Frames, line: TransferLine) -> tuple[float, float]:
    """Return the noise of the pixels of a recording without light, and its error, in electrons."""
    if len(dark) < 2:
        return np.nan, np.nan
    rounding = ROUNDING * (dark.dtype.kind in "ui")
    noise = pixel_noise(dark)
    pairs = sum(each.pairs for each in noise)
    variances = np.concatenate([each.variance.ravel() for each in noise])
    # The median of chi-squared over its mean (Wilson & Hilferty 1931), robust to hot pixels.
    median = float(np.nanmedian(variances)) / (1 - 2 / (9 * pairs)) ** 3
    middle = np.sqrt(max(median - rounding, 0.0))
    gain, gain_error = _gain(line)
    statistical = middle / np.sqrt(2 * pairs * variances.size)
    return gain * middle, float(np.hypot(gain * statistical, gain_error * middle))


def _mean_of(dark: Frames) -> float:
    return float(np.mean([each.mean.mean() for each in pixel_noise(dark)]))


def _binned(mean: Floats, variance: Floats, line: TransferLine, bins: int) -> pd.DataFrame:
    """Return means over groups of used pixels of similar brightness."""
    order = np.argsort(mean[line.used])
    rows = []
    for part in np.array_split(order, min(bins, len(order))):
        x, y = mean[line.used][part], variance[line.used][part]
        middle = float(x.mean())
        error = float(y.std(ddof=1) / np.sqrt(len(y))) if len(y) > 1 else np.nan
        rows.append((middle, float(y.mean()), error, line.at(middle), len(part)))
    return pd.DataFrame(rows, columns=["mean", "variance", "variance_error", "line", "pixels"])
