"""Description of a recording besides its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from napari_uai.videos.frames import Frames
from napari_uai.videos.pixel_types import PixelType

VideoFormat: TypeAlias = Literal[
    "raw",
    "tiff",
    "npy",
    "npz",
    "zarr",
    "n5",
    "hdf5",
    "mat",
    "fits",
    "movie",
    "webp",
    "images",
    "spe",
    "lambert",
    "bioio",
]
"""Format of a recording."""


class VideoWarning(UserWarning):
    """A recording that was opened, but differs from what the file or the caller states.

    Examples
    --------
    >>> import warnings
    >>> import napari_uai as uai
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     video = uai.open_video(uai.sample_path("landings.bin"), frames=(1000, 2000))
    >>> print(caught[0].message)
    landings.bin: frames 1000:2000 were requested, but it ends at 1200
    """


@dataclass(frozen=True)
class VideoInfo:
    """Description of a recording, obtained without reading its pixels.

    Attributes
    ----------
    path
        File, folder or pattern, as given.
    format
        Format.
    shape
        Frames, rows, columns of the video that :func:`open_video` returns.
    dtype
        Type of the pixels in the file, with byte order, e.g. ``'<u2'``.
    offset
        Bytes before the first frame of the file; 0 for formats without a fixed position.
    file_bytes
        Size on disk (sum over the files of a sequence or store).
    first_frame
        Frame of the file that is frame 0 of the video.
    file_frames
        Number of complete frames in the file.
    modified_ns
        Modification time, nanoseconds since 1970.
    pixel_size_um, frame_rate_hz
        Pixel size (µm) and frame rate (Hz), if the file or its sidecar states them.
    source
        Origin of shape and type: ``"file"``, or for headerless files one or several of
        ``"arguments"``, ``"sidecar"``, ``"name"``.
    warnings
        What was assumed or left out, one line each; the warnings of :func:`open_video`.
    axes
        Axes of the stored array, e.g. ``"TYX"``; empty if the format has none.
    image
        Image taken from a file of several; empty if there is one.
    details
        Compression, date and camera settings that the file states, by name.
    scale_source
        Where ``pixel_size_um`` and ``frame_rate_hz`` are from, by name: ``"file"``, ``"sidecar"``.

    Examples
    --------
    >>> import napari_uai as uai
    >>> info = uai.video_info(uai.sample_path("landings.bin"))
    >>> info.format, info.file_frames, info.source
    ('raw', 1200, ('sidecar',))
    """

    path: Path
    format: VideoFormat
    shape: tuple[int, int, int]
    dtype: str
    offset: int
    file_bytes: int
    first_frame: int
    file_frames: int
    modified_ns: int
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    source: tuple[str, ...] = ("file",)
    warnings: tuple[str, ...] = ()
    axes: str = ""
    image: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    scale_source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    """All frames of a recording with the metadata of its file, as returned by each reader.

    Attributes
    ----------
    frames
        All complete frames.
    stored
        Type of the pixels in the file.
    offset
        Bytes before the first frame, if they have a fixed position.
    pixel_size_um, frame_rate_hz
        None if unknown.
    source, warnings, axes, image, details
        As in :class:`VideoInfo`.
    state
        Size (bytes) and modification time (ns) of all files, if the reader had to ask for them.
    """

    frames: Frames
    stored: PixelType
    offset: int = 0
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    source: tuple[str, ...] = ("file",)
    warnings: tuple[str, ...] = ()
    axes: str = ""
    image: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    state: tuple[int, int] | None = None

    def replaced(self, frames: Frames) -> Opened:
        """Return the same description with other frames."""
        return replace(self, frames=frames)
