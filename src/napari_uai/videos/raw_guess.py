"""Shapes and pixel types that would fit a headerless file, the most plausible first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.typing import AnyArray, Floats
from napari_uai.videos.raw_shape import UNKNOWN, RawShape

_COMMON_SIDES = frozenset({64, 70, 72, 96, 100, 120, 126, 128, 150, 200, 250, 256, 480, 512, 640})
_LIKELY_TYPES = ("<u2", "|u1", "<f4", "<f8", "<u4", ">u2")
NAMED_AT_MOST, CREDIBLE = 5, 0.3
_PIXELS_LOOKED_AT, _FRAMES_LOOKED_AT, _ROWS_LOOKED_AT = 2**19, 32, 100


def plausible_shapes(
    path: Path, known: RawShape = UNKNOWN, *, n_best: int = NAMED_AT_MOST
) -> list[tuple[int, int, int, str]]:
    """Return shapes that a headerless file may have, likeliest first.

    Frames of a recording resemble each other, and so do neighbouring rows: the correlation of the
    pixel stream with itself peaks at the frame's size and at the row's length. Shapes that fill
    the file exactly are ranked by that, then by squareness and common sizes of sensors.

    Parameters
    ----------
    path
        The file.
    known
        What is known of the shape.
    n_best
        How many to return at most.

    Returns
    -------
    list of (frames, height, width, dtype)
    """
    return [shape for _, shape in scored_shapes(path, known)[:n_best]]


def scored_shapes(path: Path, known: RawShape) -> list[tuple[float, tuple[int, int, int, str]]]:
    """Return shapes that fit the file's size with their doubt, lowest first."""
    offset = known.offset or 0
    size = path.stat().st_size - offset
    types = _LIKELY_TYPES if known.pixels is None else (known.pixels.str,)
    found: list[tuple[float, tuple[int, int, int, str], _Likeness]] = []
    for kind in types:
        pixels = np.dtype(kind)
        if size < 1 or size % pixels.itemsize:
            continue
        likeness = likeness_of(path, pixels, offset)
        for n, rows, columns in _divisions(size // pixels.itemsize):
            if known.rows in {None, rows} and known.columns in {None, columns}:
                score = likeness.frame(rows * columns, columns, pixels.itemsize)
                score += _habit(rows, columns, pixels)
                found.append((score, (n, rows, columns, kind), likeness))
    found.sort(key=lambda scored: -scored[0])
    best = [
        (score + likeness.rows(rows * columns, columns), (n, rows, columns, kind))
        for score, (n, rows, columns, kind), likeness in found[:_ROWS_LOOKED_AT]
    ]
    best.sort(key=lambda scored: -scored[0])
    return best


def _divisions(n_pixels: int) -> Iterator[tuple[int, int, int]]:
    """Yield frames, height, width of camera-like frames that fill ``n_pixels`` exactly."""
    sides = np.arange(8, 2049)
    sides = sides[n_pixels % sides == 0]
    for height in sides:
        for width in sides:
            area = int(height) * int(width)
            if max(height, width) <= 3 * min(height, width) and n_pixels % area == 0:
                yield n_pixels // area, int(height), int(width)


def _habit(height: int, width: int, dtype: np.dtype[Any]) -> float:
    """Return how usual a shape is, small against what the pixels say."""
    square = min(height, width) / max(height, width)
    common = (height in _COMMON_SIDES) + (width in _COMMON_SIDES)
    lonely = 0.05 if min(height, width) < 32 else 0.0
    rare = 0.02 * _LIKELY_TYPES.index(dtype.str) if dtype.str in _LIKELY_TYPES else 0.0
    return 0.05 * square + 0.03 * common - lonely - rare


@dataclass(frozen=True)
class _Likeness:
    """How well pixels resemble those at other places of the stream.

    Attributes
    ----------
    stream
        Pixels of the start of the file, scaled to -1 to 1.
    correlation
        Pearson correlation of the stream with itself, by lag in pixels.
    doubt
        How little the values look like those of a camera, from 0.
    """

    stream: Floats
    correlation: Floats
    doubt: float

    def frame(self, size: int, width: int, itemsize: int) -> float:
        """Return how much pixels resemble those a frame later, more than others around."""
        if size + width >= self.correlation.size:
            return -self.doubt
        # A still picture under noise is 0.99 alike from frame to frame, 0.8 from row to row.
        alike = -float(np.log10(1.01 - _peak(self.correlation, size, width)))
        # Two frames resemble the next two as one does the next: the smaller is right.
        large = 0.06 * float(np.log2(size * itemsize)) * min(alike, 1.0)
        return alike - large - self.doubt

    def rows(self, size: int, width: int) -> float:
        """Return how much rows resemble the next, in the mean of the frames at hand."""
        n = min(self.stream.size // size, _FRAMES_LOOKED_AT)
        picture = self.stream[: n * size].reshape(n, size).mean(axis=0) if n else self.stream
        above, below = picture[:-width], picture[width:]
        if not (above.size and above.std() > 0 and below.std() > 0):
            return 0.0
        return float(np.corrcoef(above, below)[0, 1])


def likeness_of(path: Path, dtype: np.dtype[Any], offset: int) -> _Likeness:
    """Measure how like a picture the beginning of a file is, read as a pixel type."""
    content = np.fromfile(path, np.uint8, _PIXELS_LOOKED_AT * dtype.itemsize, offset=offset)
    content = content[: content.size // dtype.itemsize * dtype.itemsize]
    with np.errstate(all="ignore"):  # a wrong type: anything may come out
        stream = content.view(dtype).astype(np.float64)
        doubt = _doubt(content, stream, dtype)
        stream = np.nan_to_num(stream, nan=0.0, posinf=0.0, neginf=0.0)
        bound = float(np.quantile(np.abs(stream), 0.999))  # wrong types give a few giants
        stream = np.clip(stream / bound, -1, 1) if 0 < bound < np.inf else np.zeros(0)
    if stream.size == 0 or stream.std() == 0:
        return _Likeness(np.zeros(0), np.zeros(0), doubt)
    return _Likeness(stream, _correlation(stream - stream.mean()), doubt)


def _doubt(content: npt.NDArray[np.uint8], stream: Floats, dtype: np.dtype[Any]) -> float:
    """Return how little values look like those of a camera.

    Halves of wider pixels differ: the upper hardly varies, the lower is all over its range. Two
    pixels that are read as one are a number far beyond any camera's, or have two halves alike.
    """
    if not stream.size:
        return 0.0
    if dtype.kind == "f":
        size = np.abs(stream)
        sane = np.isfinite(stream).all() and not ((size > 0) & (size < 1e-12)).any()
        usual = sane and np.quantile(size, 0.999) < min(1e7, 1e4 * size.mean())
    else:
        usual = dtype.itemsize < 4 or np.quantile(stream, 0.999) < 2**24
    if not usual:
        return 1.0
    if dtype.itemsize <= 4 and _in_turn_unlike(stream):
        return 0.5
    return 0.5 if dtype.itemsize > 1 and not _in_turn_unlike(content) else 0.0


def _in_turn_unlike(values: AnyArray) -> bool:
    """Tell whether every second or fourth value is of another kind than the rest."""
    turns = values[: values.size // 4 * 4].reshape(-1, 4).astype(np.float64)
    if not len(turns):
        return False
    spread, level = turns.std(axis=0), turns.mean(axis=0)
    return bool(spread.max() > 2 * spread.min() or np.ptp(level) > spread.max())


def _correlation(stream: Floats) -> Floats:
    """Return the Pearson correlation of a stream with itself, for lags of up to half of it."""
    from scipy.fft import irfft, next_fast_len, rfft

    lags = np.arange(stream.size // 2)
    length = next_fast_len(2 * stream.size)
    spectrum = rfft(stream, length)
    products = irfft(spectrum * spectrum.conj(), length)[: lags.size]
    sums, squares = (np.concatenate([[0.0], np.cumsum(stream**power)]) for power in (1, 2))
    overlap = stream.size - lags
    first, last = sums[overlap] / overlap, (sums[-1] - sums[lags]) / overlap
    first_power = squares[overlap] / overlap - first**2
    last_power = (squares[-1] - squares[lags]) / overlap - last**2
    spread = np.sqrt(np.maximum(first_power * last_power, 0))
    return np.asarray((products / overlap - first * last) / np.maximum(spread, 1e-12))


def _peak(correlation: Floats, lag: int, width: int) -> float:
    """Return the correlation at a lag above that of its neighbourhood, 0 to 1."""
    # Steps of two: bytes read singly from 16-bit pixels resemble every second one.
    reach = 2 * (width // 4)
    around = float(correlation[lag - reach : lag + reach + 1 : 2].mean())
    return float(np.clip((correlation[lag] - around) / max(1 - around, 1e-9), 0, 1))
