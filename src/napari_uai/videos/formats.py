"""Open a recording of any supported format as a lazy video.

:data:`FORMATS` lists the formats. Pixels are read on demand, from any thread.
"""

from __future__ import annotations

import glob
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Unpack, cast

import dask.array as da

from napari_uai.errors import BadValueError, VideoFormatError, counted, one_line
from napari_uai.option_names import option
from napari_uai.untrusted import check_frame, check_regular, check_video, refusing
from napari_uai.videos.folders import IMAGE_SUFFIXES, no_such_file
from napari_uai.videos.frames import Frames, lazy_video
from napari_uai.videos.headerless.sidecars import read_sidecar
from napari_uai.videos.info import Opened, VideoFormat, VideoInfo, VideoWarning
from napari_uai.videos.layout.image_heads import is_animated
from napari_uai.videos.pixel_types import PackedType
from napari_uai.videos.read_options import UNKNOWN, FrameRange, ReadKeywords, ReadOptions
from napari_uai.videos.readers.n5 import is_n5
from napari_uai.videos.readers.raw import shape_in_name
from napari_uai.videos.readers.zarr_store import is_zarr, is_zipped_zarr
from napari_uai.videos.sources.joined import ChosenFrames
from napari_uai.videos.sources.stored import state_of


@dataclass(frozen=True)
class Format:
    """A format of recordings.

    Attributes
    ----------
    name
        As in :attr:`VideoInfo.format`.
    title
        For tables; up to a colon, for messages.
    suffixes
        Of its files, in lower case.
    reader
        ``module:function`` in :mod:`napari_uai.videos.readers`; imported when it is needed.
    signatures
        Bytes at given positions by which a file is recognised, whatever its name.
    """

    name: VideoFormat
    title: str
    suffixes: tuple[str, ...]
    reader: str
    signatures: tuple[tuple[int, bytes], ...] = ()

    @property
    def short_title(self) -> str:
        """Title without the kinds of files that it comprises."""
        return self.title.partition(":")[0]

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file or folder of this format."""
        module, _, function = self.reader.partition(":")
        reader = import_module(f"napari_uai.videos.readers.{module}")
        with refusing(path, f"readable as {self.short_title}"):
            opened = cast("Opened", getattr(reader, function)(path, options))
            _, rows, columns = opened.frames.shape
            check_video(path, opened.frames.shape)
            check_frame(path, rows, columns, opened.frames.dtype.itemsize)
            return opened


FORMATS = (
    Format("raw", "Headerless camera file", (".bin", ".raw"), "raw:open_raw"),
    Format(
        "tiff",
        "TIFF: BigTIFF, OME, ImageJ, Micro-Manager",
        (".tif", ".tiff", ".btf", ".tf8", ".ome", ".lsm", ".stk"),
        "tiff:open_tiff",
        ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")),
    ),
    Format("npy", "numpy", (".npy",), "npy:open_npy", ((0, b"\x93NUMPY"),)),
    Format("npz", "numpy: several arrays", (".npz",), "npy:open_npz"),
    Format(
        "zarr",
        "zarr: OME-Zarr and others, zipped or not",
        (".zarr", ".ozx"),
        "zarr_store:open_zarr",
    ),
    Format("n5", "N5", (".n5",), "n5:open_n5"),
    Format(
        "hdf5",
        "HDF5: mass photometer files and others",
        (".h5", ".hdf5", ".hdf", ".he5", ".mp", ".ims", ".nwb"),
        "hdf5:open_hdf5",
        ((0, b"\x89HDF\r\n\x1a\n"), (512, b"\x89HDF\r\n\x1a\n")),
    ),
    Format("mat", "MATLAB", (".mat",), "matlab:open_mat", ((0, b"MATLAB "),)),
    Format("fits", "FITS", (".fits", ".fit", ".fts"), "fits:open_fits", ((0, b"SIMPLE  ="),)),
    Format(
        "movie",
        "Movie: AVI, MP4, MOV, MKV, WebM, GIF, APNG, FLI (FLIC)",
        (
            *(".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
            *(".gif", ".apng", ".fli", ".flc"),
        ),
        "movie:open_movie",
        (
            *((8, b"AVI "), (4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (0, b"GIF8")),
            *((4, b"\x11\xaf"), (4, b"\x12\xaf")),
        ),
    ),
    Format("webp", "Animated WebP", (".webp",), "webp:open_webp", ((8, b"WEBPVP8"),)),
    Format(
        "images",
        "Image sequence: folder of PNG, JPEG, BMP, PGM or TIFF",
        IMAGE_SUFFIXES,
        "images:open_images",
        ((0, b"\x89PNG\r\n\x1a\n"), (0, b"\xff\xd8\xff\xe0"), (0, b"\xff\xd8\xff\xe1")),
    ),
    Format("spe", "SPE: Princeton Instruments, 2.x and 3.0", (".spe",), "spe:open_spe"),
    Format(
        "lambert",
        "Lambert Instruments (version 1)",
        (".fli",),
        "lambert:open_lambert",
        ((0, b"{FLIMIMAGE}"),),
    ),
    Format(
        "bioio",
        "Microscope file: ND2, CZI, LIF, DV and others, through bioio",
        (".nd2", ".czi", ".lif", ".sif", ".oib", ".oif", ".dv", ".vsi"),
        "bioio:open_bioio",
        ((0, b"\xda\xce\xbe\x0a"), (0, b"ZISRAWFILE")),
    ),
)
"""All formats; the first whose suffix fits is tried."""

_FOREIGN = {
    ".seq": "StreamPix or FLIR",
    ".cine": "Phantom cameras",
    ".mraw": "Photron cameras",
    ".dcimg": "Hamamatsu cameras",
}
"""Makers of formats that no well-kept library reads, by suffix."""

_BY_NAME = {each.name: each for each in FORMATS}
_HEAD_BYTES = 1024


def open_video(path: str | Path, **options: Unpack[ReadKeywords]) -> da.Array:
    """Open a recording as a lazy video.

    Parameters
    ----------
    path
        File, folder of images, zarr store, or a pattern such as ``frames/*.png``.
    **options
        What the file does not state, and what to take of it: ``height``, ``width``, ``dtype``,
        ``offset``, ``frames``, ``axis_order``, ``frame_header``, ``axes``, ``plane``, ``channel``,
        ``image``, ``trust_shape``, as for :class:`~napari_uai.videos.ReadOptions`.

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
    :func:`~napari_uai.videos.headerless.sidecars.read_sidecar`), then from a name such as
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
    video, info = open_frames(path, ReadOptions(**options))
    for message in info.warnings:
        warnings.warn(message, VideoWarning, stacklevel=2)
    return lazy_video(video)


def video_info(path: str | Path, **options: Unpack[ReadKeywords]) -> VideoInfo:
    """Describe the video that :func:`open_video` opens, without reading pixels or warning.

    Parameters
    ----------
    path, **options
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
    return open_frames(path, ReadOptions(**options))[1]


def open_frames(path: str | Path, options: ReadOptions = UNKNOWN) -> tuple[Frames, VideoInfo]:
    """Open a recording as :class:`Frames`, with its description; see :func:`open_video`.

    Parameters
    ----------
    path
        File, folder of images, zarr store, or a pattern such as ``frames/*.png``.
    options
        What the file does not state, and what to take of it.

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
    >>> frames, info = uai.videos.open_frames(path, uai.videos.ReadOptions(frames=(200, 400)))
    >>> frames.shape, info.first_frame
    ((200, 41, 40), 200)
    """
    path = Path(path)
    check_regular(path)
    given = options.height is not None and options.width is not None
    trusted = given and options.trust_shape and path.is_file()
    with refusing(path, "a recording"):
        kind = "raw" if trusted else video_format(path, shape_given=given)
        beside = _stated_beside(path)
        opened = _BY_NAME[kind].open(path, options)
        if kind != "raw":
            _agree(path, options, opened)
        size, changed = opened.state or state_of(path)
    n, rows, columns = opened.frames.shape
    start, stop, clipped = _chosen(path, n, options.frames)
    scale = {
        name: (beside.get(name, getattr(opened, name)), _source_of(name, kind, beside))
        for name in ("pixel_size_um", "frame_rate_hz")
    }
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
        pixel_size_um=scale["pixel_size_um"][0],
        frame_rate_hz=scale["frame_rate_hz"][0],
        source=opened.source,
        warnings=(*map(one_line, opened.warnings), *clipped),
        axes=opened.axes,
        image=one_line(opened.image),
        details={one_line(key): one_line(text) for key, text in opened.details.items()},
        scale_source={name: source for name, (value, source) in scale.items() if value},
    )
    if (start, stop) == (0, n):
        return opened.frames, info
    return ChosenFrames(opened.frames, start, stop), info


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
        Name of one of :data:`FORMATS`.

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
        if suffix == ".zarr" or is_zarr(path):
            return "zarr"
        return "n5" if is_n5(path) else "images"
    of_suffix = [each for each in FORMATS if suffix in each.suffixes]
    stated = next(iter(of_suffix), None)
    if len(of_suffix) > 1 and (by_content := _by_signature(path)) in of_suffix:
        stated = by_content
    if stated is not None and stated.name != "raw":
        return "movie" if stated.name == "images" and is_animated(path) else stated.name
    if is_zipped_zarr(path):
        return "zarr"
    signed = _by_signature(path)
    if signed is not None:
        return signed.name
    if stated is not None or shape_given or shape_in_name(path.name):
        return "raw"
    if {"height", "width"} <= _stated_beside(path).keys():
        return "raw"
    if suffix in _FOREIGN:
        raise VideoFormatError(
            f"{path} is a file of {_FOREIGN[suffix]}, which is not read: export it there as TIFF"
        )
    known = ", ".join(ending for each in FORMATS for ending in each.suffixes[:2])
    raise VideoFormatError(
        f"{path} is not of a supported format ({known}): "
        f"give {option('height')}, {option('width')} and {option('dtype')} if it is a headerless "
        "recording"
    )


def _stated_beside(path: Path) -> Mapping[str, Any]:
    """Return what a sidecar states; an invalid one is ignored where it is not needed."""
    if not path.is_file():
        return {}
    try:
        return read_sidecar(path).values
    except VideoFormatError:
        return {}


def _source_of(name: str, kind: VideoFormat, beside: Mapping[str, Any]) -> str:
    return "sidecar" if kind == "raw" or name in beside else "file"


def _by_signature(path: Path) -> Format | None:
    """Return the format that the first bytes of a file belong to."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for each in FORMATS:
        if any(head[at : at + len(mark)] == mark for at, mark in each.signatures):
            return each
    return None


def _agree(path: Path, options: ReadOptions, opened: Opened) -> None:
    """Raise an error if arguments contradict a file that has a header."""
    _, rows, columns = opened.frames.shape
    if options.offset:
        raise VideoFormatError(f"{path} has a header: omit {option('offset')}")
    if options.axis_order != "height-width":
        raise VideoFormatError(f"{path} has a header: omit {option('axis_order')}")
    for what, mine, theirs in (
        ("height", options.height, rows),
        ("width", options.width, columns),
        ("dtype", options.pixels, opened.stored),
    ):
        # A type without byte order, such as 'uint16', matches either.
        if mine is None or mine == theirs or (what == "dtype" and _same_kind(options, opened)):
            continue
        raise VideoFormatError(
            f"{path} has {what} {theirs}, not {mine}: omit {option(what)} to open it as it is"
        )


def _same_kind(options: ReadOptions, opened: Opened) -> bool:
    """Return whether two types are equal up to byte order."""
    pixels = options.pixels
    if isinstance(pixels, PackedType) or isinstance(opened.stored, PackedType):
        return pixels == opened.stored
    return pixels is not None and pixels.newbyteorder("=") == opened.stored.newbyteorder("=")


def _chosen(
    path: Path, n_frames: int, frames: FrameRange | None
) -> tuple[int, int, tuple[str, ...]]:
    """Return the first frame, the one after the last, and warnings."""
    first, stop = frames if frames is not None else (None, None)
    start = first or 0
    if start >= n_frames:
        raise BadValueError(
            f"{path} has {counted(n_frames, 'frame')}: the first frame must be below {n_frames}, "
            f"got {start}"
        )
    if stop is not None and stop > n_frames:
        message = f"{path.name}: frames {start}:{stop} were requested, but it ends at {n_frames}"
        return start, n_frames, (message,)
    return start, n_frames if stop is None else stop, ()
