"""Stage drift: what a background that moves by a fraction of a pixel does to each frame, undone.

A shift by d changes an image M by ``-d . grad M + (d . grad)^2 M / 2 - ...``: a combination of
derivatives of the mean image. Regressing each frame on them takes the motion out to the order of
the derivatives, whatever it is (also rotation-free breathing to first order in the focus is nearly
such a combination), and the coefficients of the first derivatives are the drift in pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
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
    check_order,
    gradient_images,
    inner_field,
    positive_mean,
    without_means,
)
from napari_uai.iscat.correct.rolling_average import rolling_mean
from napari_uai.iscat.kernels.matmul import row_products
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import check_choice
from napari_uai.stages import stage
from napari_uai.typing import Floats
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
"""Pixels vote on the drift with no more than this many robust standard deviations."""

KEPT_MOTIONS = 64

READING_SHARE = 0.4
"""Part of the time that measuring the drift takes in which frames are read."""


@stage("Correct stage drift", menu="register")
def stage_drift_correction(
    video: Video,
    reference: Video,
    *,
    order: DriftOrder = 3,
    fixed_pattern: FixedPattern = "median",
) -> Video:
    """Take what stage drift does to a differential rolling average out of it.

    Each frame is regressed on the derivatives of the mean image of the very frames that it was made
    from, so that drift over a long recording does not matter, only that within two batches.

    Parameters
    ----------
    video
        Differential rolling average, ``n_frames - 2 batch_size + 1`` frames.
    reference
        The video that it was made from, ``n_frames`` frames of the same size.
    order
        Highest derivative of the mean image.
    fixed_pattern
        Statistic of rows and columns that is taken out once more, because drift disturbs it; as
        in the rolling average.

    Returns
    -------
    Video
        float32, shape and unit of ``video``.

    Raises
    ------
    BadValueError
        If the two videos do not belong together.
    """
    check_order(order)
    check_choice("fixed_pattern", fixed_pattern, ("none", "median", "clipped_mean"))
    frames, source = frames_of(video), frames_of(reference)
    surplus = len(source) - len(frames) + 1
    if source.shape[1:] != frames.shape[1:] or surplus < 2 or surplus % 2:
        raise BadValueError(
            f"a rolling average of {len(frames)} frames of {frames.shape[1:]} px was not made from "
            f"a reference of {len(source)} frames of {source.shape[1:]} px: give the video that "
            "went into it"
        )
    mean = frames_of(rolling_mean(source, batch_size=surplus))
    # The mean image of two batches hardly changes over a small part of them.
    block = max(min(surplus // 8, 400), 1)
    corrected: Video = DriftCorrectedFrames(frames, mean, order, block)
    if fixed_pattern != "none":
        corrected = fixed_pattern_correction(corrected, method=fixed_pattern)
    return video_like(frames_of(corrected), video)


@stage("Measure stage drift", menu="register")
def measure_stage_drift(
    video: Video,
    *,
    bin_size: Annotated[int, Ge(1), Unit("frames")] = 100,
    segment_bins: Annotated[int, Ge(8), Unit("bins")] = 64,
    order: DriftOrder = 2,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Measure how far the background moved.

    Bins of frames are compared with the mean image of their segment; segments overlap by half and
    are joined where they do, so that the total may be many pixels.

    Parameters
    ----------
    video
        Frames, rows, columns; best normalised by power.
    bin_size
        Frames that are averaged for one value.
    segment_bins
        Bins that share a mean image; the drift within it should stay below half a pixel.
    order
        Highest derivative of the mean image; from the third on they are so like the first ones
        that the drift becomes less certain.
    monitor
        Progress and cancelling, once per chunk and segment.

    Returns
    -------
    pandas.DataFrame
        ``frame`` (middle of the bin), ``y_px``, ``x_px`` (position against the first bin; rows
        down, columns right), ``y_error_px``, ``x_error_px`` (standard errors).

    Raises
    ------
    TooFewFramesError
        If there are fewer than 2 bins.
    """
    check_order(order)
    source = frames_of(video)
    bin_size = max(min(bin_size, len(source) // 2), 1)
    binned = BinnedFrames(source, bin_size)
    if len(binned) < 2:
        raise TooFewFramesError("drift shows between at least 2 frames")
    images = binned_frames(binned, 0, len(binned), monitor=monitor.part(0.0, READING_SHARE))
    length = min(segment_bins, len(images))
    step = max(length // 2, 1)
    starts = [*range(0, len(images) - length, step), len(images) - length]
    position = np.zeros((len(images), 2))
    error = np.zeros((len(images), 2))
    known = 0
    for start in sorted(set(starts)):
        monitor.update(READING_SHARE + (1 - READING_SHARE) * start / len(images))
        stop = start + length
        part, part_error = _drift_of(images[start:stop], order)
        overlap = known - start
        if overlap > 0:
            part += (position[start:known] - part[:overlap]).mean(axis=0)
        first = max(overlap, 0)
        position[start + first : stop] = part[first:]
        error[start + first : stop] = part_error
        known = stop
    middle = (np.arange(len(images)) + 0.5) * bin_size - 0.5
    columns = np.c_[middle, position - position[0], error]
    return pd.DataFrame(columns, columns=["frame", "y_px", "x_px", "y_error_px", "x_error_px"])


class DriftCorrectedFrames(Frames):
    """Frames of a rolling average without what moves with the stage.

    Blocks of frames at fixed places share a mean image, so that a frame does not depend on the
    chunk in which it is asked for.
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
        out = np.empty((max(stop - start, 0), *self.shape[1:]), np.float32)
        if not len(out):
            return out
        given = self.source.read(start, stop)
        for block in range(start // self.block, -(-stop // self.block)):
            first, last = block * self.block, (block + 1) * self.block
            part = slice(max(first - start, 0), last - start)
            out[part] = self._motion(block).taken_from(given[part])
        return out

    def _motion(self, block: int) -> _Motion:
        """Return how a block's background moves, from memory if it was asked for lately."""
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
    """What a moving mean image looks like, and how to tell it in a frame.

    Attributes
    ----------
    images
        Gradients, (n, pixels), float32.
    votes
        Maps a frame to the coefficients of the images, (n, pixels); rows, columns and the border
        have no vote.
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

    def read(first: int, last: int) -> npt.NDArray[Any]:
        return binned.read(start + first, start + last)

    parts = list(map_chunks(read, stop - start, chunk, monitor=monitor))
    return np.concatenate(parts).astype(np.float64)


@reordering_kernel
def _take_motion(
    frames: npt.NDArray[np.float32],
    images: npt.NDArray[np.float32],
    votes: npt.NDArray[np.float32],
    every: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Subtract from each frame the images that it votes for.

    Values are clipped before they vote, so that a hot pixel has no more of a say than any other;
    the limits come from every so many pixels.
    """
    n_images, n_pixels = images.shape
    for t in range(len(frames)):
        frame, result = frames[t], out[t]
        middle = np.float32(np.median(frame[::every]))
        spread = np.float32(np.median(np.abs(frame[::every] - middle)))
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
    """Return the drift (frames, 2) against the mean of some images, px, and its standard errors."""
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
