"""Files beside a headerless recording that state its shape: our own, and those of cameras."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.untrusted import read_json, read_text
from napari_uai.videos.pixel_types import pixel_type

SIDECAR_KEYS = (
    "height",
    "width",
    "dtype",
    "offset",
    "frame_header",
    "frames",
    "pixel_size_um",
    "frame_rate_hz",
)

_OTHER_KEYS = {
    "rows": "height",
    "columns": "width",
    "cols": "width",
    "pixeltype": "dtype",
    "pixel_format": "dtype",
    "pixelformat": "dtype",
    "fps": "frame_rate_hz",
    "framerate": "frame_rate_hz",
    "frame_rate": "frame_rate_hz",
    "pixelsize_um": "pixel_size_um",
    "pixelsizeum": "pixel_size_um",
    "cam/data_dimensions": "shape",
    "save/frame/dtype": "dtype",
    "interval_ms": "interval_ms",
}
"""Keys of other programs, in lower case, and ours for them."""

_SCALES = frozenset({"pixel_size_um", "frame_rate_hz"})
_AT_LEAST_ZERO = frozenset({"offset", "frame_header"})
_MAX_BYTES = 2**20


@dataclass(frozen=True)
class Sidecar:
    """What a file beside a recording states.

    Attributes
    ----------
    path
        The file; None if there is none.
    values
        By the keys of :data:`SIDECAR_KEYS`, checked.
    notes
        What was ignored, one line each.
    """

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


NO_SIDECAR = Sidecar()
"""There is no file beside the recording."""


def read_sidecar(path: Path) -> Sidecar:
    """Read the file beside a recording that states its shape, if there is one.

    ``<name>.json`` is tried first, then ``<stem>.json``, with the keys ``height``, ``width`` (px),
    ``dtype`` (e.g. ``"<u2"``), ``offset`` and ``frame_header`` (bytes), ``frames``,
    ``pixel_size_um``, ``frame_rate_hz``; all optional. In the JSON of another program, what can be
    used is used. Then come settings of pylablib (``<stem>_settings.dat``) and metadata of
    Micro-Manager (``<stem>_metadata.txt``, ``metadata.txt``).

    Raises
    ------
    VideoFormatError
        If our own sidecar is not JSON, or has an invalid value.
    """
    for candidate in _candidates(path):
        if candidate == path or not candidate.is_file():
            continue
        ours = candidate.suffix == ".json"
        if not ours and candidate.stat().st_size > _MAX_BYTES:
            continue
        stated = _stated(candidate, path, strict=ours)
        if set(stated) & set(SIDECAR_KEYS) and set(stated) <= set(SIDECAR_KEYS):
            given = {key: value for key, value in stated.items() if value is not None}
            return Sidecar(
                candidate, {key: checked(candidate, key, value) for key, value in given.items()}
            )
        foreign = _foreign(candidate, stated)
        if foreign.values:
            return foreign
    return NO_SIDECAR


def sidecar_paths(path: Path) -> tuple[Path, Path]:
    """Return the paths of a possible sidecar of ours: ``<name>.json``, then ``<stem>.json``."""
    return path.with_name(f"{path.name}.json"), path.with_name(f"{path.stem}.json")


def checked(where: Path, key: str, value: Any) -> Any:
    """Return a value of a sidecar in its own type.

    Raises
    ------
    VideoFormatError
        If it is invalid; the message begins with the file ``where`` it stands.
    """
    if key == "dtype":
        try:
            return pixel_type(value)
        except BadValueError as error:
            raise VideoFormatError(f"{where}: {error}") from error
    number = isinstance(value, (int, float, np.integer, np.floating)) and value is not True
    if key in _SCALES:
        if not (number and np.isfinite(value) and value > 0):
            raise VideoFormatError(f"{where}: {key} must be a positive number, got {value!r}")
        return float(value)
    least = 0 if key in _AT_LEAST_ZERO else 1
    if not (number and least <= value < 2**63 and value == int(value)):
        raise VideoFormatError(f"{where}: {key} must be an integer >= {least}, got {value!r}")
    return int(value)


def _candidates(path: Path) -> Iterator[Path]:
    yield from sidecar_paths(path)
    yield path.with_name(f"{path.stem}_settings.dat")
    yield path.with_name(f"{path.stem}_metadata.txt")
    yield path.with_name("metadata.txt")


def _stated(candidate: Path, path: Path, *, strict: bool) -> dict[str, Any]:
    """Return the contents of a candidate; empty if they are no table of names and values."""
    try:
        if candidate.suffix == ".dat":
            return dict(_lines(read_text(candidate, error=VideoFormatError)))
        values = read_json(candidate, error=VideoFormatError)
    except (OSError, VideoFormatError) as error:
        if not strict:
            return {}
        raise VideoFormatError(
            f"{error} (a sidecar of {path.name}): correct or remove it"
        ) from error
    return values if isinstance(values, dict) else {}


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    """Yield names and values of a settings file: a line each, between a tab or blanks."""
    for line in text.splitlines():
        name, _, value = line.partition("\t")
        if name and not name.startswith("#"):
            try:
                yield name.strip(), ast.literal_eval(value.strip())
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                yield name.strip(), value.strip()


def _foreign(candidate: Path, stated: Mapping[str, Any]) -> Sidecar:
    """Return what can be used of another program's file."""
    summary = stated.get("Summary")
    values: dict[str, Any] = {}
    ignored = []
    for name, value in {**stated, **(summary if isinstance(summary, dict) else {})}.items():
        plain = str(name).lower()
        key = _OTHER_KEYS.get(plain, plain if plain in SIDECAR_KEYS else None)
        if key is None or value is None:
            continue
        try:
            values |= _translated(candidate, key, value)
        except VideoFormatError:
            ignored.append(str(name))
    if not {"height", "width", "dtype"} & values.keys():
        return NO_SIDECAR
    notes = [f"{candidate.name}, of another program, states {_listed(values)}"]
    if ignored:
        notes.append(f"{candidate.name}: {', '.join(ignored)} not understood, ignored")
    return Sidecar(candidate, values, tuple(notes))


def _translated(candidate: Path, key: str, value: Any) -> dict[str, Any]:
    if key == "shape":  # rows, columns
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise VideoFormatError(f"{candidate}: not a shape")
        return {
            name: checked(candidate, name, each)
            for name, each in zip(("height", "width"), value, strict=True)
        }
    if isinstance(value, str) and key != "dtype":
        try:
            value = float(value)
        except ValueError:
            raise VideoFormatError(f"{candidate}: {key} is not a number") from None
    if key == "interval_ms":
        return {"frame_rate_hz": 1000 / checked(candidate, "frame_rate_hz", value)}
    return {key: checked(candidate, key, value)}


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {getattr(value, 'str', value)}" for name, value in values.items())
