"""Whether the pixels of a headerless file contradict the shape that is given for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.typing import Floats
from napari_uai.videos.pixel_types import (
    PACKED,
    PackedType,
    PixelType,
    bytes_of,
    pixels_in,
)

_FRAMES_LOOKED_AT = 9
_DOUBTFUL, _CREDIBLE, _MARGIN = 0.35, 0.6, 0.35
_MOST_HEADER_BYTES = 4096
_HALVES_ALIKE = 0.95
_BREAK = 2.0
_NO_COUNT = 2**23
_FLOATS = 1e-9, 1e9
_TYPES: tuple[np.dtype[Any], ...] = (np.dtype("<u2"), np.dtype(">u2"), np.dtype(np.uint8))
_WIDE_TYPES: tuple[np.dtype[Any], ...] = (np.dtype("<f4"), np.dtype("<f8"), np.dtype("<u4"))
_ALTERNATING = -0.3
_LARGEST = 1e60  # beyond are no counts, and products overflow
_LEAST_SIDE, _MOST_PIXELS = 8, 2**22


@dataclass(frozen=True)
class Reading:
    """A way to read a headerless file.

    Attributes
    ----------
    height, width
        Rows, columns.
    pixels
        Type of the pixels.
    offset, frame_header
        Bytes before the first frame, and before each.
    """

    height: int
    width: int
    pixels: PixelType
    offset: int = 0
    frame_header: int = 0

    @property
    def frame_bytes(self) -> int:
        """Bytes from one frame to the next."""
        return bytes_of(self.pixels, self.height * self.width) + self.frame_header

    def changed_options(self, other: Reading) -> dict[str, Any]:
        """Return the options that read a file in this way, as far as another one differs."""
        mine, theirs = (
            {
                "height": each.height,
                "width": each.width,
                "dtype": each.pixels.str,
                "offset": each.offset,
                "frame_header": each.frame_header,
            }
            for each in (self, other)
        )
        return {name: value for name, value in mine.items() if value != theirs[name]}

    def __str__(self) -> str:
        text = f"{self.height} x {self.width} {self.pixels.str!r}"
        if self.offset:
            text += f" after {self.offset} bytes"
        if self.frame_header:
            text += f", each after {self.frame_header} bytes"
        return text


def likelier_reading(path: Path, given: Reading) -> Reading | None:
    """Return another way to read a file that its pixels suggest, if the given one looks wrong.

    In a recording, frames far apart resemble each other, and so do neighbouring rows and
    neighbouring columns of their mean. A reading is doubted only if it lacks this and another one
    has it: the other byte order or type, other sides, one more row (a status line), a header before
    the file, also together with one of these, or before each frame; or if each frame seems to hold
    two, or half of one, or two rows beside each other; or if integers seem to be floats.

    Parameters
    ----------
    path
        The file.
    given
        The reading to doubt.
    """
    size = path.stat().st_size
    n = (size - given.offset) // given.frame_bytes
    sides = min(given.height, given.width)
    judged = sides >= _LEAST_SIDE and given.height * given.width <= _MOST_PIXELS and n > 1
    if not judged or (isinstance(given.pixels, np.dtype) and given.pixels.kind == "b"):
        return None
    frames = _frames(path, size, given)
    stated = _evidence(frames, enough=_CREDIBLE)
    headers = list(_with_header(size, given))
    if stated >= _CREDIBLE:
        # A header that is not left out rolls all frames alike: only a seam in them shows it.
        seam = _seam(path, size, given) if headers else 0.0
        headed = (h for h in headers if seam > 0.5 and _seam(path, size, h) < seam / 2)
        mean = frames.mean(axis=0)
        return (
            next(headed, None)
            or _halved(path, size, given, mean)
            or _unfolded(path, size, given, frames, mean)
            or _as_floats(path, size, given, frames)
        )
    if stated >= _DOUBTFUL:
        return _unfolded(path, size, given, frames, frames.mean(axis=0))
    others = [*_others(given), *_with_line(size, given), *headers, *_taller(size, given)]
    # Narrower types would find regular patterns in the bytes of wide ones.
    alike = [other for other in _others(given) if other.frame_bytes == given.frame_bytes]
    others += [headed for other in alike for headed in _with_header(size, other)]
    others += _with_frame_headers(path, size, given)
    others += [_with_width(path, size, other) for other in (given, *alike)]
    others += _wider(path, size, given) if stated < _ALTERNATING else []
    best, other = _best(path, size, others)
    return other if best > max(_CREDIBLE, stated + _MARGIN) else None


def _best(path: Path, size: int, readings: Sequence[Reading]) -> tuple[float, Reading | None]:
    """Return the reading with the most evidence, of equals the first."""
    scored = [(_evidence(_frames(path, size, reading)), -i) for i, reading in enumerate(readings)]
    best, i = max(scored, default=(0.0, 1))
    return best, None if i > 0 else readings[-i]


def _halved(path: Path, size: int, given: Reading, mean: Floats) -> Reading | None:
    """Return a reading with half as many bytes per frame if each frame seems to hold two."""
    half = given.height // 2
    near = max(2, half // 4)
    if given.height % 2 or half < 2 * near:
        return None
    alike, before, after = (
        _correlation(mean[:-s], mean[s:]) for s in (half, half - near, half + near)
    )
    if alike < _HALVES_ALIKE or alike - max(before, after) < _MARGIN:
        return None
    others = [replace(given, height=half)]
    if not isinstance(given.pixels, PackedType):
        smaller = given.pixels.itemsize // 2
        others += [replace(given, pixels=p) for p in _TYPES if p.itemsize == smaller]
    return _best(path, size, others)[1]


def _unfolded(
    path: Path, size: int, given: Reading, frames: Floats, mean: Floats
) -> Reading | None:
    """Return a reading with twice the rows if each frame seems to be half of one, or each row two.

    Halves of a frame differ from each other, and go on where they meet; two rows beside each other
    are alike, and break where they meet.
    """
    height, width = given.height, given.width
    # Of an even number of halves the first and the last are different ones.
    alike = _correlation(frames[0], frames[-1]) > _CREDIBLE
    for taller in () if alike else _taller(size, given):
        both = _frames(path, size, taller).mean(axis=0)
        apart = _correlation(both[:height], both[height:]) < _DOUBTFUL
        if apart and _correlation(both[height - 1], both[height]) > _CREDIBLE:
            return taller
    half = width // 2
    if width % 2 or half < _LEAST_SIDE:
        return None
    steps = np.sqrt(np.mean(np.diff(mean, axis=1) ** 2, axis=0))
    broken = steps[half - 1] > _BREAK * np.median(steps)
    if not broken or _correlation(mean[:, :half], mean[:, half:]) < _CREDIBLE:
        return None
    narrower = replace(given, height=2 * height, width=half)
    return narrower if _evidence(_frames(path, size, narrower)) >= _CREDIBLE else None


def _taller(size: int, given: Reading) -> Iterator[Reading]:
    """Yield the reading with twice the rows, if such frames fill the file."""
    taller = replace(given, height=2 * given.height)
    if not given.frame_header and (size - given.offset) % taller.frame_bytes == 0:
        yield taller


def _as_floats(path: Path, size: int, given: Reading, frames: Floats) -> Reading | None:
    """Return the reading as floats of integers that are all far larger than counts.

    The bits of positive floats grow with their values, so that frames look alike either way.
    """
    pixels = given.pixels
    if isinstance(pixels, PackedType) or pixels.kind not in "iu" or pixels.itemsize != 4:
        return None
    if np.abs(frames).min() < _NO_COUNT:
        return None
    floats = replace(given, pixels=np.dtype(np.float32).newbyteorder(pixels.byteorder))
    values = np.abs(_frames(path, size, floats))
    low, high = _FLOATS
    return floats if low < values.min() and values.max() < high else None


def _with_width(path: Path, size: int, given: Reading) -> Reading:
    """Return the reading with the sides by which neighbouring rows are most alike."""
    if (size - given.offset) // given.frame_bytes < 2:
        return given
    line = _frames(path, size, given).mean(axis=0).ravel()
    # A row of other values, such as a status line, is alike to nothing and proves nothing.
    line = np.clip(line, *np.quantile(line, (0.1, 0.9)))
    widths = [w for w in range(_LEAST_SIDE, line.size // _LEAST_SIDE + 1) if line.size % w == 0]
    alike = [_correlation(line[:-width], line[width:]) for width in widths]
    if max(alike, default=0.0) < _CREDIBLE:
        return given
    width = widths[int(np.argmax(alike))]
    return replace(given, height=line.size // width, width=width)


def _others(given: Reading) -> Iterator[Reading]:
    if not isinstance(given.pixels, PackedType) and given.pixels.itemsize > 1:
        yield replace(given, pixels=given.pixels.newbyteorder())
    if given.height != given.width:
        yield replace(given, height=given.width, width=given.height)
    types: tuple[PixelType, ...] = (*_TYPES, *PACKED.values())
    for pixels in types:
        if pixels != given.pixels:
            yield replace(given, pixels=pixels)


def _wider(path: Path, size: int, given: Reading) -> Iterator[Reading]:
    """Yield readings with wider pixels, whose parts alternate along the columns."""
    for pixels in _WIDE_TYPES:
        reading = replace(given, pixels=pixels)
        if isinstance(given.pixels, PackedType) or given.pixels.itemsize >= pixels.itemsize:
            continue
        if (size - given.offset) // reading.frame_bytes < 2:
            continue
        sizes = np.abs(_frames(path, size, reading))
        low, high = _FLOATS if pixels.kind == "f" else (1, 2**24)
        if sizes.max() <= high and np.all((sizes >= low) | (sizes == 0)):
            yield reading


def _with_line(size: int, given: Reading) -> Iterator[Reading]:
    """Yield the reading with one more row, which cameras add for their status line."""
    taller = replace(given, height=given.height + 1)
    if (size - given.offset) % taller.frame_bytes == 0:
        yield taller


def _with_header(size: int, given: Reading) -> Iterator[Reading]:
    """Yield the reading behind a header that makes the frames fill the file."""
    rest = (size - given.offset) % given.frame_bytes
    if rest:
        yield replace(given, offset=given.offset + rest)


def _with_frame_headers(path: Path, size: int, given: Reading) -> Iterator[Reading]:
    """Yield readings with bytes before each frame, as the distance of alike frames shows them."""
    if isinstance(given.pixels, PackedType) or given.frame_header:
        return
    step, frame = given.pixels.itemsize, given.frame_bytes
    content = np.fromfile(path, np.uint8, 6 * (frame + _MOST_HEADER_BYTES), offset=given.offset)
    stream = pixels_in(content, given.pixels).astype(np.float64)
    stream = np.clip(stream, *np.nanquantile(stream, (0.01, 0.99))) if stream.size else stream
    n, first = frame // step, stream[: frame // step]
    lags = range(n + 1, min(n + _MOST_HEADER_BYTES // step, stream.size - n))
    alike = [_correlation(first, stream[lag : lag + n]) for lag in lags]
    if alike:
        header = (int(np.argmax(alike)) + 1) * step
        if (size - given.offset) % (frame + header) == 0:
            yield replace(given, frame_header=header)


def _frames(path: Path, size: int, reading: Reading) -> Floats:
    """Return some frames, evenly spaced over the file."""
    n = (size - reading.offset) // reading.frame_bytes
    n_pixels = reading.height * reading.width
    chosen = np.unique(np.linspace(0, n - 1, min(n, _FRAMES_LOOKED_AT)).astype(int))
    frames = np.empty((len(chosen), reading.height, reading.width))
    with path.open("rb") as file, np.errstate(all="ignore"):
        for frame, i in zip(frames, chosen, strict=True):
            file.seek(reading.offset + int(i) * reading.frame_bytes + reading.frame_header)
            content = file.read(reading.frame_bytes - reading.frame_header)
            pixels = pixels_in(np.frombuffer(content, np.uint8), reading.pixels)[:n_pixels]
            frame[...] = pixels.astype(np.float64).reshape(frame.shape)
    if not isinstance(reading.pixels, PackedType) and reading.pixels.kind == "f":
        frames[~(np.abs(frames) < _LARGEST)] = 0
    return frames


def _evidence(frames: Floats, enough: float = 1.0) -> float:
    """Return the least of the likenesses between frames, rows and columns, -1 to 1.

    The first or the last row, which may be a status line, is left out if that is more favourable
    and all rows are not alike enough.
    """
    if len(frames) < 2:
        return 0.0  # nothing to compare
    alike = _consistency(frames)
    if alike >= enough:
        return alike
    return max(alike, _consistency(frames[:, :-1]), _consistency(frames[:, 1:]))


def _consistency(frames: Floats) -> float:
    first, *others = frames - frames.mean(axis=(1, 2), keepdims=True)
    alike = [_cosine(first, frame) for frame in others]
    mean = frames.mean(axis=0)
    rows = _correlation(mean[:-1], mean[1:])
    columns = _correlation(mean[:, :-1], mean[:, 1:])
    return min(float(np.median(alike)), rows, columns)


def _seam(path: Path, size: int, reading: Reading) -> float:
    """Return how strongly the mean frame is broken between two of its rows, 0 to 1."""
    mean = _frames(path, size, reading).mean(axis=0)
    steps = np.sqrt(np.mean(np.diff(mean, axis=0) ** 2, axis=1))
    usual = float(np.median(steps)) if steps.size else 0.0
    return 1 - usual / float(steps.max()) if usual > 0 else 0.0


def _correlation(one: Floats, other: Floats) -> float:
    return _cosine(one - one.mean(), other - other.mean())


def _cosine(one: Floats, other: Floats) -> float:
    a, b = one.ravel(), other.ravel()
    # Not by BLAS, whose threads would go on waiting busily for 0.1 s.
    squares, products = (np.einsum("i,i", a, a) * np.einsum("i,i", b, b)), np.einsum("i,i", a, b)
    return float(products / np.sqrt(squares)) if squares > 0 else 0.0
