"""Headerless camera recordings: their shape from arguments, sidecar or name, and suggestions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.untrusted import read_json, refusing
from napari_uai.videos.info import Opened
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.raw_guess import CREDIBLE, NAMED_AT_MOST, likeness_of, scored_shapes
from napari_uai.videos.raw_shape import UNKNOWN, RawShape, pixel_type

SIDECAR_KEYS = ("height", "width", "dtype", "offset", "frames", "pixel_size_um", "frame_rate_hz")
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
    offset
        Bytes before the first frame.
    source
        Which of ``"arguments"``, ``"sidecar"``, ``"name"`` state the shape and type.
    warnings
        Inconsistencies, one line each.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    source: tuple[str, ...]
    warnings: tuple[str, ...]


def open_raw(path: Path, shape: RawShape) -> Opened:
    """Open a headerless file through a memory map.

    Raises
    ------
    VideoFormatError
        If its shape is unknown or does not fit.
    """
    layout = raw_layout(path, shape, sidecar=read_sidecar(path))
    return Opened(
        FileFrames(path, shape=layout.shape, dtype=layout.dtype, offset=layout.offset),
        layout.dtype,
        layout.offset,
        source=layout.source,
        warnings=layout.warnings,
    )


def raw_layout(
    path: Path, shape: RawShape = UNKNOWN, *, sidecar: Mapping[str, Any] | None = None
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
        Contents of the sidecar, see :func:`read_sidecar`.

    Raises
    ------
    VideoFormatError
        If shape or type are not found, contradict each other or the file, or do not fit a single
        frame.
    """
    size = path.stat().st_size
    if size == 0:
        raise VideoFormatError(f"{path} is empty (0 bytes): record or copy it again")
    facts = _Facts(path)
    for source, values in (
        ("arguments", shape.facts),
        ("sidecar", dict(sidecar or {})),
        ("name", shape_in_name(path.name)),
    ):
        facts.add(source, values)
    missing = [key for key in ("height", "width", "dtype") if key not in facts.values]
    if missing:
        raise VideoFormatError(
            f"{path} has no header: give {_and(missing)} (as arguments or in {path.stem}.json)"
            f"{_hint(path, facts.shape)}"
        )
    return _fit(path, size, facts)


def read_sidecar(path: Path, *, strict: bool = True) -> dict[str, Any]:
    """Read the sidecar of a recording; return an empty dictionary if there is none.

    ``<name>.json`` is tried first, then ``<stem>.json``. Keys: ``height``, ``width`` (px),
    ``dtype`` (e.g. ``"<u2"``), ``offset`` (bytes), ``frames``, ``pixel_size_um``,
    ``frame_rate_hz``; all optional. A JSON file with none of these keys is not a sidecar.

    Parameters
    ----------
    path
        The recording.
    strict
        If False, an invalid sidecar is ignored, for files that do not need one.

    Raises
    ------
    VideoFormatError
        If it is not JSON, or a value is invalid.
    """
    try:
        return _sidecar(path)
    except VideoFormatError:
        if strict:
            raise
        return {}


def sidecar_paths(path: Path) -> tuple[Path, Path]:
    """Return the paths of a possible sidecar: ``<name>.json``, then ``<stem>.json``."""
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


def _sidecar(path: Path) -> dict[str, Any]:
    for sidecar in sidecar_paths(path):
        if sidecar == path or not sidecar.is_file():
            continue
        with refusing(sidecar, f"the sidecar of {path.name}"):
            values = read_json(sidecar, error=VideoFormatError)
        if isinstance(values, dict) and any(key in values for key in SIDECAR_KEYS):
            return {
                key: _checked(sidecar, key, values[key])
                for key in SIDECAR_KEYS
                if values.get(key) is not None
            }
    return {}


@dataclass
class _Facts:
    """Stated values of a file, and their sources."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    said_by: dict[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> RawShape:
        """All but the number of frames, which is often wrong if a file cannot be opened."""
        return RawShape(**{key: value for key, value in self.values.items() if key != "frames"})

    def add(self, source: str, values: Mapping[str, Any]) -> None:
        """Add the values of a source.

        Raises
        ------
        VideoFormatError
            If they contradict an earlier source.
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
            f"after a header of {offset} bytes{_hint(path, RawShape(offset=offset))}"
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
                f"{path}: {message}: copy it again if it was truncated, or give height, width and "
                f"dtype to open all complete frames{_hint(path, RawShape(offset=offset))}"
            )
        warnings.append(f"{path.name}: {message}; {frames} frames are used")
    if rest:
        _check_against_pixels(path, (height, width), dtype, offset)
        warnings.append(
            f"{path.name}: the last {rest} bytes are not a complete frame of {described} "
            f"({frame_bytes} bytes) and are ignored"
        )
    source = tuple(dict.fromkeys(facts.said_by[key] for key in ("height", "width", "dtype")))
    return RawLayout((frames, height, width), dtype, offset, source, tuple(warnings))


def _check_against_pixels(
    path: Path, shape: tuple[int, int], dtype: np.dtype[Any], offset: int
) -> None:
    """Raise an error if another shape fills the file and agrees better with its pixels.

    In a file that was truncated within a frame, consecutive frames are still similar at the given
    shape; at a wrong shape they are not.
    """
    height, width = shape
    known = RawShape(dtype=dtype, offset=offset)
    given = likeness_of(path, dtype, offset).frame(height * width, width, dtype.itemsize)
    scored = scored_shapes(path, known)
    if scored and scored[0][0] > CREDIBLE and given < CREDIBLE / 2:
        raise VideoFormatError(
            f"{path}: {height} x {width} px of {dtype.str!r} do not fill the file, and its pixels "
            f"suggest another shape{_hint(path, known)}"
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
    if not (number and least <= value < 2**63 and value == int(value)):
        raise VideoFormatError(f"{where}: {key} must be an integer >= {least}, got {value!r}")
    return int(value)


def _same(one: Any, other: Any) -> bool:
    # Names state no byte order: 'uint16' does not contradict '>u2'.
    if isinstance(one, np.dtype):
        return bool(one.newbyteorder("=") == np.dtype(other).newbyteorder("="))
    return bool(one == other)


def _hint(path: Path, known: RawShape = UNKNOWN) -> str:
    scored = scored_shapes(path, known)
    if not any(score > CREDIBLE for score, _ in scored):
        scored = scored_shapes(path, RawShape(offset=known.offset))
    listed = ", ".join(
        f"{h} x {w} {kind!r} ({n} frames)" for _, (n, h, w, kind) in scored[:NAMED_AT_MOST]
    )
    if not scored:
        return "; no common shape fills the file: it may have a header (offset) or be truncated"
    if scored[0][0] > CREDIBLE:
        return f"; shapes (height x width) that fit: {listed}"
    return (
        "; the pixels do not suggest a shape: it may have a header (offset) or be truncated; "
        f"shapes (height x width) that fit the size: {listed}"
    )


def _and(words: list[str], last: str = "and") -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
