"""Headerless camera recordings: their shape from arguments, sidecar or name, and suggestions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import BadValueError, VideoFormatError, counted
from napari_uai.option_names import option, option_list
from napari_uai.videos.headerless.doubt import Reading, likelier_reading
from napari_uai.videos.headerless.guess import CREDIBLE, NAMED_AT_MOST, likeness_of, scored_shapes
from napari_uai.videos.headerless.sidecars import NO_SIDECAR, Sidecar, checked, read_sidecar
from napari_uai.videos.info import Opened
from napari_uai.videos.mapped import file_frames
from napari_uai.videos.pixel_types import PixelType, pixel_type
from napari_uai.videos.read_options import UNKNOWN, ReadOptions

_SHAPE_KEYS = frozenset({"height", "width", "dtype", "offset", "frame_header", "frames"})
_NAME = re.compile(r"type_(?P<dtype>[A-Za-z0-9]+)_shape\((?P<shape>\d+,\s*\d+,\s*\d+)\)")


@dataclass(frozen=True)
class RawLayout:
    """Position of the frames in a headerless file.

    Attributes
    ----------
    shape
        Complete frames in the file, rows, columns.
    dtype
        Pixel type with byte order.
    offset, frame_header
        Bytes before the first frame, and before each.
    source
        Which of ``"arguments"``, ``"sidecar"``, ``"name"`` state the shape and type.
    warnings
        Inconsistencies, one line each.
    """

    shape: tuple[int, int, int]
    dtype: PixelType
    offset: int
    frame_header: int
    source: tuple[str, ...]
    warnings: tuple[str, ...]


def open_raw(path: Path, options: ReadOptions) -> Opened:
    """Open a headerless file.

    Raises
    ------
    VideoFormatError
        If its shape is unknown or does not fit.
    """
    sidecar = read_sidecar(path)
    layout = raw_layout(path, options, sidecar=sidecar)
    values = sidecar.values
    frames = file_frames(
        path,
        layout.shape,
        layout.dtype,
        offset=layout.offset,
        frame_header=layout.frame_header,
    )
    return Opened(
        frames,
        layout.dtype,
        layout.offset,
        values.get("pixel_size_um"),
        values.get("frame_rate_hz"),
        source=layout.source,
        warnings=(*sidecar.notes, *layout.warnings),
    )


def raw_layout(
    path: Path, options: ReadOptions = UNKNOWN, *, sidecar: Sidecar = NO_SIDECAR
) -> RawLayout:
    """Determine the layout of a headerless file.

    Each value may come from the arguments, the sidecar or the name. They must not contradict each
    other, because there is no way to tell which one is wrong.

    Parameters
    ----------
    path
        The file.
    shape
        Values known to the caller; the others are looked up.
    sidecar
        See :func:`~napari_uai.videos.headerless.sidecars.read_sidecar`.

    Raises
    ------
    VideoFormatError
        If shape or type are not found, contradict each other or the file, or do not fit a single
        frame.
    """
    size = path.stat().st_size
    if size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    facts = _Facts(path, sidecar.path)
    for source, values in (
        ("arguments", options.facts),
        ("sidecar", sidecar.values),
        ("name", shape_in_name(path.name)),
    ):
        facts.add(source, values)
    missing = [key for key in ("height", "width", "dtype") if key not in facts.values]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        raise VideoFormatError(
            f"{path} has no header: give {_and([*map(option, missing)])} (or write {them} into "
            f"{path.stem}.json)"
            f"{_hint(path, facts.shape)}"
        )
    return _fit(path, size, facts, trusted=options.trust_shape)


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


@dataclass
class _Facts:
    """Stated values of a file, and their sources."""

    path: Path
    sidecar: Path | None
    values: dict[str, Any] = field(default_factory=dict)
    said_by: dict[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> ReadOptions:
        """All but the number of frames, which is often wrong if a file cannot be opened."""
        return ReadOptions(**{key: value for key, value in self.values.items() if key != "frames"})

    def add(self, source: str, values: Mapping[str, Any]) -> None:
        """Add the values of a source.

        Raises
        ------
        VideoFormatError
            If they contradict an earlier source.
        """
        clashes = []
        for key, value in values.items():
            if value is None or key not in _SHAPE_KEYS:
                continue
            number = checked(self.path, key, value)
            if key not in self.values:
                self.values[key], self.said_by[key] = number, source
            elif not _same(self.values[key], number):
                clashes.append((key, number))
        if clashes:
            raise VideoFormatError(self._contradiction(source, clashes))

    def _contradiction(self, source: str, clashes: list[tuple[str, Any]]) -> str:
        others = list(dict.fromkeys(self.said_by[key] for key, _ in clashes))
        stated = ", ".join(
            f"{key} {self.values[key]} ({self.said_by[key]}) or {value} ({source})"
            for key, value in clashes
        )
        ways = _and([self._way_out(each) for each in (*others, source)], "or")
        return f"{self.path} has conflicting values, {stated}: {ways}{_hint(self.path)}"

    def _way_out(self, source: str) -> str:
        if source == "arguments":
            return "correct the arguments"
        if source == "name":
            return "rename the file"
        return f"edit or remove {self.sidecar.name if self.sidecar else 'its sidecar'}"


def _fit(path: Path, size: int, facts: _Facts, *, trusted: bool) -> RawLayout:
    reading = Reading(
        facts.values["height"],
        facts.values["width"],
        facts.values["dtype"],
        facts.values.get("offset", 0),
        facts.values.get("frame_header", 0),
    )
    height, width, dtype, offset = reading.height, reading.width, reading.pixels, reading.offset
    frame_bytes = reading.frame_bytes
    frames, rest = divmod(size - offset, frame_bytes)
    described = f"{height} x {width} px of {dtype.str!r}"
    if offset >= size or frames < 1:
        raise VideoFormatError(
            f"{path} has {size} bytes, too few for one frame of {described} "
            f"after a header of {offset} bytes{_hint(path, ReadOptions(offset=offset))}"
        )
    warnings = []
    if facts.values.get("frames", frames) != frames:
        stated = facts.values["frames"]
        message = (
            f"its {facts.said_by['frames']} states {stated} frames, but {described} "
            f"fit {(size - offset) / frame_bytes:.1f} times"
        )
        if not {facts.said_by["height"], facts.said_by["width"]} <= {"arguments"}:
            raise VideoFormatError(
                f"{path}: {message}: copy it again if it was truncated, or give "
                f"{_and([*map(option, ('height', 'width', 'dtype'))])} to open all complete frames"
                f"{_hint(path, ReadOptions(offset=offset))}"
            )
        warnings.append(f"{path.name}: {message}; {frames} frames are used")
    if not trusted:
        _doubt(path, reading, rest)
    if rest:
        warnings.append(
            f"{path.name}: the last {rest} bytes are not a complete frame of {described} "
            f"({frame_bytes} bytes) and are ignored"
        )
    source = tuple(dict.fromkeys(facts.said_by[key] for key in ("height", "width", "dtype")))
    header = reading.frame_header
    return RawLayout((frames, height, width), dtype, offset, header, source, tuple(warnings))


def _doubt(path: Path, given: Reading, rest: int) -> None:
    """Raise an error if another way to read the file agrees better with its pixels."""
    likelier = likelier_reading(path, given)
    if likelier is not None:
        raise VideoFormatError(
            f"{path}: its pixels do not look like frames of {given}, but of {likelier}: give "
            f"{option_list(likelier.changed_options(given))}, or open it as given "
            f"({option('trust_shape', True)})"
        )
    if not rest:
        return
    # In a file that was truncated within a frame, consecutive frames are still similar at the
    # given shape; at a wrong shape they are not.
    known = ReadOptions(dtype=given.pixels, offset=given.offset)
    likeness = likeness_of(path, given.pixels, given.offset)
    n_pixels = given.height * given.width
    alike = likeness.frame(n_pixels, given.width, given.frame_bytes / n_pixels)
    scored = scored_shapes(path, known)
    if scored and scored[0][0] > CREDIBLE and alike < CREDIBLE / 2:
        raise VideoFormatError(
            f"{path}: {given.height} x {given.width} px of {given.pixels.str!r} do not fill the "
            f"file, and its pixels suggest another shape{_hint(path, known)}"
        )


def _same(one: Any, other: Any) -> bool:
    # Names state no byte order: 'uint16' does not contradict '>u2'.
    if isinstance(one, np.dtype) and isinstance(other, np.dtype):
        return bool(one.newbyteorder("=") == np.dtype(other).newbyteorder("="))
    return bool(one == other)


def _hint(path: Path, known: ReadOptions = UNKNOWN) -> str:
    scored = scored_shapes(path, known)
    if not any(score > CREDIBLE for score, _ in scored):
        scored = scored_shapes(path, ReadOptions(offset=known.offset))
    listed = ", ".join(
        f"{h} x {w} {kind!r} ({counted(n, 'frame')})"
        for _, (n, h, w, kind) in scored[:NAMED_AT_MOST]
    )
    if not scored:
        return (
            f"; no common shape fills the file: it may have a header ({option('offset')}) or be "
            "truncated"
        )
    if scored[0][0] > CREDIBLE:
        return f"; shapes (height x width) that fit: {listed}"
    return (
        f"; the pixels do not suggest a shape: it may have a header ({option('offset')}) or be "
        "truncated; "
        f"shapes (height x width) that fit the size: {listed}"
    )


def _and(words: list[str], last: str = "and") -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
