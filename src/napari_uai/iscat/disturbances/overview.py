"""The single pass over a recording from which disturbances are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
        lambda start, stop: looked.look(frames.read(start, stop), bin_size),
        len(frames), chunk, monitor=monitor, message="disturbances",
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

    def look(self, block: AnyArray, bin_size: int) -> tuple[Any, ...]:
        """Return the figures of the frames of a block, and sums over those that are not odd."""
        counts = np.asarray(block, np.float32)
        n = len(counts)
        flat = counts.reshape(n, -1)
        level = flat.mean(axis=1, dtype=np.float64)
        lit = level > 0
        relative = counts / np.where(lit, level, 1).astype(np.float32)[:, None, None]
        difference = relative.reshape(n, -1)[:, self.steady.ravel()]
        reference = self.reference[self.steady].astype(np.float32)
        pattern_of = reference - reference.mean()
        pattern = difference @ (pattern_of / np.sum(pattern_of**2))
        difference -= reference
        deviation = np.einsum("tp,tp->t", difference, difference) / len(reference)
        ordinary = lit & (level > DARK * self.usual_level) & np.isfinite(deviation)
        around = np.median(deviation[ordinary]) if ordinary.any() else self.usual_deviation
        ordinary &= deviation <= ODD * max(float(around), self.usual_deviation)
        both = ordinary[1:] & ordinary[:-1]
        steps = np.diff(relative, axis=0)[both]
        steps -= steps.mean(axis=2, keepdims=True)
        steps *= level[1:][both].astype(np.float32)[:, None, None]
        return (
            level, pattern.astype(np.float64), deviation.astype(np.float64),
            flat.max(axis=1) == flat.min(axis=1),
            _binned(relative, ordinary, bin_size),
            np.sum(counts >= self.ceiling, axis=0),
            counts[ordinary].sum(axis=0, dtype=np.float64),
            np.einsum("tyx,tyx->yx", steps, steps, dtype=np.float64),
            int(ordinary.sum()), int(both.sum()),
        )  # fmt: skip


def _bin_size(shape: tuple[int, int, int]) -> int:
    pixels = shape[1] * shape[2]
    bins = max(min(MOST_BINS, BIN_BYTES // (4 * pixels)), 2)
    return max(-(-shape[0] // bins), LEAST_BIN)


def _binned(relative: Floats32, ordinary: Bools, size: int) -> Floats32:
    """Average the ordinary frames of each complete bin."""
    n = len(relative) // size
    kept = ordinary[: n * size].reshape(n, size)
    weighted = np.where(ordinary[: n * size, None, None], relative[: n * size], 0)
    total = weighted.reshape(n, size, *relative.shape[1:]).sum(axis=1)
    counts = kept.sum(axis=1)
    mean = total / np.maximum(counts, 1)[:, None, None]
    mean[counts < size / 2] = np.nan
    return np.asarray(mean, np.float32)
