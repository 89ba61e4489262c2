"""What a recording is, as lines of text: for the command line and for docks."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from napari_uai.errors import one_line
from napari_uai.videos.formats import FORMATS
from napari_uai.videos.info import VideoInfo
from napari_uai.videos.layout.axes import AXIS_NAMES, UNNAMED
from napari_uai.videos.pixel_types import type_in_words

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_AXES = {**AXIS_NAMES, UNNAMED: "unnamed frames"}
_SOURCES = {
    "file": "the file",
    "arguments": "what was given",
    "sidecar": "a file beside it",
    "name": "its name",
}


def describe(info: VideoInfo) -> dict[str, str]:
    """Return what is known of a recording: a value per row of a table, in readable order.

    Parameters
    ----------
    info
        As returned by :func:`~napari_uai.video_info`.

    Returns
    -------
    dict of str
        Printable on one line each, whatever the file contains; warnings are not among them.

    Examples
    --------
    >>> import napari_uai as uai
    >>> info = uai.video_info(uai.sample_path("landings.bin"))
    >>> rows = uai.videos.describe(info)
    >>> rows["format"], rows["video"], rows["pixel size"]
    ('Headerless camera file', '1200 frames of 41 x 40 px, <u2', '0.0437 µm (a file beside it)')
    """
    n, rows, columns = info.shape
    title = {each.name: each.short_title for each in FORMATS}[info.format]
    part = n < info.file_frames
    last = info.first_frame + n - 1
    details = dict(info.details)
    headerless = info.source if info.format == "raw" else ()
    known = {
        "file": str(info.path),
        "format": title,
        "size on disk": _bytes(info.file_bytes),
        "video": f"{n} frame{'s' * (n != 1)} of {rows} x {columns} px, {info.dtype}",
        "type": type_in_words(info.dtype),
        "axes": _axes(info.axes),
        "image": info.image,
        "compression": details.pop("compression", "none" if info.offset else ""),
        "frames of the file": f"{info.first_frame} to {last} of {info.file_frames}" * part,
        "first frame at": f"byte {info.offset}" if info.format == "raw" else "",
        "shape known from": ", ".join(map(_SOURCES.get, headerless, headerless)),
        "pixel size": _stated(info, "pixel_size_um", "µm"),
        "frame rate": _stated(info, "frame_rate_hz", "Hz"),
        "duration": f"{n / info.frame_rate_hz:.6g} s" if info.frame_rate_hz else "",
        "modified": datetime.fromtimestamp(info.modified_ns / 1e9, UTC).strftime("%F %T UTC"),
        **details,
    }
    return {one_line(name): one_line(value) for name, value in known.items() if value}


def _stated(info: VideoInfo, name: str, unit: str) -> str:
    value = getattr(info, name)
    if not value:
        return "unknown"
    source = info.scale_source.get(name, "file")
    return f"{value:g} {unit} ({_SOURCES.get(source, source)})"


def _axes(letters: str) -> str:
    names = [_AXES.get(letter, "single") for letter in letters]
    return f"{letters} ({', '.join(names)})" if letters else ""


def _bytes(n: int) -> str:
    """Return a size as a short and as an exact number."""
    if n < 1000:
        return f"{n} bytes"
    thousands = min(int(math.log10(n)) // 3, len(_UNITS) - 1)
    return f"{n / 1000**thousands:.3g} {_UNITS[thousands]} ({n} bytes)"
