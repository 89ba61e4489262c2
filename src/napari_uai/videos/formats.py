"""Open a recording, whatever its format, as a lazy video.

Formats: headerless camera files (``.bin``, ``.raw``, any suffix whose shape is known), TIFF (also
BigTIFF and OME), npy, zarr, and image sequences (a folder, or a pattern such as ``frames/*.png``).
Nothing is read before a frame is looked at, and every video can be read from any thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.videos.frames import Frames, lazy_video
from napari_uai.videos.info import AxisOrder, VideoFormat, VideoInfo, VideoWarning
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.raw import (
    pixel_type,
    raw_layout,
    read_sidecar,
    shape_in_name,
)

RAW_SUFFIXES = (".bin", ".raw")

FrameRange: TypeAlias = tuple[int | None, int | None]
"""First frame and the one after the last, counted from 0; None: from the start, to the end."""


def open_video(
    path: str | Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: npt.DTypeLike | None = None,
    offset: int | None = None,
    frames: FrameRange | None = None,
    axis_order: AxisOrder = "height-width",
) -> da.Array:
    """Open a recording as a lazy video.

    Parameters
    ----------
    path
        File, folder of images, zarr store, or a pattern such as ``frames/*.png``.
    height, width
        Rows and columns of a headerless file. For other formats they are only checked.
    dtype
        Type with byte order of a headerless file, e.g. ``"<u2"``. For other formats only checked.
    offset
        Bytes before the first frame of a headerless file.
    frames
        Which frames to take, as ``(start, stop)``; None at either end means all.
    axis_order
        ``"width-height"`` reads headerless files as PiSCAT does, with ``width`` rows of
        ``height`` pixels.

    Returns
    -------
    dask.array.Array
        Frames, rows, columns in the machine's byte order; colours as grey.

    Raises
    ------
    VideoFormatError
        If there is no such file, or it is not a video of that shape.
    BadValueError
        If the range of frames or another argument makes no sense.

    Warns
    -----
    VideoWarning
        If a frame at the end is incomplete, or an argument overrides what the file says.

    Notes
    -----
    What is known of a headerless file is taken from the arguments, then from its sidecar (see
    :func:`~napari_uai.videos.raw.read_sidecar`), then from a name such as
    ``type_uint16_shape(1000, 70, 72).raw``.
    """
    video, info = open_frames(
        path,
        height=height,
        width=width,
        dtype=dtype,
        offset=offset,
        frames=frames,
        axis_order=axis_order,
    )
    for message in info.warnings:
        warnings.warn(message, VideoWarning, stacklevel=2)
    return lazy_video(video)


def video_info(
    path: str | Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: npt.DTypeLike | None = None,
    offset: int | None = None,
    frames: FrameRange | None = None,
    axis_order: AxisOrder = "height-width",
) -> VideoInfo:
    """Say what :func:`open_video` would give for the same arguments, without warning.

    Parameters and errors are those of :func:`open_video`.
    """
    return open_frames(
        path,
        height=height,
        width=width,
        dtype=dtype,
        offset=offset,
        frames=frames,
        axis_order=axis_order,
    )[1]


def open_frames(
    path: str | Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: npt.DTypeLike | None = None,
    offset: int | None = None,
    frames: FrameRange | None = None,
    axis_order: AxisOrder = "height-width",
) -> tuple[Frames, VideoInfo]:
    """Open a recording as :class:`Frames`, with what is known of it; see :func:`open_video`."""
    path = Path(path)
    asked = _Asked(
        height=_whole("height", height, 1),
        width=_whole("width", width, 1),
        dtype=None if dtype is None else pixel_type(dtype),
        offset=_whole("offset", offset, 0),
        axis_order=_axis_order(axis_order),
    )
    kind = video_format(path, shape_given=asked.height is not None and asked.width is not None)
    try:
        sidecar = {} if kind == "images" else read_sidecar(path)
        opened = _OPENERS[kind](path, asked, sidecar, frames)
    except PermissionError as error:
        raise VideoFormatError(f"{path} may not be read: ask for the right to read it") from error
    return opened


def video_format(path: str | Path, *, shape_given: bool = False) -> VideoFormat:
    """Return how a recording is stored, by its suffix and what lies beside it.

    Parameters
    ----------
    path
        File, folder or pattern.
    shape_given
        The caller knows height and width: a file of unknown suffix is headerless.

    Raises
    ------
    VideoFormatError
        If there is no such file, or it is of no format known here.
    """
    path = Path(path)
    if not path.exists():
        raise VideoFormatError(_no_such_file(path))
    if path.is_dir():
        raise VideoFormatError(f"{path} is a folder: give a recording in it")
    if path.suffix.lower() in RAW_SUFFIXES or shape_given or shape_in_name(path.name):
        return "raw"
    if {"height", "width"} <= read_sidecar(path).keys():
        return "raw"
    raise VideoFormatError(
        f"{path} is of no known format: give height, width and dtype if it is a headerless "
        f"recording; else use {', '.join(RAW_SUFFIXES)}"
    )


@dataclass(frozen=True)
class _Asked:
    """What the caller says about the file."""

    height: int | None
    width: int | None
    dtype: np.dtype[Any] | None
    offset: int | None
    axis_order: AxisOrder


def _open_raw(
    path: Path, asked: _Asked, sidecar: Mapping[str, Any], frames: FrameRange | None
) -> tuple[Frames, VideoInfo]:
    layout = raw_layout(
        path,
        height=asked.height,
        width=asked.width,
        dtype=asked.dtype,
        offset=asked.offset,
        axis_order=asked.axis_order,
        sidecar=sidecar,
    )
    n, height, width = layout.shape
    start, stop, clipped = chosen_frames(path, n, frames)
    info = VideoInfo(
        path=path,
        format="raw",
        shape=(stop - start, height, width),
        dtype=layout.dtype.str,
        offset=layout.offset,
        file_bytes=path.stat().st_size,
        first_frame=start,
        file_frames=n,
        modified_ns=path.stat().st_mtime_ns,
        pixel_size_um=sidecar.get("pixel_size_um"),
        frame_rate_hz=sidecar.get("frame_rate_hz"),
        source=layout.source,
        warnings=(*layout.warnings, *clipped),
    )
    first_byte = layout.offset + start * height * width * layout.dtype.itemsize
    return FileFrames(path, shape=info.shape, dtype=layout.dtype, offset=first_byte), info


_Opener: TypeAlias = Callable[
    [Path, _Asked, Mapping[str, Any], FrameRange | None], tuple[Frames, VideoInfo]
]
_OPENERS: dict[VideoFormat, _Opener] = {"raw": _open_raw}


def chosen_frames(
    path: Path, n_frames: int, frames: FrameRange | None
) -> tuple[int, int, tuple[str, ...]]:
    """Return the first frame, the one after the last, and warnings.

    Raises
    ------
    BadValueError
        If the range is empty, negative, or begins after the end.
    """
    first, last = frames if frames is not None else (None, None)
    start = _whole("the first frame", first, 0) or 0
    stop = _whole("the end of the frames", last, 1)
    if start >= n_frames:
        raise BadValueError(
            f"{path} has {n_frames} frames, none from {start} on: choose frames below {n_frames}"
        )
    if stop is not None and stop <= start:
        raise BadValueError(f"frames {start}:{stop} are none: give START:STOP with STOP > START")
    if stop is not None and stop > n_frames:
        message = f"{path.name}: frames {start}:{stop} were asked for, it ends at {n_frames}"
        return start, n_frames, (message,)
    return start, n_frames if stop is None else stop, ()


def _whole(what: str, value: int | None, least: int) -> int | None:
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number != value or number < least or isinstance(value, bool):
        raise BadValueError(f"{what} must be a whole number >= {least}, got {value!r}")
    return number


def _axis_order(axis_order: AxisOrder) -> AxisOrder:
    if axis_order not in {"height-width", "width-height"}:
        raise BadValueError(
            f"axis_order must be 'height-width' or 'width-height', got {axis_order!r}"
        )
    return axis_order


def _no_such_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"{path} does not exist, nor does its folder: check the path"
    names = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    close = get_close_matches(path.name, names, n=3, cutoff=0.5)
    alike = sorted(n for n in names if n not in close and Path(n).suffix == path.suffix)
    there = [*close, *alike][:3]
    if not there:
        return f"{path} does not exist: check the path"
    return f"{path} does not exist; in the same folder there is {', '.join(there)}"
