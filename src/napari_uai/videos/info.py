"""What is known of a recording beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_uai.videos.frames import Frames

VideoFormat: TypeAlias = Literal["raw", "tiff", "npy", "zarr", "images"]
"""How a recording is stored."""


class VideoWarning(UserWarning):
    """A recording that was opened, but not quite as the file or the caller would have it."""


@dataclass(frozen=True)
class VideoInfo:
    """What a recording is, learned without reading its pixels.

    Attributes
    ----------
    path
        The file, folder or pattern, as given.
    format
        How it is stored.
    shape
        Frames, rows, columns of the video that :func:`open_video` gives.
    dtype
        Type of the pixels in the file, with byte order, e.g. ``'<u2'``.
    offset
        Bytes before the first frame of the file; 0 where the format has no such thing.
    file_bytes
        Size on disk (sum over the files of a sequence or store).
    first_frame
        Number, in the file, of the video's first frame.
    file_frames
        Number of whole frames in the file.
    modified_ns
        Time of the last change, nanoseconds since 1970.
    pixel_size_um, frame_rate_hz
        Pixel size (µm) and frame rate (Hz) where the file or its sidecar gives them.
    source
        Where shape and type come from: ``"file"``, or for headerless files one or several of
        ``"arguments"``, ``"sidecar"``, ``"name"``.
    warnings
        What :func:`open_video` warns of, one line each.
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


@dataclass(frozen=True)
class Opened:
    """All frames of a recording and what its file says of them; what each format's reader gives.

    Attributes
    ----------
    frames
        All whole frames.
    stored
        Type of the pixels in the file.
    offset
        Bytes before the first frame, where that has a meaning.
    pixel_size_um, frame_rate_hz
        None if the file says nothing.
    source, warnings
        As in :class:`VideoInfo`.
    """

    frames: Frames
    stored: np.dtype[Any]
    offset: int = 0
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    source: tuple[str, ...] = ("file",)
    warnings: tuple[str, ...] = ()
