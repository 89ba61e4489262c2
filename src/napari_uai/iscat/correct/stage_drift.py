"""Stage drift: measuring and removing sub-pixel motion of the background.

A shift by d changes an image M by ``-d . grad M + (d . grad)^2 M / 2 - ...``: a combination of
derivatives of the mean image. Regression of each frame on these derivatives removes the motion to
their order, and the coefficients of the first derivatives are the drift in pixels. To first order,
a uniform change of focus is nearly such a combination and is removed as well.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Unit
from dask.base import tokenize

from napari_uai.compiled import reordering_kernel
from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.bad_pixels import find_bad_pixels
from napari_uai.iscat.correct.binning import BinnedFrames
from napari_uai.iscat.correct.fixed_pattern import FixedPattern, fixed_pattern_correction
from napari_uai.iscat.correct.moving_background import (
    DriftOrder,
    MovingBackground,
    border_mask,
    gradient_images,
    inner_field,
    positive_mean,
    without_means,
)
from napari_uai.iscat.correct.rolling_average import rolling_mean
from napari_uai.iscat.kernels.matmul import row_products
from napari_uai.iscat.kernels.selection import median_of
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    video_like,
)
from napari_uai.videos.sampling import MAD_TO_DEVIATION

OUTLIER = 5.0
"""Robust standard deviations at which pixels are clipped when the drift is estimated."""

KEPT_MOTIONS = 64

READING_SHARE = 0.4
"""Share of the time of the drift measurement that reading frames takes."""


@stage(
    "Correct stage drift",
    menu="register",
    methods="The effect of stage drift was removed by regressing each frame of the rolling "
    "average on the spatial derivatives of the mean image",
)
def stage_drift_correction(
    video: Video,
    reference: Video,
    *,
    order: DriftOrder = 3,
    fixed_pattern: FixedPattern = "median",
) -> Video:
    """Remove the effect of stage drift from a differential rolling average.

    Each frame is regressed on the derivatives of the mean image of the frames from which it was
    computed, so that only the drift within two batches matters, not that over the whole recording.

    Parameters
    ----------
    video
        Differential rolling average, ``n_frames - 2 batch_size + 1`` frames.
    reference
        The video from which it was computed, ``n_frames`` frames of the same size.
    order
        Highest derivative of the mean image.
    fixed_pattern
        Pattern of rows and columns that is subtracted again, because drift disturbs it; as in the
        rolling average.

    Returns
    -------
    Video
        float32, shape and unit of ``video``.

    Raises
    ------
    BadValueError
        If ``video`` cannot come from ``reference``, or a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:24, :24]
    >>> drift = 0.001 * np.arange(40)[:, None, None]
    >>> video = 1000 + 100 * np.sin((x + drift) / 2) * np.cos(y / 3)
    >>> dra = iscat.differential_rolling_average(video, batch_size=10, fixed_pattern="none")
    >>> corrected = iscat.stage_drift_correction(dra, video, fixed_pattern="none")
    >>> bool(corrected.std() < 0.01 * dra.std())
    True
    """
    frames, source = frames_of(video), frames_of(reference)
    surplus = len(source) - len(frames) + 1
    if source.shape[1:] != frames.shape[1:] or surplus < 2 or surplus % 2:
        raise BadValueError(
            f"a rolling average of {len(frames)} frames of {frames.shape[1:]} px cannot come from "
            f"a reference of {len(source)} frames of {source.shape[1:]} px: give the video from "
            "which it was computed"
        )
    mean = frames_of(rolling_mean(source, batch_size=surplus))
    # The mean image of two batches hardly changes over a small part of them.
    block = max(min(surplus // 8, 400), 1)
    corrected: Video = DriftCorrectedFrames(frames, mean, order, block)
    if fixed_pattern != "none":
        corrected = fixed_pattern_correction(corrected, method=fixed_pattern)
    return video_like(frames_of(corrected), video)


@stage(
    "Measure stage drift",
    menu="register",
    methods="Stage drift was measured by regressing the means of bins of frames on the spatial "
    "derivatives of the mean image of their segment",
)
def measure_stage_drift(
    video: Video,
    *,
    bin_size: Annotated[int, Ge(1), Unit("frames")] = 100,
    segment_bins: Annotated[int, Ge(8), Unit("bins")] = 64,
    order: DriftOrder = 2,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Measure how far the background has moved.

    Bins of frames are compared with the mean image of their segment; segments overlap by half and
    are joined there, so that the total drift may be many pixels.

    Parameters
    ----------
    video
        Frames, rows, columns; preferably normalised by power.
    bin_size
        Frames averaged for each value.
    segment_bins
        Bins that share a mean image; the drift within them should stay below half a pixel.
    order
        Highest derivative of the mean image; from the third on, derivatives resemble the first ones
        so much that the drift becomes less certain.
    monitor
        Progress and cancellation, once per chunk and segment.

    Returns
    -------
    pandas.DataFrame
        ``frame`` (middle of the bin), ``y_px``, ``x_px`` (position relative to the first bin;
        positive downwards and to the right), ``y_error_px``, ``x_error_px`` (standard errors).

    Raises
    ------
    TooFewFramesError
        If the video has fewer than 2 frames.
    BadValueError
        If a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:24, :24]
    >>> drift = 0.01 * np.arange(20)[:, None, None]
    >>> video = 1000 + 100 * np.sin((x - drift) / 2) * np.cos(y / 3)
    >>> video += np.random.default_rng(0).normal(size=video.shape)
    >>> table = iscat.measure_stage_drift(video, bin_size=1, segment_bins=8)
    >>> bool(abs(table["x_px"].iloc[-1] - 0.19) < 0.01)
    True
    """
    source = frames_of(video)
    bin_size = max(min(bin_size, len(source) // 2), 1)
    binned = BinnedFrames(source, bin_size)
    if len(binned) < 2:
        raise TooFewFramesError(
            f"measuring drift needs at least 2 frames, the video has {len(source)}"
        )
    images = binned_frames(binned, 0, len(binned), monitor=monitor.part(0.0, READING_SHARE))
    length = min(segment_bins, len(images))
    step = max(length // 2, 1)
    starts = [*range(0, len(images) - length, step), len(images) - length]
    position = np.zeros((len(images), 2))
    error = np.zeros((len(images), 2))
    done = 0
    for start in sorted(set(starts)):
        monitor.update(READING_SHARE + (1 - READING_SHARE) * start / len(images))
        stop = start + length
        part, part_error = _drift_of(images[start:stop], order)
        overlap = done - start
        if overlap > 0:
            part += (position[start:done] - part[:overlap]).mean(axis=0)
        first = max(overlap, 0)
        position[start + first : stop] = part[first:]
        error[start + first : stop] = part_error
        done = stop
    middle = (np.arange(len(images)) + 0.5) * bin_size - 0.5
    columns = np.c_[middle, position - position[0], error]
    return pd.DataFrame(columns, columns=["frame", "y_px", "x_px", "y_error_px", "x_error_px"])


class DriftCorrectedFrames(Frames):
    """Frames of a rolling average without the effect of stage drift.

    Blocks of frames at fixed positions share a mean image, so that a frame does not depend on the
    chunk in which it is read.
    """

    def __init__(self, source: Frames, mean: Frames, order: int, block: int) -> None:
        self.source = source
        self.mean_image = mean
        self.order = order
        self.block = block
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._setup()

    def _setup(self) -> None:
        self._lock = Lock()
        self._motions: OrderedDict[int, _Motion] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"], state["_motions"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._setup()

    @property
    def name(self) -> str:
        """Names of both videos and the order."""
        key = (self.source.name, self.mean_image.name, self.order, self.block)
        return f"drift-corrected-{tokenize(*key)}"

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Correct block by block, each with its own mean image."""
        return self._corrected(np.arange(start, max(stop, start)), self.source.read(start, stop))

    def read_at(self, numbers: Ints) -> npt.NDArray[Any]:
        """Correct block by block, each with its own mean image."""
        return self._corrected(numbers, self.source.read_at(numbers))

    def _corrected(self, numbers: Ints, frames: AnyArray) -> npt.NDArray[np.float32]:
        out = np.empty(frames.shape, np.float32)
        if not len(numbers):
            return out
        blocks, begins = np.unique(numbers // self.block, return_index=True)
        for block, begin, end in zip(blocks, begins, [*begins[1:], len(numbers)], strict=True):
            out[begin:end] = self._motion(int(block)).taken_from(frames[begin:end])
        return out

    def _motion(self, block: int) -> _Motion:
        """Return the motion of a block's background, from memory if it was used recently."""
        with self._lock:
            motion = self._motions.get(block)
        if motion is None:
            middle = min(block * self.block + self.block // 2, len(self) - 1)
            mean = np.asarray(self.mean_image.read(middle, middle + 1)[0], np.float64)
            motion = _Motion.of(mean, self.order)
            with self._lock:
                self._motions[block] = motion
                while len(self._motions) > KEPT_MOTIONS:
                    self._motions.popitem(last=False)
        return motion


@dataclass(frozen=True)
class _Motion:
    """Images of a moving background, and how to measure them in a frame.

    Attributes
    ----------
    images
        Gradients, (n, pixels), float32.
    votes
        Maps a frame to the coefficients of the images, (n, pixels); the means of rows and columns
        and the border have no weight.
    """

    images: npt.NDArray[np.float32]
    votes: npt.NDArray[np.float32]

    @classmethod
    def of(cls, mean: Floats, order: int) -> _Motion:
        bad = ~(mean > 0)
        gradients = np.where(bad, 0, gradient_images(positive_mean(mean, bad), order))
        design = np.zeros_like(gradients)
        inner = inner_field(mean.shape)
        design[:, inner[0], inner[1]] = without_means(gradients[:, inner[0], inner[1]], ~bad[inner])
        flat = design.reshape(len(design), -1)
        images = gradients.reshape(len(gradients), -1).astype(np.float32)
        return cls(images, (np.linalg.pinv(row_products(flat, flat)) @ flat).astype(np.float32))

    def taken_from(self, frames: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return frames of a rolling average without the motion."""
        flat = np.ascontiguousarray(frames, np.float32).reshape(len(frames), -1)
        out = np.empty_like(flat)
        _take_motion(flat, self.images, self.votes, max(flat.shape[1] // 1000, 1), out)
        return out.reshape(frames.shape)


def binned_frames(
    binned: BinnedFrames, start: int, stop: int, *, monitor: Monitor = SILENT
) -> Floats:
    """Read some bins on all cores."""
    chunk = max(frames_per_chunk(binned.source.shape) // binned.bin_size, 1)
    read = partial(_read_bins, binned, start)
    parts = list(map_chunks(read, stop - start, chunk, anywhere=True, monitor=monitor))
    return np.concatenate(parts).astype(np.float64)


def _read_bins(binned: BinnedFrames, start: int, first: int, last: int) -> npt.NDArray[Any]:
    return binned.read(start + first, start + last)


@reordering_kernel
def _take_motion(
    frames: npt.NDArray[np.float32],
    images: npt.NDArray[np.float32],
    votes: npt.NDArray[np.float32],
    every: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Subtract from each frame its motion.

    Values are clipped before the coefficients are computed, so that a hot pixel has no more
    influence than any other; the limits are estimated from every ``every``-th pixel.
    """
    n_images, n_pixels = images.shape
    some = np.empty((n_pixels - 1) // every + 1, np.float32)
    for t in range(len(frames)):
        frame, result = frames[t], out[t]
        for k in range(some.size):
            some[k] = frame[k * every]
        middle = np.float32(median_of(some))
        for k in range(some.size):
            some[k] = abs(frame[k * every] - middle)
        spread = np.float32(median_of(some))
        reach = np.float32(OUTLIER * MAD_TO_DEVIATION) * spread
        for p in range(n_pixels):
            result[p] = min(max(frame[p], middle - reach), middle + reach)
        coefficients = np.zeros(n_images, np.float32)
        for i in range(n_images):
            vote, total = votes[i], np.float32(0)
            for p in range(n_pixels):
                total += vote[p] * result[p]
            coefficients[i] = total
        for p in range(n_pixels):
            result[p] = frame[p]
        for i in range(n_images):
            image, amount = images[i], coefficients[i]
            for p in range(n_pixels):
                result[p] -= amount * image[p]


def _drift_of(images: Floats, order: int) -> tuple[Floats, Floats]:
    """Return drift (frames, 2) relative to the mean of the images (px), and standard errors."""
    images = images / images.mean(axis=(1, 2), keepdims=True)
    mean = images.mean(axis=0)
    bad = find_bad_pixels(images) | ~(mean > 0)
    mean = positive_mean(mean, bad)
    relative = images / mean - 1
    variance = max(float(np.median(np.diff(relative, axis=0) ** 2)) / (2 * 0.455), 1e-30)
    gradients = gradient_images(mean, order)
    background = MovingBackground(gradients, np.where(bad, 0, 1 / variance))
    _, coefficients = background.subtract(relative)
    good = without_means(gradients, ~bad)[:, ~bad & ~border_mask(bad.shape)]
    covariance = variance * np.linalg.pinv(row_products(good, good))
    error = np.sqrt(np.maximum(np.diag(covariance)[:2], 0))
    return -coefficients[:2].T, error
