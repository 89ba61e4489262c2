"""Recordings of Princeton Instruments cameras: SPE files of WinView (2.x) and LightField (3.0).

The layout is that of the SPE 3.0 File Format Specification of Princeton Instruments: a header of
fixed positions, the frames, and in version 3 a description in XML behind them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from napari_uai.errors import VideoFormatError, counted
from napari_uai.limits import DOCUMENT_BYTES
from napari_uai.untrusted import check_frame, check_xml
from napari_uai.videos.frames import Frames
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import Layout
from napari_uai.videos.layout.choose import chosen_name
from napari_uai.videos.layout.scale import positive
from napari_uai.videos.mapped import FileArray, FileFrames
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.stored import StoredFrames

_HEADER_BYTES = 4100
_TYPES = {0: "<f4", 1: "<i4", 2: "<i2", 3: "<u2", 5: "<f8", 6: "|u1", 8: "<u4"}
_PIXEL_FORMATS = {
    "MonochromeUnsigned16": "<u2",
    "MonochromeUnsigned32": "<u4",
    "MonochromeFloating32": "<f4",
}


@dataclass(frozen=True)
class _Region:
    """Where the pixels of a region of the sensor are.

    Attributes
    ----------
    rows, columns
        Its size.
    start
        Byte of its first pixel in the first frame.
    """

    rows: int
    columns: int
    start: int


@dataclass(frozen=True)
class _Plan:
    """What header and description state of the frames.

    Attributes
    ----------
    n_frames, dtype
        Number of frames, type of the pixels.
    step
        Bytes from one frame to the next.
    regions
        Regions of the sensor.
    end
        Byte after the last frame.
    clock
        Position in a frame and ticks per second of the time of exposure; None if it is not stored.
    version
        Of the format.
    """

    n_frames: int
    dtype: np.dtype[Any]
    step: int
    regions: tuple[_Region, ...]
    end: int
    clock: tuple[int, float] | None
    version: float


def open_spe(path: Path, options: ReadOptions) -> Opened:
    """Open a region of the sensor, of which a file of version 3 may hold several.

    Parameters
    ----------
    path
        The file.
    options
        ``image``: number of the region, if there are several.

    Raises
    ------
    VideoFormatError
        If it is not a complete SPE file, or has several regions and none was chosen.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise VideoFormatError(f"{path} is not a complete SPE file: copy it again")
    size = path.stat().st_size
    version = _at(header, "<f", 1992)
    plan = _described(path, header, size) if version >= 3 else _stated(path, header, size)
    if plan.n_frames < 1:
        raise VideoFormatError(f"{path} has {size} bytes, too few for one frame: copy it again")
    names = [str(number) for number in range(len(plan.regions))]
    name = chosen_name(path, names, options, "region")
    region = plan.regions[int(name)]
    count = _at(header, "<i", 1446)
    notes = []
    if version < 3 and _at(header, "<h", 1510) > 1:
        notes.append(f"{path.name}: regions of the sensor are read as one frame, as stored")
    if count != plan.n_frames:
        notes.append(
            f"{path.name}: its header states {counted(count, 'frame')}, it holds "
            f"{plan.n_frames}: all are read"
        )
    return Opened(
        _frames(path, plan, region),
        plan.dtype,
        offset=region.start,
        frame_rate_hz=_rate(path, plan),
        warnings=tuple(notes),
        axes="TYX",
        image=f"region {name}" if len(names) > 1 else "",
        details=_details(header, plan.version),
    )


def _stated(path: Path, header: bytes, size: int) -> _Plan:
    """Return the plan of a file of version 2: one region, frames without anything between them."""
    dtype = _type(path, _at(header, "<h", 108))
    rows, columns = _at(header, "<H", 656), _at(header, "<H", 42)
    check_frame(path, rows, columns, dtype.itemsize)
    step = rows * columns * dtype.itemsize
    if not step:
        raise VideoFormatError(f"{path} states frames of {rows} x {columns} px: export it again")
    # Some programs leave a wrong number of frames; the size of the file decides.
    stated, whole = _at(header, "<i", 1446), (size - _HEADER_BYTES) // step
    n = min(stated, whole) if stated > 0 else whole
    region = _Region(rows, columns, _HEADER_BYTES)
    version = _at(header, "<f", 1992)
    return _Plan(n, dtype, step, (region,), _HEADER_BYTES + n * step, None, version)


def _described(path: Path, header: bytes, size: int) -> _Plan:
    """Return the plan of a file of version 3, from its description."""
    begin = _at(header, "<Q", 678)
    if not _HEADER_BYTES <= begin < size:
        raise VideoFormatError(f"{path} ends before its description: copy it again")
    DOCUMENT_BYTES.check(path, size - begin, "has a description of")
    with path.open("rb") as file:
        file.seek(begin)
        text = file.read()
    check_xml(text, path, error=VideoFormatError)
    try:
        root = ET.fromstring(text.rstrip(b"\0\r\n "))  # noqa: S314  # checked above
        frame = next(b for b in _all(root, "DataBlock") if b.get("type") == "Frame")
        dtype = np.dtype(_PIXEL_FORMATS[frame.get("pixelFormat", "")])
        step, count = int(frame.attrib["stride"]), int(frame.attrib["count"])
        regions = tuple(_regions(frame, dtype))
        first = min(region.start for region in regions)
        clock = _clock(root, int(frame.attrib["size"]))
    except (ET.ParseError, StopIteration, KeyError, ValueError) as error:
        raise VideoFormatError(
            f"{path} has a description that is not understood ({error}): export it as TIFF"
        ) from error
    last = max(r.start + r.rows * r.columns * dtype.itemsize for r in regions) - _HEADER_BYTES
    for region in regions:
        check_frame(path, region.rows, region.columns, dtype.itemsize)
    if step < last or first < _HEADER_BYTES or min(min(r.rows, r.columns) for r in regions) < 1:
        raise VideoFormatError(f"{path} has a description that contradicts itself: export it again")
    n = min(count, (begin - _HEADER_BYTES) // step)
    end = _HEADER_BYTES + n * step
    return _Plan(n, dtype, step, regions, end, clock, _at(header, "<f", 1992))


def _regions(frame: ET.Element, dtype: np.dtype[Any]) -> Iterator[_Region]:
    start = _HEADER_BYTES
    for block in _all(frame, "DataBlock"):
        if block.get("type") != "Region":
            continue
        rows, columns = int(block.attrib["height"]), int(block.attrib["width"])
        for _ in range(min(int(block.get("count", "1")), 1000)):
            yield _Region(rows, columns, start)
            start += int(block.get("stride", rows * columns * dtype.itemsize))


def _clock(root: ET.Element, frame_bytes: int) -> tuple[int, float] | None:
    """Return where in a frame the time of exposure is, and its ticks per second."""
    place = frame_bytes
    for block in _all(root, "MetaBlock"):
        for item in block:
            if item.get("event") == "ExposureStarted" and item.get("type") == "Int64":
                return place, float(item.attrib["resolution"])
            place += {"Int64": 8, "Double": 8, "Int32": 4, "Single": 4}[item.get("type", "")]
    return None


def _all(element: ET.Element, name: str) -> Iterator[ET.Element]:
    """Yield the elements of a name below one, in any namespace."""
    return (each for each in element.iter() if each.tag.rpartition("}")[2] == name)


def _frames(path: Path, plan: _Plan, region: _Region) -> Frames:
    sizes = (plan.n_frames, region.rows, region.columns)
    between = plan.step - region.rows * region.columns * plan.dtype.itemsize
    if between <= region.start:
        return FileFrames(
            path,
            shape=sizes,
            dtype=plan.dtype,
            offset=region.start - between,
            frame_header=between,
        )
    opened = partial(_mapped, sizes=sizes, dtype=plan.dtype, start=region.start, step=plan.step)
    return StoredFrames(path, opened, plan.dtype, Layout("TYX", sizes, 0), parallel=True)


def _mapped(
    path: Path, *, sizes: tuple[int, int, int], dtype: np.dtype[Any], start: int, step: int
) -> FileArray:
    strides = (step, sizes[2] * dtype.itemsize, dtype.itemsize)
    return FileArray(path, sizes, dtype, offset=start, strides=strides)


def _rate(path: Path, plan: _Plan) -> float | None:
    """Return the mean frame rate by the times of exposure of the first and last frame."""
    if plan.clock is None or plan.n_frames < 2:
        return None
    place, ticks = plan.clock
    times = []
    with path.open("rb") as file:
        for frame in (0, plan.n_frames - 1):
            file.seek(_HEADER_BYTES + frame * plan.step + place)
            content = file.read(8)
            if len(content) < 8 or place + 8 > plan.step:
                return None
            times.append(int.from_bytes(content, "little", signed=True))
    return positive((plan.n_frames - 1) * ticks / (times[1] - times[0] or np.inf))


def _details(header: bytes, version: float) -> dict[str, str]:
    details = {"version": f"SPE {version:.3g}"}
    date = header[20:30].split(b"\0")[0].decode("latin-1").strip()
    if date and version < 3:
        details["date"] = date
    for name, place in (("exposure (s)", 10), ("temperature", 36)):
        value = _at(header, "<f", place)
        if value and np.isfinite(value) and version < 3:
            details[name] = f"{value:.6g}"
    return details


def _type(path: Path, code: int) -> np.dtype[Any]:
    if code not in _TYPES:
        raise VideoFormatError(f"{path} has pixels of unknown type ({code}): export it as TIFF")
    return np.dtype(_TYPES[code])


def _at(header: bytes, kind: str, place: int) -> Any:
    return struct.unpack_from(kind, header, place)[0]
