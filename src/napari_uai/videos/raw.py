"""Headerless camera recordings: where their shape is written, and what shapes would fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.videos.info import AxisOrder

SIDECAR_KEYS = ("height", "width", "dtype", "offset", "frames", "pixel_size_um", "frame_rate_hz")

_NAME = re.compile(r"type_(?P<dtype>[A-Za-z0-9]+)_shape\((?P<shape>\d+,\s*\d+,\s*\d+)\)")
_COMMON_SIDES = frozenset({64, 70, 72, 96, 100, 120, 126, 128, 150, 200, 250, 256, 480, 512, 640})
_LIKELY_TYPES = ("<u2", "|u1", "<f4", "<f8", "<u4", ">u2")
_NAMED_AT_MOST, _CREDIBLE = 5, 0.3
_PIXELS_LOOKED_AT, _FRAMES_LOOKED_AT, _ROWS_LOOKED_AT = 2**19, 32, 100


@dataclass(frozen=True)
class RawLayout:
    """Where the frames of a headerless file lie.

    Attributes
    ----------
    shape
        Whole frames in the file, rows, columns.
    dtype
        Type with byte order.
    offset
        Bytes before the first frame.
    source
        Which of ``"arguments"``, ``"sidecar"``, ``"name"`` say so.
    warnings
        What does not quite fit, one line each.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    source: tuple[str, ...]
    warnings: tuple[str, ...]


def raw_layout(
    path: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: npt.DTypeLike | None = None,
    offset: int | None = None,
    axis_order: AxisOrder = "height-width",
    sidecar: Mapping[str, Any] | None = None,
) -> RawLayout:
    """Find out how a headerless file is laid out.

    Each fact may come from the arguments, the sidecar or the name; they may not contradict each
    other, for nobody can tell which of them is a slip.

    Parameters
    ----------
    path
        The file.
    height, width, dtype, offset
        Rows, columns, type with byte order, header bytes; None: look them up.
    axis_order
        Meaning of ``height`` and ``width`` as arguments.
    sidecar
        Contents of the sidecar, see :func:`read_sidecar`.

    Raises
    ------
    VideoFormatError
        If shape or type is not to be found, is given in two ways, contradicts the file, or fits no
        whole frame.
    """
    size = path.stat().st_size
    if size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    if axis_order == "width-height":
        height, width = width, height
    given = {"height": height, "width": width, "dtype": dtype, "offset": offset}
    facts = _Facts(path)
    for source, values in (
        ("arguments", given),
        ("sidecar", dict(sidecar or {})),
        ("name", shape_in_name(path.name)),
    ):
        facts.add(source, values)
    missing = [key for key in ("height", "width", "dtype") if key not in facts.values]
    if missing:
        raise VideoFormatError(
            f"{path} has no header: give {_and(missing)} (as arguments or in {path.stem}.json)"
            f"{_hint(path, **facts.values)}"
        )
    return _fit(path, size, facts)


def read_sidecar(path: Path, *, strict: bool = True) -> dict[str, Any]:
    """Return what the sidecar of a recording says; empty if there is none.

    ``<name>.json`` is looked for first, then ``<stem>.json``. Keys: ``height``, ``width`` (px),
    ``dtype`` (e.g. ``"<u2"``), ``offset`` (bytes), ``frames``, ``pixel_size_um``,
    ``frame_rate_hz``; all optional. A JSON file that has none of them is not a sidecar.

    Parameters
    ----------
    path
        The recording.
    strict
        False: a sidecar that makes no sense is as none, for files that can do without.

    Raises
    ------
    VideoFormatError
        If it is not JSON, or a value makes no sense.
    """
    try:
        return _sidecar(path)
    except VideoFormatError:
        if strict:
            raise
        return {}


def sidecar_paths(path: Path) -> tuple[Path, Path]:
    """Return where a recording's sidecar may stand: ``<name>.json``, then ``<stem>.json``."""
    return path.with_name(f"{path.name}.json"), path.with_name(f"{path.stem}.json")


def shape_in_name(name: str) -> dict[str, Any]:
    """Return shape and type from a name such as ``..._type_uint16_shape(1000, 70, 72).raw``."""
    match = _NAME.search(name)
    if match is None:
        return {}
    frames, height, width = (int(n) for n in match["shape"].split(","))
    try:
        dtype = pixel_type(match["dtype"])
    except BadValueError:
        return {}
    return {"frames": frames, "height": height, "width": width, "dtype": dtype}


def pixel_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return a type of pixels: any integer or float, either byte order, or boolean.

    Raises
    ------
    BadValueError
        If it is something else.
    """
    try:
        pixels = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        pixels = np.dtype(object)
    if pixels.kind not in "uifb" or pixels.shape or dtype is None:
        raise BadValueError(
            f"{dtype!r} is no type of pixels: give one such as '<u2', '>u2', 'uint8', '<f4'"
        )
    return pixels


def plausible_shapes(
    path: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: npt.DTypeLike | None = None,
    offset: int = 0,
    n_best: int = _NAMED_AT_MOST,
) -> list[tuple[int, int, int, str]]:
    """Return shapes that a headerless file may have, likeliest first.

    Frames of a recording resemble each other, and so do neighbouring rows: the correlation of the
    pixel stream with itself peaks at the frame's size and at the row's length. Shapes that fill
    the file exactly are ranked by that, then by squareness and common sizes of sensors.

    Parameters
    ----------
    path
        The file.
    height, width, dtype
        What is known.
    offset
        Bytes before the first frame.
    n_best
        How many to return at most.

    Returns
    -------
    list of (frames, height, width, dtype)
    """
    known = _Known(height, width, None if dtype is None else pixel_type(dtype), offset)
    return [shape for _, shape in _scored_shapes(path, known)[:n_best]]


class _Known(NamedTuple):
    """What is known of a file's layout."""

    height: int | None = None
    width: int | None = None
    dtype: np.dtype[Any] | None = None
    offset: int = 0


def _scored_shapes(path: Path, known: _Known) -> list[tuple[float, tuple[int, int, int, str]]]:
    size = path.stat().st_size - known.offset
    types = _LIKELY_TYPES if known.dtype is None else (known.dtype.str,)
    found: list[tuple[float, tuple[int, int, int, str], _Likeness]] = []
    for kind in types:
        pixels = np.dtype(kind)
        if size < 1 or size % pixels.itemsize:
            continue
        likeness = _likeness(path, pixels, known.offset)
        for n, rows, columns in _divisions(size // pixels.itemsize):
            if known.height in {None, rows} and known.width in {None, columns}:
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


def _sidecar(path: Path) -> dict[str, Any]:
    for sidecar in sidecar_paths(path):
        if sidecar == path or not sidecar.is_file():
            continue
        try:
            values = json.loads(sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise VideoFormatError(
                f"{sidecar} beside {path.name} is not readable JSON ({error}): mend or remove it"
            ) from error
        if isinstance(values, dict) and any(key in values for key in SIDECAR_KEYS):
            return {
                key: _checked(sidecar, key, values[key])
                for key in SIDECAR_KEYS
                if values.get(key) is not None
            }
    return {}


@dataclass
class _Facts:
    """What is said about a file, and by whom."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    said_by: dict[str, str] = field(default_factory=dict)

    def add(self, source: str, values: Mapping[str, Any]) -> None:
        """Take what a source says.

        Raises
        ------
        VideoFormatError
            If it contradicts one before.
        """
        clashes = []
        for key, value in values.items():
            if value is None or key not in {"height", "width", "dtype", "offset", "frames"}:
                continue
            checked = _checked(self.path, key, value)
            if key not in self.values:
                self.values[key], self.said_by[key] = checked, source
            elif not _same(self.values[key], checked):
                clashes.append((key, checked))
        if clashes:
            raise VideoFormatError(self._contradiction(source, clashes))

    def _contradiction(self, source: str, clashes: list[tuple[str, Any]]) -> str:
        others = list(dict.fromkeys(self.said_by[key] for key, _ in clashes))
        told = ", ".join(
            f"{key} {self.values[key]} ({self.said_by[key]}) or {value} ({source})"
            for key, value in clashes
        )
        ways = _and([self._way_out(each) for each in (*others, source)], "or")
        return f"{self.path} is said to have {told}: {ways}{_hint(self.path)}"

    def _way_out(self, source: str) -> str:
        if source == "arguments":
            return "correct the arguments"
        if source == "name":
            return "rename the file"
        sidecar = next((p for p in sidecar_paths(self.path) if p.is_file()), None)
        return f"edit or remove {sidecar.name if sidecar else 'its sidecar'}"


def _fit(path: Path, size: int, facts: _Facts) -> RawLayout:
    height, width = facts.values["height"], facts.values["width"]
    dtype, offset = facts.values["dtype"], facts.values.get("offset", 0)
    frame_bytes = height * width * dtype.itemsize
    frames, rest = divmod(size - offset, frame_bytes)
    described = f"{height} x {width} px of {dtype.str!r}"
    if offset >= size or frames < 1:
        raise VideoFormatError(
            f"{path} has {size} bytes, too few for one frame of {described} "
            f"after {offset} bytes of header{_hint(path, offset=offset)}"
        )
    warnings = []
    if facts.values.get("frames", frames) != frames:
        stated = facts.values["frames"]
        message = (
            f"its {facts.said_by['frames']} says {stated} frames, but {described} "
            f"fit {(size - offset) / frame_bytes:.1f} times"
        )
        if not {facts.said_by["height"], facts.said_by["width"]} <= {"arguments"}:
            raise VideoFormatError(
                f"{path}: {message}: copy it again if it was cut, or give height, width and dtype "
                f"yourself to take what is there{_hint(path, offset=offset)}"
            )
        warnings.append(f"{path.name}: {message}; all {frames} are used")
    if rest:
        _check_against_pixels(path, (height, width), dtype, offset)
        warnings.append(
            f"{path.name}: the last {rest} bytes are no whole frame of {described} "
            f"({frame_bytes} bytes) and are dropped"
        )
    source = tuple(dict.fromkeys(facts.said_by[key] for key in ("height", "width", "dtype")))
    return RawLayout((frames, height, width), dtype, offset, source, tuple(warnings))


def _check_against_pixels(
    path: Path, shape: tuple[int, int], dtype: np.dtype[Any], offset: int
) -> None:
    """Raise an error if another shape fills the file and is the one that its pixels speak for.

    A file that was cut in the middle of a frame still has frames that resemble each other at the
    distance that was given; one that is read in a wrong shape has not.
    """
    height, width = shape
    given = _likeness(path, dtype, offset).frame(height * width, width, dtype.itemsize)
    scored = _scored_shapes(path, _Known(dtype=dtype, offset=offset))
    if scored and scored[0][0] > _CREDIBLE and given < _CREDIBLE / 2:
        raise VideoFormatError(
            f"{path}: {height} x {width} px of {dtype.str!r} do not fill it, and its pixels speak "
            f"against them{_hint(path, dtype=dtype, offset=offset)}"
        )


def _checked(where: Path, key: str, value: Any) -> Any:
    if key == "dtype":
        try:
            return pixel_type(value)
        except BadValueError as error:
            raise VideoFormatError(f"{where}: {error}") from error
    number = isinstance(value, (int, float, np.integer, np.floating)) and value is not True
    if key in {"pixel_size_um", "frame_rate_hz"}:
        if not (number and np.isfinite(value) and value > 0):
            raise VideoFormatError(f"{where}: {key} must be a positive number, got {value!r}")
        return float(value)
    least = 0 if key == "offset" else 1
    if not (number and value == int(value) and value >= least):
        raise VideoFormatError(f"{where}: {key} must be a whole number >= {least}, got {value!r}")
    return int(value)


def _same(one: Any, other: Any) -> bool:
    # The name convention writes no byte order: 'uint16' does not contradict '>u2'.
    if isinstance(one, np.dtype):
        return bool(one.newbyteorder("=") == np.dtype(other).newbyteorder("="))
    return bool(one == other)


def _hint(
    path: Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: np.dtype[Any] | None = None,
    offset: int = 0,
    frames: int | None = None,  # noqa: ARG001  # wrong often enough when a hint is needed
) -> str:
    scored = _scored_shapes(path, _Known(height, width, dtype, offset))
    if not any(score > _CREDIBLE for score, _ in scored):
        scored = _scored_shapes(path, _Known(offset=offset))
    listed = ", ".join(
        f"{h} x {w} {kind!r} ({n} frames)" for _, (n, h, w, kind) in scored[:_NAMED_AT_MOST]
    )
    if not scored:
        return "; no usual shape fills the file: it may have a header (offset) or be cut"
    if scored[0][0] > _CREDIBLE:
        return f"; height x width that would fit: {listed}"
    return (
        "; the pixels speak for no shape, so it may have a header (offset) or be cut; "
        f"height x width that would fit by size alone: {listed}"
    )


def _and(words: list[str], last: str = "and") -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


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

    stream: npt.NDArray[np.float64]
    correlation: npt.NDArray[np.float64]
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


def _likeness(path: Path, dtype: np.dtype[Any], offset: int) -> _Likeness:
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


def _doubt(
    content: npt.NDArray[np.uint8], stream: npt.NDArray[np.float64], dtype: np.dtype[Any]
) -> float:
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


def _in_turn_unlike(values: npt.NDArray[Any]) -> bool:
    """Tell whether every second or fourth value is of another kind than the rest."""
    turns = values[: values.size // 4 * 4].reshape(-1, 4).astype(np.float64)
    if not len(turns):
        return False
    spread, level = turns.std(axis=0), turns.mean(axis=0)
    return bool(spread.max() > 2 * spread.min() or np.ptp(level) > spread.max())


def _correlation(stream: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
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


def _peak(correlation: npt.NDArray[np.float64], lag: int, width: int) -> float:
    """Return the correlation at a lag above that of its neighbourhood, 0 to 1."""
    # Steps of two: bytes read singly from 16-bit pixels resemble every second one.
    reach = 2 * (width // 4)
    around = float(correlation[lag - reach : lag + reach + 1 : 2].mean())
    return float(np.clip((correlation[lag] - around) / max(1 - around, 1e-9), 0, 1))
