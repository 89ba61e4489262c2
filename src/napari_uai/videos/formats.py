"""Open a recording of any supported format as a lazy video.

Formats: headerless camera files (``.bin``, ``.raw``, or any suffix if the shape is known), TIFF
(including BigTIFF and OME), npy, zarr, and image sequences (a folder, or a pattern such as
``frames/*.png``). Pixels are read on demand, from any thread.
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
        Rows and columns of a headerless file; checked against the file for other formats.
    dtype
        Pixel type with byte order of a headerless file, e.g. ``"<u2"``; checked against the file
        for other formats.
    offset
        Bytes before the first frame of a headerless file.
    frames
        Frames to take, as ``(start, stop)``; None at either end means all.
    axis_order
        ``"width-height"`` reads headerless files as PiSCAT does, with ``width`` rows of
        ``height`` pixels.

    Returns
    -------
    dask.array.Array
        Frames, rows, columns in native byte order; colour images are converted to grey.

    Raises
    ------
    VideoFormatError
        If the file does not exist, or is not a video of that shape.
    BadValueError
        If the range of frames or another argument is invalid.

    Warns
    -----
    VideoWarning
        If the last frame is incomplete, or the number of frames differs from the stated one.

    Notes
    -----
    The shape of a headerless file is taken from the arguments, then from its sidecar (see
    :func:`~napari_uai.videos.raw.read_sidecar`), then from a name such as
    ``type_uint16_shape(1000, 70, 72).raw``.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> np.arange(24, dtype="<u2").tofile("recording.bin")
    >>> video = uai.open_video("recording.bin", height=2, width=3, dtype="<u2", frames=(1, None))
    >>> video[0].compute()
    array([[ 6,  7,  8],
           [ 9, 10, 11]], dtype=uint16)
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
    """Describe the video that :func:`open_video` opens, without reading pixels or warning.

    Parameters
    ----------
    path, height, width, dtype, offset, frames, axis_order
        As for :func:`open_video`.

    Returns
    -------
    VideoInfo
        Shape, pixel type, scale and origin.

    Raises
    ------
    VideoFormatError
        If the file does not exist, or is not a video of that shape.
    BadValueError
        If the range of frames or another argument is invalid.

    Examples
    --------
    >>> import napari_uai as uai
    >>> info = uai.video_info(uai.sample_path("landings.bin"))
    >>> info.shape, info.dtype, info.frame_rate_hz
    ((1200, 41, 40), '<u2', 400.0)
    """
    return open_frames(path, RawShape(height, width, dtype, offset, frames, axis_order))[1]


def open_frames(path: str | Path, shape: RawShape = UNKNOWN) -> tuple[Frames, VideoInfo]:
    """Open a recording as :class:`Frames`, with its description; see :func:`open_video`.

    Parameters
    ----------
    path
        File, folder of images, zarr store, or a pattern such as ``frames/*.png``.
    shape
        Known shape of a headerless file, and the frames to take.

    Returns
    -------
    frames : Frames
        The chosen frames.
    info : VideoInfo
        Shape, type, scale and warnings.

    Raises
    ------
    VideoFormatError
        If the file does not exist, or is not a video of that shape.
    BadValueError
        If the recording has none of the chosen frames.

    Examples
    --------
    >>> import napari_uai as uai
    >>> path = uai.sample_path("landings.bin")
    >>> frames, info = uai.videos.open_frames(path, uai.videos.RawShape(frames=(200, 400)))
    >>> frames.shape, info.first_frame
    ((200, 41, 40), 200)
    """
    path = Path(path)
    kind = video_format(path, shape_given=shape.height is not None and shape.width is not None)
    try:
        sidecar = read_sidecar(path, strict=kind == "raw") if path.is_file() else {}
        opened = _opened(kind, path, shape, sidecar)
        size, changed = _size_and_change(path)
    except PermissionError as error:
        raise VideoFormatError(f"{path} cannot be read: permission denied") from error
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
    """A range of frames of another source.

    Parameters
    ----------
    source
        All frames.
    first, last
        First frame, and the one after the last.
    """

    def __init__(self, source: Frames, first: int, last: int) -> None:
        self.source = source
        self.first = first
        self.shape = (last - first, *source.shape[1:])
        self.dtype = source.dtype

    @property
    def name(self) -> str:
        """Name of the source and range of frames."""
        return f"{self.source.name}-{self.first}-{self.first + len(self)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read from the source."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self.source.read(self.first + start, self.first + max(start, stop))


def video_format(path: str | Path, *, shape_given: bool = False) -> VideoFormat:
    """Return the format of a recording, from its suffix, name and sidecar.

    Parameters
    ----------
    path
        File, folder or pattern.
    shape_given
        Whether height and width are known, so that a file of unknown suffix is headerless.

    Returns
    -------
    str
        ``raw``, ``tiff``, ``npy``, ``zarr`` or ``images``.

    Raises
    ------
    VideoFormatError
        If the file does not exist, or its format is not supported.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.videos.video_format(uai.sample_path("landings.bin"))
    'raw'
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
        f"{path} is not of a supported format ({', '.join(_BY_SUFFIX)}, zarr): "
        "give height, width and dtype if it is a headerless recording"
    )


def _opened(kind: VideoFormat, path: Path, shape: RawShape, sidecar: Mapping[str, Any]) -> Opened:
    if kind == "raw":
        return _open_raw(path, shape, sidecar)
    # Readers import their libraries, so each is imported only when needed.
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
    """Raise an error if arguments contradict a file that has a header."""
    _, rows, columns = opened.frames.shape
    if shape.offset:
        raise VideoFormatError(f"{path} has a header: omit offset")
    if shape.axis_order != "height-width":
        raise VideoFormatError(f"{path} has a header: omit axis_order")
    for what, mine, theirs in (
        ("height", shape.height, rows),
        ("width", shape.width, columns),
        ("dtype", shape.pixels, opened.stored),
    ):
        # A type without byte order, such as 'uint16', matches either.
        if mine is None or mine == theirs or (what == "dtype" and _same_kind(shape, opened)):
            continue
        raise VideoFormatError(
            f"{path} has {what} {theirs}, not {mine}: omit {what} to open it as it is"
        )


def _same_kind(shape: RawShape, opened: Opened) -> bool:
    """Return whether two types are equal up to byte order."""
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
            f"{path} has {n_frames} frames: the first frame must be below {n_frames}, got {start}"
        )
    if stop is not None and stop > n_frames:
        message = f"{path.name}: frames {start}:{stop} were requested, but it ends at {n_frames}"
        return start, n_frames, (message,)
    return start, n_frames if stop is None else stop, ()
