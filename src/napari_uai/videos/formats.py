"""Open a recording, whatever its format, as a lazy video.

Formats: headerless camera files (``.bin``, ``.raw``, any suffix whose shape is known), TIFF (also
BigTIFF and OME), npy, zarr, and image sequences (a folder, or a pattern such as ``frames/*.png``).
Nothing is read before a frame is looked at, and every video can be read from any thread.
"""

from __future__ import annotations

import glob
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy.typing as npt

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.typing import AnyArray
from napari_uai.videos.folders import no_such_file
from napari_uai.videos.frames import Frames, lazy_video
from napari_uai.videos.info import Opened, VideoFormat, VideoInfo, VideoWarning
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.raw import raw_layout, read_sidecar, shape_in_name
from napari_uai.videos.raw_shape import UNKNOWN, AxisOrder, FrameRange, RawShape

_BY_SUFFIX: dict[str, VideoFormat] = {
    ".bin": "raw",
    ".raw": "raw",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".npy": "npy",
    ".png": "images",
    ".jpg": "images",
    ".jpeg": "images",
}


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
        If a frame at the end is incomplete, or there are fewer or more frames than was said.

    Notes
    -----
    What is known of a headerless file is taken from the arguments, then from its sidecar (see
    :func:`~napari_uai.videos.raw.read_sidecar`), then from a name such as
    ``type_uint16_shape(1000, 70, 72).raw``.
    """
    video, info = open_frames(path, RawShape(height, width, dtype, offset, frames, axis_order))
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
    return open_frames(path, RawShape(height, width, dtype, offset, frames, axis_order))[1]


def open_frames(path: str | Path, shape: RawShape = UNKNOWN) -> tuple[Frames, VideoInfo]:
    """Open a recording as :class:`Frames`, with what is known of it; see :func:`open_video`.

    Parameters
    ----------
    path
        File, folder of images, zarr store, or a pattern such as ``frames/*.png``.
    shape
        What is known of a headerless file, and which frames to take.

    Returns
    -------
    frames : Frames
        The chosen frames.
    info : VideoInfo
        Shape, type, scale and warnings.

    Raises
    ------
    VideoFormatError
        If there is no such file, or it is not a video of that shape.
    BadValueError
        If the recording has none of the frames.
    """
    path = Path(path)
    kind = video_format(path, shape_given=shape.height is not None and shape.width is not None)
    try:
        sidecar = read_sidecar(path, strict=kind == "raw") if path.is_file() else {}
        opened = _opened(kind, path, shape, sidecar)
        size, changed = _size_and_change(path)
    except PermissionError as error:
        raise VideoFormatError(f"{path} may not be read: ask for the right to read it") from error
    n, rows, columns = opened.frames.shape
    start, stop, clipped = _chosen(path, n, shape.frames)
    info = VideoInfo(
        path=path,
        format=kind,
        shape=(stop - start, rows, columns),
        dtype=opened.stored.str,
        offset=opened.offset,
        file_bytes=size,
        first_frame=start,
        file_frames=n,
        modified_ns=changed,
        pixel_size_um=sidecar.get("pixel_size_um", opened.pixel_size_um),
        frame_rate_hz=sidecar.get("frame_rate_hz", opened.frame_rate_hz),
        source=opened.source,
        warnings=(*opened.warnings, *clipped),
    )
    if (start, stop) == (0, n):
        return opened.frames, info
    return ChosenFrames(opened.frames, start, stop), info


class ChosenFrames(Frames):
    """A run of frames of another source.

    Parameters
    ----------
    source
        Where they come from.
    first, last
        The first of them, and the one after the last.
    """

    def __init__(self, source: Frames, first: int, last: int) -> None:
        self.source = source
        self.first = first
        self.shape = (last - first, *source.shape[1:])
        self.dtype = source.dtype

    @property
    def name(self) -> str:
        """Name of the source, and which frames."""
        return f"{self.source.name}-{self.first}-{self.first + len(self)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read from the source."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self.source.read(self.first + start, self.first + max(start, stop))


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
        if glob.has_magic(str(path)):
            return "images"
        raise VideoFormatError(no_such_file(path))
    suffix = path.suffix.lower()
    if path.is_dir():
        return "zarr" if suffix == ".zarr" or _is_zarr(path) else "images"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if shape_given or shape_in_name(path.name) or {"height", "width"} <= read_sidecar(path).keys():
        return "raw"
    raise VideoFormatError(
        f"{path} is of no known format ({', '.join(_BY_SUFFIX)}, zarr): "
        "give height, width and dtype if it is a headerless recording"
    )


def _opened(kind: VideoFormat, path: Path, shape: RawShape, sidecar: Mapping[str, Any]) -> Opened:
    if kind == "raw":
        return _open_raw(path, shape, sidecar)
    # Each reader brings its library with it: not before it is needed.
    if kind == "tiff":
        from napari_uai.videos.tiff import open_tiff as reader
    elif kind == "images":
        from napari_uai.videos.images import open_images as reader
    else:
        from napari_uai.videos.array_files import open_npy, open_zarr

        reader = open_npy if kind == "npy" else open_zarr
    opened = reader(path)
    _agree(path, shape, opened)
    return opened


def _open_raw(path: Path, shape: RawShape, sidecar: Mapping[str, Any]) -> Opened:
    layout = raw_layout(path, shape, sidecar=sidecar)
    return Opened(
        FileFrames(path, shape=layout.shape, dtype=layout.dtype, offset=layout.offset),
        layout.dtype,
        layout.offset,
        source=layout.source,
        warnings=layout.warnings,
    )


def _agree(path: Path, shape: RawShape, opened: Opened) -> None:
    """Refuse arguments that contradict a file which knows its own shape."""
    _, rows, columns = opened.frames.shape
    if shape.offset:
        raise VideoFormatError(f"{path} knows where its frames begin: leave the offset out")
    if shape.axis_order != "height-width":
        raise VideoFormatError(f"{path} knows its rows and columns: leave axis_order out")
    for what, mine, theirs in (
        ("height", shape.height, rows),
        ("width", shape.width, columns),
        ("dtype", shape.pixels, opened.stored),
    ):
        # A type without byte order, as 'uint16', agrees with either.
        if mine is None or mine == theirs or (what == "dtype" and _same_kind(shape, opened)):
            continue
        raise VideoFormatError(
            f"{path} has {what} {theirs}, not {mine}: leave {what} out to open it as it is"
        )


def _same_kind(shape: RawShape, opened: Opened) -> bool:
    """Return whether the types differ in byte order at most."""
    pixels = shape.pixels
    return pixels is not None and pixels.newbyteorder("=") == opened.stored.newbyteorder("=")


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def _size_and_change(path: Path) -> tuple[int, int]:
    from napari_uai.videos.array_files import state_of
    from napari_uai.videos.folders import image_files

    if path.is_file() or _is_zarr(path):
        return state_of(path)
    states = [state_of(file) for file in image_files(path)]
    return sum(size for size, _ in states), max(changed for _, changed in states)


def _chosen(
    path: Path, n_frames: int, frames: FrameRange | None
) -> tuple[int, int, tuple[str, ...]]:
    """Return the first frame, the one after the last, and warnings."""
    first, stop = frames if frames is not None else (None, None)
    start = first or 0
    if start >= n_frames:
        raise BadValueError(
            f"{path} has {n_frames} frames, none from {start} on: choose frames below {n_frames}"
        )
    if stop is not None and stop > n_frames:
        message = f"{path.name}: frames {start}:{stop} were asked for, it ends at {n_frames}"
        return start, n_frames, (message,)
    return start, n_frames if stop is None else stop, ()
