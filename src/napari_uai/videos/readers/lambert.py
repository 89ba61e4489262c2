"""Recordings of Lambert Instruments cameras: ``.fli`` files of version 1.

A text states the layout, then come the pixels, frame after frame, and maybe a dark image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import VideoFormatError, counted
from napari_uai.untrusted import check_frame
from napari_uai.videos.frames import Frames
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import Layout, array_layout
from napari_uai.videos.layout.scale import positive
from napari_uai.videos.mapped import FileArray, file_frames
from napari_uai.videos.pixel_types import PackedType, PixelType, bytes_of, pixel_type
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.stored import StoredFrames

_SIGNATURE = b"{FLIMIMAGE}"

_END = b"{END}"
_LONGEST_HEAD = 64 * 1024
_ORDER = ("frequencies", "timestamps", "phases", "z", "y", "x", "channels")
_AXES = "FTPZYXC"
"""Letters of these: slowest first."""

_TYPES = {
    "UINT8": "|u1",
    "INT8": "|i1",
    "UINT12": "mono12p",
    "UINT16": "<u2",
    "INT16": "<i2",
    "UINT32": "<u4",
    "INT32": "<i4",
    "REAL32": "<f4",
    "REAL64": "<f8",
}
_PACKED = {"UINT12"}
_LOWEST_FIRST = {"", "lsb"}
_DIGITS = 12
_DETAILS = {"timestamp": "date", "devicename": "camera", "exposuretime": "exposure"}


def open_lambert(path: Path, options: ReadOptions) -> Opened:
    """Open a recording; a dark image behind its frames is not read.

    Parameters
    ----------
    path
        The file.
    options
        ``plane`` and ``channel``, if there are several.

    Raises
    ------
    VideoFormatError
        If it is not a complete file of version 1, is compressed, or packed in an unknown way.
    """
    stated, start = _head(path)
    version, compression = stated.get("version", "1"), stated.get("compression", "0")
    if not version.startswith("1") or compression != "0":
        raise VideoFormatError(
            f"{path} is a file of Lambert Instruments of version {version}, compression "
            f"{compression}, which is not read: export it as TIFF"
        )
    plan = _Plan(start, _pixels(path, stated), *(_length(path, stated, name) for name in _ORDER))
    plan, notes = _counted(path, plan, stated)
    layout = array_layout(path, plan.sizes, plan.in_memory, axes=_AXES, options=options)
    if stated.get("hasdarkimage", "0").lower() not in {"0", "false"}:
        notes.append(f"{path.name}: the dark image behind its frames is not subtracted")
    return Opened(
        _frames(path, plan, layout),
        plan.pixels,
        offset=start if layout.plain else 0,
        frame_rate_hz=positive(stated.get("framerate")),
        warnings=(*notes, *layout.notes),
        axes=layout.axes,
        details={text: stated[key] for key, text in _DETAILS.items() if stated.get(key)},
    )


@dataclass(frozen=True)
class _Plan:
    """Where the pixels are.

    Attributes
    ----------
    start
        Byte of the first one.
    pixels
        Their type.
    frequencies, timestamps, phases, z, y, x, channels
        Lengths of the axes, slowest first.
    """

    start: int
    pixels: PixelType
    frequencies: int
    timestamps: int
    phases: int
    z: int
    y: int
    x: int
    channels: int

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in _ORDER)

    @property
    def in_memory(self) -> np.dtype[Any]:
        return np.dtype(np.uint16) if isinstance(self.pixels, PackedType) else self.pixels


def _head(path: Path) -> tuple[dict[str, str], int]:
    """Return what the text states, by keys in lower case, and the byte behind it."""
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEAD)
    end = head.find(_END)
    if not head.startswith(_SIGNATURE) or end < 0:
        raise VideoFormatError(
            f"{path} has no complete header of Lambert Instruments: copy it again"
        )
    lines = (line.partition("=") for line in head[:end].decode("latin-1").splitlines())
    stated = {key.strip().lower(): value.strip() for key, equals, value in lines if equals}
    return stated, end + len(_END)


def _length(path: Path, stated: Mapping[str, str], name: str) -> int:
    text = stated.get(name, "" if name in "yx" else "1")
    if not (text.isascii() and text.isdecimal() and len(text) < _DIGITS and int(text) > 0):
        raise VideoFormatError(f"{path} states {text!r} as its length {name}: export it as TIFF")
    return int(text)


def _pixels(path: Path, stated: Mapping[str, str]) -> PixelType:
    name, packing = stated.get("datatype", ""), stated.get("packing", "").lower()
    if name not in _TYPES or (name in _PACKED and packing not in _LOWEST_FIRST):
        packed = f" packed as {packing!r}" if packing else ""
        raise VideoFormatError(
            f"{path} has pixels of type {name or '(none)'}{packed}, which are not read: "
            "export it as TIFF"
        )
    return pixel_type(_TYPES[name])


def _counted(path: Path, plan: _Plan, stated: Mapping[str, str]) -> tuple[_Plan, list[str]]:
    """Return the plan with the frames that the file holds, and a note if more were stated."""
    check_frame(path, plan.y, plan.x * plan.channels, plan.in_memory.itemsize)
    pixels = plan.y * plan.x * plan.channels * plan.z * plan.phases
    n = (path.stat().st_size - plan.start) // bytes_of(plan.pixels, pixels) // plan.frequencies
    if n < 1 or (plan.frequencies > 1 and n < plan.timestamps):
        raise VideoFormatError(
            f"{path} has {path.stat().st_size} bytes, fewer than its header states: copy it again"
        )
    if "timestamps" not in stated or n == plan.timestamps:
        return replace(plan, timestamps=n), []
    if n > plan.timestamps:
        return plan, []
    stated_n = counted(plan.timestamps, "frame")
    note = f"{path.name}: its header states {stated_n}, it holds {n}: all are read"
    return replace(plan, timestamps=n), [note]


def _frames(path: Path, plan: _Plan, layout: Layout) -> Frames:
    if layout.plain and layout.frame_axis is not None:
        return file_frames(path, layout.shape, plan.pixels, offset=plan.start)
    if isinstance(plan.pixels, PackedType):
        raise VideoFormatError(
            f"{path} has packed pixels in other axes than time, rows and columns, which are not "
            "read: export it as TIFF"
        )
    opened = partial(_array, sizes=plan.sizes, dtype=plan.pixels, start=plan.start)
    return StoredFrames(path, opened, plan.pixels, layout, parallel=True)


def _array(path: Path, *, sizes: tuple[int, ...], dtype: np.dtype[Any], start: int) -> FileArray:
    return FileArray(path, sizes, dtype, offset=start)
