"""Bad pixels: hot, dead, stuck and noisy pixels, and their replacement by their neighbours."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Unit
from dask.base import tokenize

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.kernels.blocks import Block, as_block
from napari_uai.iscat.kernels.median_network import (
    LANES,
    MedianNetwork,
    median_network,
    median_of_lanes,
)
from napari_uai.iscat.kernels.selection import median_of
from napari_uai.parameters import Odd, checked
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, frames_of, per_frame, video_like
from napari_uai.videos.sampling import robust_deviation, spread_frames

DEAD = 1e-3
"""Pixels whose variance is at most this fraction of their neighbours' do not respond to light."""

_OPENCV_SORTS = (np.uint8, np.uint16, np.float32)


@stage(
    "Median filter",
    menu="filter",
    methods="Each pixel was replaced by the median of the square around it",
)
def median_filter(video: Video, *, size: Annotated[int, Ge(1), Odd, Unit("px")] = 3) -> Video:
    """Replace each pixel by the median of the square around it.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    size
        Side of the square. Frames are mirrored at their edges.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If ``size`` is not an odd number of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.ones((1, 3, 3))
    >>> video[0, 1, 1] = 99
    >>> iscat.median_filter(video, size=3)[0, 1]
    array([1., 1., 1.], dtype=float32)
    """
    return per_frame(video, partial(_median_block, size=size), label="median-filter")


@checked
def find_bad_pixels(
    video: Video,
    *,
    threshold: Annotated[float, Gt(0), Unit("robust standard deviations")] = 8.0,
    max_frames: Annotated[int, Ge(2), Unit("frames")] = 1000,
) -> npt.NDArray[np.bool_]:
    """Find pixels that fluctuate much more than their neighbours, or not at all.

    The criterion is the variance of the change from one frame to the next, which neither speckle
    nor slow drift affects; fluctuations that all pixels share in proportion (the laser) are removed
    first. Works on raw, normalised and rolling-average videos.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    threshold
        How far the logarithm of a pixel's variance may exceed the median of its neighbours (5 x 5
        px), in units of the spread over the frame.
    max_frames
        Maximum number of frames to read, in pairs of neighbours spaced evenly in time.

    Returns
    -------
    ndarray
        bool, rows, columns; True for bad pixels: too noisy, constant (dead, stuck or saturated,
        unless all pixels are), or NaN or infinite in any frame that was read.

    Raises
    ------
    TooFewFramesError
        If the video has fewer than 2 frames.
    BadValueError
        If a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> video = np.random.default_rng(0).poisson(1000, (100, 16, 16))
    >>> video[::2, 3, 5] += 500
    >>> np.argwhere(find_bad_pixels(video))
    array([[3, 5]])
    """
    frames = frames_of(video)
    _check_length(frames)
    return _find(frames, threshold, max_frames)


@stage(
    "Repair bad pixels",
    menu="filter",
    methods="Pixels whose variance in time far exceeded that of their neighbours were replaced by "
    "the median of the good pixels around them",
)
def bad_pixel_repair(
    video: Video,
    *,
    threshold: Annotated[float, Gt(0), Unit("robust standard deviations")] = 8.0,
    max_frames: Annotated[int, Ge(2), Unit("frames")] = 1000,
) -> Video:
    """Replace bad pixels by the median of the good pixels around them; keep all others.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    threshold
        How far the logarithm of a pixel's variance may exceed the median of its neighbours (5 x 5
        px), in units of the spread over the frame; see ``find_bad_pixels``.
    max_frames
        Maximum number of frames in which bad pixels are searched, in pairs of neighbours spaced
        evenly in time.

    Returns
    -------
    Video
        float32, same shape and unit. Bad pixels are searched when the first frame is read.

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
    >>> video = np.random.default_rng(0).poisson(1000, (100, 16, 16))
    >>> video[:, 3, 5] = 0
    >>> repaired = iscat.bad_pixel_repair(video)
    >>> bool((repaired[:, 3, 5] > 900).all())
    True
    """
    frames = frames_of(video)
    _check_length(frames)
    return video_like(RepairedFrames(frames, threshold, max_frames), video)


class RepairedFrames(Frames):
    """Frames whose bad pixels are replaced; they are searched when the first frame is read."""

    def __init__(self, source: Frames, threshold: float, max_frames: int) -> None:
        self.source = source
        self.threshold = threshold
        self.max_frames = max_frames
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._bad = Memo(partial(_find_with_neighbours, source, threshold, max_frames))

    @property
    def name(self) -> str:
        """Name of the source and all parameters."""
        key = (self.source.name, self.threshold, self.max_frames)
        return f"bad-pixel-repair-{tokenize(*key)}"

    @property
    def bad_pixels(self) -> npt.NDArray[np.bool_]:
        """Mask of the pixels that are replaced."""
        mask = np.zeros(self.shape[1:], np.bool_)
        mask.flat[self._bad()[0]] = True
        return mask

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read the source's frames and replace the bad pixels."""
        return self._repaired(self.source.read(start, stop))

    def read_at(self, numbers: Ints) -> npt.NDArray[np.float32]:
        """Read only these frames of the source, and replace the bad pixels."""
        return self._repaired(self.source.read_at(numbers))

    def _repaired(self, frames: AnyArray) -> npt.NDArray[np.float32]:
        bad, neighbours, counts = self._bad()
        out = np.array(frames, np.float32)
        pixels = self.shape[1] * self.shape[2]
        _replace(out.reshape(len(out), pixels), bad, neighbours, counts)
        return out


class FilledFrames(Frames):
    """Frames in which known pixels are replaced by the median of the others around them.

    Parameters
    ----------
    source
        Counts; their type is kept.
    mask
        Pixels to replace, rows and columns.

    Raises
    ------
    BadValueError
        If no pixel is left.
    """

    def __init__(self, source: Frames, mask: npt.NDArray[np.bool_]) -> None:
        self.source = source
        self.mask = mask
        self.shape = source.shape
        self.dtype = source.dtype
        self._places = _with_neighbours(mask)

    @property
    def name(self) -> str:
        """Name of the source and the pixels."""
        return f"filled-pixels-{tokenize(self.source.name, self.mask)}"

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Read the source's frames and replace the pixels."""
        return self._filled(self.source.read(start, stop))

    def read_at(self, numbers: Ints) -> npt.NDArray[Any]:
        """Read only these frames of the source, and replace the pixels."""
        return self._filled(self.source.read_at(numbers))

    def _filled(self, frames: AnyArray) -> npt.NDArray[Any]:
        bad, neighbours, counts = self._places
        out = np.array(frames)
        flat = out.reshape(len(out), self.mask.size)
        for pixel, around, n in zip(bad, neighbours, counts, strict=True):
            medians = _medians(flat[:, around[:n]].astype(np.float64, order="C"))
            flat[:, pixel] = medians if self.dtype.kind == "f" else np.rint(medians)
        return out


def _check_length(frames: Frames) -> None:
    if len(frames) < 2:
        raise TooFewFramesError(
            f"finding bad pixels needs at least 2 frames, the video has {len(frames)}: use a "
            "longer video or the median filter"
        )


def _find(frames: Frames, threshold: float, max_frames: int) -> npt.NDArray[np.bool_]:
    variance, n_pairs = _flicker(frames, max_frames)
    broken = ~np.isfinite(variance)
    variance[broken] = 0
    usual = _local_median(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.log(variance / usual)
    alive = (variance > 0) & (usual > 0)
    dead = (usual > 0) & (variance <= DEAD * usual)
    if not alive.any():
        return broken
    middle = np.median(excess[alive])
    # The logarithm of a variance from n values scatters by sqrt(2 / n) of itself.
    spread = max(robust_deviation(excess[alive], about=middle), np.sqrt(2 / n_pairs))
    noisy = alive & (excess - middle > threshold * spread)
    bad: npt.NDArray[np.bool_] = broken | dead | noisy
    return bad


def _flicker(frames: Frames, max_frames: int) -> tuple[npt.NDArray[np.float64], int]:
    """Return the mean square change between neighbouring frames, and the number of pairs."""
    n = len(frames)
    n_pairs = min(max_frames // 2, n - 1)
    total = np.zeros(frames.shape[1:])
    for start in spread_frames(n - 1, n_pairs):
        before, after = np.asarray(frames.read(start, start + 2), np.float64)
        change = after - before
        good = np.isfinite(change)
        power = np.sum(before[good] ** 2)
        if power > 0:
            change -= np.sum(before[good] * change[good]) / power * before
        total += change**2
    return total / n_pairs, n_pairs


def _local_median(variance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of the non-constant pixels in the 5 x 5 px around each pixel."""
    padded = np.pad(np.where(variance > 0, variance, np.inf), 2, constant_values=np.inf)
    out = np.zeros_like(variance)
    for r in range(len(variance)):
        window = np.lib.stride_tricks.sliding_window_view(padded[r : r + 5], (5, 5))[0]
        entries = np.sort(window.reshape(-1, 25), axis=1)
        count = np.isfinite(entries).sum(axis=1)
        middle = entries[np.arange(len(entries)), np.maximum(count - 1, 0) // 2]
        out[r] = np.where(count > 0, middle, 0)
    return out


def _find_with_neighbours(
    frames: Frames, threshold: float, max_frames: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return _with_neighbours(_find(frames, threshold, max_frames))


def _with_neighbours(
    bad: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return flat indices of bad pixels and of the good ones around each, and their numbers."""
    if bad.all():
        raise BadValueError("all pixels are bad (NaN or infinite): none is left to replace them")
    good_around = [_good_neighbours(bad, row, column) for row, column in np.argwhere(bad)]
    counts = np.array([len(good) for good in good_around], np.int64)
    neighbours = np.zeros((len(counts), max(counts, default=0)), np.int64)
    for line, good in zip(neighbours, good_around, strict=True):
        line[: len(good)] = good
    return np.flatnonzero(bad), neighbours, counts


def _good_neighbours(bad: npt.NDArray[np.bool_], row: int, column: int) -> npt.NDArray[np.int64]:
    """Return flat indices of the good pixels in the smallest square that contains two."""
    height, width = bad.shape
    for radius in range(1, max(height, width) + 1):
        top, left = max(row - radius, 0), max(column - radius, 0)
        rows, columns = np.nonzero(~bad[top : row + radius + 1, left : column + radius + 1])
        if rows.size >= 2:
            break
    return np.asarray((rows + top) * width + columns + left, np.int64)


@kernel
def _replace(
    frames: npt.NDArray[np.float32],
    bad: npt.NDArray[np.int64],
    neighbours: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> None:
    values = np.empty(neighbours.shape[1], np.float32)
    medians = np.empty(bad.size, np.float32)
    for t in range(frames.shape[0]):
        for i in range(bad.size):
            for k in range(counts[i]):
                values[k] = frames[t, neighbours[i, k]]
            medians[i] = median_of(values[: counts[i]])
        for i in range(bad.size):
            frames[t, bad[i]] = medians[i]


@kernel
def _medians(lines: Floats) -> Floats:
    out = np.empty(len(lines))
    for i in range(len(lines)):
        out[i] = median_of(lines[i])
    return out


def _median_block(frames: npt.NDArray[Any], *, size: int) -> npt.NDArray[np.float32]:
    out = np.empty(frames.shape, np.float32)
    if size in (3, 5):
        _median_opencv(frames, size, out)
        return out
    mirrored = [
        np.pad(np.arange(length), size // 2, mode="symmetric") for length in frames.shape[1:]
    ]
    network = median_network(size * size)
    _median_square(as_block(frames), (mirrored[0], mirrored[1]), network, out)
    return out


def _median_opencv(frames: npt.NDArray[Any], size: int, out: npt.NDArray[np.float32]) -> None:
    """Median of a square of 3 or 5 px; OpenCV supports larger ones for 8-bit frames only."""
    import cv2

    for frame, median in zip(frames, out, strict=True):
        image = frame if frame.dtype in _OPENCV_SORTS else frame.astype(np.float32)
        if size == 3:  # OpenCV repeats the border, which for one pixel is the same as mirroring
            median[:] = cv2.medianBlur(image, 3)
        else:
            wide = cv2.copyMakeBorder(image, 2, 2, 2, 2, cv2.BORDER_REFLECT)
            median[:] = cv2.medianBlur(wide, 5)[2:-2, 2:-2]


@kernel
def _load(
    block: Block,
    t: int,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    out: npt.NDArray[np.float32],
) -> None:
    """Copy a frame with mirrored borders."""
    radius = (columns.size - block.shape[2]) // 2
    for i in range(rows.size):
        base = t * block.frame_step + rows[i] * block.row_step
        for j in range(block.shape[2]):
            out[i, radius + j] = block.flat[base + j]
        for j in range(radius):
            out[i, j] = block.flat[base + columns[j]]
            out[i, columns.size - 1 - j] = block.flat[base + columns[columns.size - 1 - j]]


@kernel
def _median_square(
    block: Block,
    mirrored: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    network: MedianNetwork,
    out: npt.NDArray[np.float32],
) -> None:
    """Median of a square of any odd side, many pixels of a row side by side."""
    n, height, width = out.shape
    rows, columns = mirrored
    size = rows.size - height + 1
    frame = np.empty((rows.size, columns.size), np.float32)
    lanes = np.zeros(size * size * LANES, np.float32)
    medians = np.empty(LANES, np.float32)
    for t in range(n):
        _load(block, t, rows, columns, frame)
        for r in range(height):
            for first in range(0, width, LANES):
                count = min(LANES, width - first)
                for i in range(size):
                    for j in range(size):
                        place = (i * size + j) * LANES
                        start = first + j
                        for k in range(count):
                            lanes[place + k] = frame[r + i, start + k]
                median_of_lanes(lanes, size * size, network, medians)
                for k in range(count):
                    out[t, r, first + k] = medians[k]
