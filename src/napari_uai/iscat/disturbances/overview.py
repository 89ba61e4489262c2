"""The single pass over a recording from which disturbances are found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from napari_uai.compiled import reordering_kernel
from napari_uai.iscat.correct.transfer_line import own_variance
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import AnyArray, Bools, Floats, Floats32, Ints
from napari_uai.videos.frames import Frames, frames_per_chunk, map_chunks
from napari_uai.videos.sampling import spread_frames

REFERENCE_FRAMES = 31
"""Frames whose median is what an ordinary frame looks like."""

MOST_BINS = 400
LEAST_BIN = 5
BIN_BYTES = 256 * 2**20
"""Most bins, fewest frames per bin, and most memory of all of them."""

DARK = 0.3
"""Frames below this fraction of the median power have no light, or their pattern is that weak."""

ODD = 4.0
"""Frames whose deviation is so many times as large as usual are kept out of bins."""


@dataclass(frozen=True, eq=False)
class Overview:
    """What one pass over a recording says of its frames and pixels.

    Attributes
    ----------
    reference
        Ordinary image, of mean 1 (rows, columns).
    steady
        Pixels by which frames are judged: not those that are far noisier than others.
    level
        Mean of each frame (counts).
    pattern
        Contrast of each frame along the reference, which has 1.
    deviation
        Mean square of the relative difference between each frame and the reference.
    flat
        Frames all of whose pixels are equal.
    bin_size
        Frames per bin.
    bins
        Mean relative frame of each bin, without odd frames; NaN where less than half are left.
    ceiling
        Largest count.
    at_ceiling
        Frames in which each pixel is there (rows, columns).
    mean, variance
        Of each pixel, in counts; the variance is that of the noise from frame to frame.
    """

    reference: Floats
    steady: Bools
    level: Floats
    pattern: Floats
    deviation: Floats
    flat: Bools
    bin_size: int
    bins: Floats32
    ceiling: float
    at_ceiling: Ints
    mean: Floats
    variance: Floats

    @property
    def whole(self) -> Ints:
        """Numbers of the bins that have enough frames."""
        return np.flatnonzero(np.isfinite(self.bins[:, 0, 0]))


def overview(frames: Frames, *, monitor: Monitor = SILENT) -> Overview | None:
    """Read a recording once.

    Parameters
    ----------
    frames
        Counts, without status line.
    monitor
        Progress and cancellation, once per chunk of frames.

    Returns
    -------
    Overview or None
        None if the frames cannot be compared: their mean is not positive, or they have no noise.
    """
    sample = np.stack(
        [np.asarray(frames.read(int(i), int(i) + 1)[0], np.float64) for i in
         spread_frames(len(frames), REFERENCE_FRAMES)]
    )  # fmt: skip
    looked = _Looker.at(sample)
    if looked is None:
        return None
    bin_size = _bin_size(frames.shape)
    chunk = max(frames_per_chunk(frames.shape) // bin_size, 1) * bin_size
    parts = map_chunks(
        partial(looked.look_at, frames, bin_size),
        len(frames), chunk, anywhere=True, monitor=monitor, message="disturbances",
    )  # fmt: skip
    level, pattern, deviation, flat, bins, at_ceiling, sums, squares, counts, pairs = (
        list(each) for each in zip(*parts, strict=True)
    )
    n, n_pairs = max(sum(counts), 1), max(sum(pairs), 1)
    return Overview(
        looked.reference,
        looked.steady,
        np.concatenate(level),
        np.concatenate(pattern),
        np.concatenate(deviation),
        np.concatenate(flat),
        bin_size,
        np.concatenate(bins),
        looked.ceiling,
        np.sum(at_ceiling, axis=0),
        np.sum(sums, axis=0) / n,
        own_variance(np.sum(squares, axis=0) / (2 * n_pairs)),
    )


@dataclass(frozen=True, eq=False)
class _Looker:
    """Looks at one block of frames after another."""

    reference: Floats
    steady: Bools
    usual_level: float
    usual_deviation: float
    ceiling: float

    @classmethod
    def at(cls, sample: Floats) -> _Looker | None:
        """Prepare from a few frames; return None if they cannot be compared."""
        level = sample.mean(axis=(1, 2))
        usual_level = float(np.median(level))
        lit = sample[np.isfinite(level) & (level > DARK * usual_level)]
        if not (usual_level > 0 and len(lit) > 2):
            return None
        relative = lit / lit.mean(axis=(1, 2), keepdims=True)
        reference = np.median(relative, axis=0)
        squares = np.median((relative - reference) ** 2, axis=0)
        steady = squares <= 9 * np.median(squares)
        deviation = np.mean((relative - reference)[:, steady] ** 2, axis=1)
        usual = float(np.median(deviation))
        if not (usual > 0 and np.ptp(reference[steady]) > 0):
            return None
        ceiling = float(np.nanmax(sample))
        return cls(reference, steady, usual_level, usual, ceiling)

    def look_at(self, frames: Frames, bin_size: int, start: int, stop: int) -> tuple[Any, ...]:
        """Read a block, and look at it."""
        return self.look(frames.read(start, stop), bin_size)

    def look(self, block: AnyArray, bin_size: int) -> tuple[Any, ...]:
        """Return the figures of the frames of a block, and sums over those that are not odd."""
        counts = np.ascontiguousarray(block, np.float32)
        n, height, width = counts.shape
        weights = np.where(self.steady, self.reference - self.reference[self.steady].mean(), 0)
        weights /= np.sum(weights**2)
        level, pattern, deviation = np.empty(n), np.empty(n), np.empty(n)
        flat = np.empty(n, np.bool_)
        _compare(counts, self.reference, self.steady, weights, level, pattern, deviation, flat)
        ordinary = (level > 0) & (level > DARK * self.usual_level) & np.isfinite(deviation)
        around = np.median(deviation[ordinary]) if ordinary.any() else self.usual_deviation
        ordinary &= deviation <= ODD * max(float(around), self.usual_deviation)
        bins = np.zeros((n // bin_size, height, width))
        at_ceiling = np.zeros((height, width), np.int64)
        sums, squares = np.zeros((2, height, width))
        _add(counts, self.ceiling, level, ordinary, bin_size, bins, at_ceiling, sums, squares)
        n_ordinary = ordinary[: len(bins) * bin_size].reshape(-1, bin_size).sum(axis=1)
        bins /= np.maximum(n_ordinary, 1)[:, None, None]
        bins[n_ordinary < bin_size / 2] = np.nan
        return (
            level, pattern, deviation, flat, bins.astype(np.float32), at_ceiling, sums, squares,
            int(ordinary.sum()), int((ordinary[1:] & ordinary[:-1]).sum()),
        )  # fmt: skip


@reordering_kernel
def _compare(
    counts: Floats32,
    reference: Floats,
    steady: Bools,
    weights: Floats,
    level: Floats,
    pattern: Floats,
    deviation: Floats,
    flat: Bools,
) -> None:
    """Compare each frame with the reference."""
    n, height, width = counts.shape
    n_steady = steady.sum()
    for t in range(n):
        total, low, high = 0.0, counts[t, 0, 0], counts[t, 0, 0]
        for row in range(height):
            line = counts[t, row]
            for column in range(width):
                total += line[column]
                low, high = min(low, line[column]), max(high, line[column])
        level[t], flat[t] = total / (height * width), low == high
        scale = 1 / level[t] if level[t] > 0 else 1.0
        along, apart = 0.0, 0.0
        for row in range(height):
            line, own, used, expected = counts[t, row], weights[row], steady[row], reference[row]
            for column in range(width):
                relative = line[column] * scale
                along += relative * own[column]
                apart += used[column] * (relative - expected[column]) ** 2
        pattern[t], deviation[t] = along, apart / n_steady


@reordering_kernel
def _add(
    counts: Floats32,
    ceiling: float,
    level: Floats,
    ordinary: Bools,
    bin_size: int,
    bins: Floats,
    at_ceiling: Ints,
    sums: Floats,
    squares: Floats,
) -> None:
    """Add ordinary frames to sums, and the squares of their differences, without those of rows."""
    n, height, width = counts.shape
    step = np.empty(width)
    for t in range(n):
        in_bin = t // bin_size < len(bins)
        for row in range(height):
            line, full = counts[t, row], at_ceiling[row]
            for column in range(width):
                full[column] += line[column] >= ceiling
            if not ordinary[t]:
                continue
            total, scale = sums[row], 1 / level[t]
            for column in range(width):
                total[column] += line[column]
            if in_bin:
                mean = bins[t // bin_size, row]
                for column in range(width):
                    mean[column] += line[column] * scale
            if t == 0 or not ordinary[t - 1]:
                continue
            before, factor, offset = counts[t - 1, row], level[t] / level[t - 1], 0.0
            for column in range(width):
                step[column] = line[column] - before[column] * factor
                offset += step[column]
            offset /= width
            square = squares[row]
            for column in range(width):
                square[column] += (step[column] - offset) ** 2


def _bin_size(shape: tuple[int, int, int]) -> int:
    pixels = shape[1] * shape[2]
    bins = max(min(MOST_BINS, BIN_BYTES // (4 * pixels)), 2)
    return max(-(-shape[0] // bins), LEAST_BIN)
