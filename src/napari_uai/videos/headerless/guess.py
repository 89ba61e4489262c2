"""Suggest shapes and pixel types of a headerless file, the most plausible first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_uai.typing import AnyArray, Floats
from napari_uai.videos.pixel_types import (
    PACKED,
    PackedType,
    PixelType,
    bytes_of,
    group_of,
    pixel_type,
    pixels_in,
)
from napari_uai.videos.read_options import UNKNOWN, ReadOptions

_COMMON_SIDES = frozenset({64, 70, 72, 96, 100, 120, 126, 128, 150, 200, 250, 256, 480, 512, 640})
_LIKELY_TYPES = ("<u2", "|u1", "<f4", "<f8", "<u4", ">u2", *PACKED)
NAMED_AT_MOST, CREDIBLE = 5, 0.3
_PIXELS_LOOKED_AT, _FRAMES_LOOKED_AT, _ROWS_LOOKED_AT = 2**19, 32, 100


def plausible_shapes(
    path: Path, known: ReadOptions = UNKNOWN, *, n_best: int = NAMED_AT_MOST
) -> list[tuple[int, int, int, str]]:
    """Return possible shapes of a headerless file, most plausible first.

    Consecutive frames of a recording are similar, and so are neighbouring rows: the autocorrelation
    of the pixel stream peaks at the size of a frame and at the length of a row. Shapes that fill
    the file exactly are ranked by these peaks, then by squareness and common sensor sizes.

    Parameters
    ----------
    path
        The file.
    known
        Known part of the shape.
    n_best
        Maximum number of shapes.

    Returns
    -------
    list of (frames, height, width, dtype)
    """
    return [shape for _, shape in scored_shapes(path, known)[:n_best]]


def scored_shapes(path: Path, known: ReadOptions) -> list[tuple[float, tuple[int, int, int, str]]]:
    """Return the score of each shape that fits the size of the file, highest first."""
    offset = known.offset or 0
    size = path.stat().st_size - offset
    types = _LIKELY_TYPES if known.pixels is None else (known.pixels.str,)
    found: list[tuple[float, tuple[int, int, int, str], _Likeness]] = []
    for kind in types:
        pixels = pixel_type(kind)
        n_pixels = _n_pixels(size, pixels)
        if n_pixels is None:
            continue
        likeness = likeness_of(path, pixels, offset)
        for n, rows, columns in _divisions(n_pixels):
            if known.rows in {None, rows} and known.columns in {None, columns}:
                score = likeness.frame(rows * columns, columns, size / n_pixels)
                score += _habit(rows, columns, pixels)
                found.append((score, (n, rows, columns, kind), likeness))
    found.sort(key=lambda scored: -scored[0])
    best = [
        (score + likeness.rows(rows * columns, columns), (n, rows, columns, kind))
        for score, (n, rows, columns, kind), likeness in found[:_ROWS_LOOKED_AT]
    ]
    best.sort(key=lambda scored: -scored[0])
    return best


def _n_pixels(size: int, pixels: PixelType) -> int | None:
    """Return the number of pixels that fill some bytes; None if there is no such number."""
    n_bytes, n_pixels = group_of(pixels)
    return size // n_bytes * n_pixels if size > 0 and size % n_bytes == 0 else None


def _divisions(n_pixels: int) -> Iterator[tuple[int, int, int]]:
    """Yield frames, height, width of camera-like frames that fill ``n_pixels`` exactly."""
    sides = np.arange(8, 2049)
    sides = sides[n_pixels % sides == 0]
    for height in sides:
        for width in sides:
            area = int(height) * int(width)
            if max(height, width) <= 3 * min(height, width) and n_pixels % area == 0:
                yield n_pixels // area, int(height), int(width)


def _habit(height: int, width: int, dtype: PixelType) -> float:
    """Return how common a shape is; small compared with the evidence of the pixels."""
    square = min(height, width) / max(height, width)
    common = (height in _COMMON_SIDES) + (width in _COMMON_SIDES)
    lonely = 0.05 if min(height, width) < 32 else 0.0
    rare = 0.02 * _LIKELY_TYPES.index(dtype.str) if dtype.str in _LIKELY_TYPES else 0.0
    return 0.05 * square + 0.03 * common - lonely - rare


@dataclass(frozen=True)
class _Likeness:
    """Similarity of pixels at different positions of the stream.

    Attributes
    ----------
    stream
        Pixels of the start of the file, scaled to -1 to 1.
    correlation
        Pearson autocorrelation of the stream, by lag in pixels.
    doubt
        Penalty for values that are implausible for a camera, at least 0.
    """

    stream: Floats
    correlation: Floats
    doubt: float

    def frame(self, size: int, width: int, itemsize: float) -> float:
        """Return the similarity of pixels one frame apart, relative to nearby lags."""
        if size + width >= self.correlation.size:
            return -self.doubt
        # In a static image with noise, frames correlate by 0.99, rows by 0.8.
        alike = -float(np.log10(1.01 - _peak(self.correlation, size, width)))
        # Pairs of frames are as similar as single frames: prefer the smaller size.
        large = 0.06 * float(np.log2(size * itemsize)) * min(alike, 1.0)
        return alike - large - self.doubt

    def rows(self, size: int, width: int) -> float:
        """Return the correlation of neighbouring rows in the mean of the frames read."""
        n = min(self.stream.size // size, _FRAMES_LOOKED_AT)
        picture = self.stream[: n * size].reshape(n, size).mean(axis=0) if n else self.stream
        above, below = picture[:-width], picture[width:]
        if not (above.size and above.std() > 0 and below.std() > 0):
            return 0.0
        return float(np.corrcoef(above, below)[0, 1])


def likeness_of(path: Path, dtype: PixelType, offset: int) -> _Likeness:
    """Measure similarities in the beginning of a file, interpreted as a pixel type."""
    n_bytes = bytes_of(dtype, _PIXELS_LOOKED_AT)
    content = np.fromfile(path, np.uint8, n_bytes, offset=offset)
    with np.errstate(all="ignore"):  # a wrong type gives arbitrary values
        stream = pixels_in(content, dtype).astype(np.float64)
        doubt = _doubt(content, stream, dtype)
        stream = np.nan_to_num(stream, nan=0.0, posinf=0.0, neginf=0.0)
        bound = float(np.quantile(np.abs(stream), 0.999))  # wrong types give some huge values
        stream = np.clip(stream / bound, -1, 1) if 0 < bound < np.inf else np.zeros(0)
    if stream.size == 0 or stream.std() == 0:
        return _Likeness(np.zeros(0), np.zeros(0), doubt)
    return _Likeness(stream, _correlation(stream - stream.mean()), doubt)


def _doubt(content: npt.NDArray[np.uint8], stream: Floats, dtype: PixelType) -> float:
    """Return a penalty for values that are implausible for a camera.

    The bytes of wider pixels differ: the upper hardly varies, the lower covers its whole range. Two
    pixels interpreted as one are a number far beyond the range of a camera, or have similar halves.
    """
    if not stream.size:
        return 0.0
    if isinstance(dtype, PackedType):
        return 0.5 if _in_turn_unlike(stream) else 0.0
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
    """Return whether every second or fourth value is distributed unlike the others."""
    turns = values[: values.size // 4 * 4].reshape(-1, 4).astype(np.float64)
    if not len(turns):
        return False
    spread, level = turns.std(axis=0), turns.mean(axis=0)
    return bool(spread.max() > 2 * spread.min() or np.ptp(level) > spread.max())


def _correlation(stream: Floats) -> Floats:
    """Return the Pearson autocorrelation of a stream, for lags up to half its length."""
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
    """Return by how much the correlation at a lag exceeds that at nearby lags, 0 to 1."""
    # Steps of two: in bytes of 16-bit pixels, every second one is similar.
    reach = 2 * (width // 4)
    around = float(correlation[lag - reach : lag + reach + 1 : 2].mean())
    return float(np.clip((correlation[lag] - around) / max(1 - around, 1e-9), 0, 1))
