"""A recording: a video with its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Unpack

from napari_uai.errors import one_line
from napari_uai.videos.formats import open_frames
from napari_uai.videos.frames import Video, lazy_video
from napari_uai.videos.info import VideoInfo
from napari_uai.videos.read_options import UNKNOWN, ReadKeywords, ReadOptions
from napari_uai.videos.unchanged import State


@dataclass(frozen=True, eq=False)
class Recording:
    """A video with its scale and origin.

    Parameters
    ----------
    video
        Frames, rows, columns.
    source
        File or folder that it was read from.
    pixel_size_um
        Size of a pixel in the sample, in µm.
    frame_rate_hz
        Frames per second.
    first_frame
        Frame of the file that is frame 0 of the video.
    history
        Processing steps so far, in order, one line each.
    problems
        Warnings from reading, one line each.
    reading
        How the file was read: its format, type, axes and image, and what the caller stated; goes
        into ``run.json``.
    state
        State of the file when it was opened, if it is known.
    checksum
        Size (bytes) and SHA-256 of the file, if they were computed since.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> recording = uai.Recording(np.zeros((100, 32, 32)), frame_rate_hz=400.0)
    >>> recording.name
    'recording'
    """

    video: Video
    source: Path | None = None
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    first_frame: int = 0
    history: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    state: State | None = None
    checksum: tuple[int, str] | None = None

    @property
    def name(self) -> str:
        """Name of the file in printable characters, or ``recording``."""
        return one_line(self.source.name) if self.source else "recording"

    def check_unchanged(self, *, quickly: bool = False) -> None:
        """Raise an error if the file is not as it was when it was opened.

        Parameters
        ----------
        quickly
            Leave out folders, of which every file has to be asked.

        Raises
        ------
        VideoFormatError
            If it was changed, replaced or removed.
        """
        if self.source is None or self.state is None:
            return
        if not (quickly and self.state.files):
            self.state.check(self.source)


def open_recording(path: str | Path, **options: Unpack[ReadKeywords]) -> Recording:
    """Open a file as a recording; pixels are read on demand.

    Warnings of :func:`napari_uai.open_video` are listed in :attr:`Recording.problems` instead.

    Parameters
    ----------
    path, **options
        As for :func:`napari_uai.open_video`.

    Returns
    -------
    Recording
        Video, scale and origin.

    Raises
    ------
    VideoFormatError
        If the file does not exist, or is not a video of that shape.
    BadValueError
        If the range of frames or another argument is invalid.

    Examples
    --------
    >>> import napari_uai as uai
    >>> recording = uai.open_recording(uai.sample_path("landings.bin"), frames=(200, None))
    >>> recording.video.shape, recording.first_frame, recording.pixel_size_um
    ((1000, 41, 40), 200, 0.0437)
    """
    return read_recording(path, ReadOptions(**options))


def read_recording(path: str | Path, options: ReadOptions = UNKNOWN) -> Recording:
    """Open a file as a recording, read as the options say.

    Errors are those of :func:`napari_uai.videos.open_frames`.
    """
    state = State.of(Path(path))
    video, info = open_frames(path, options)
    return Recording(
        lazy_video(video),
        source=Path(path),
        pixel_size_um=info.pixel_size_um,
        frame_rate_hz=info.frame_rate_hz,
        first_frame=info.first_frame,
        history=(f"opened {Path(path).name}",),
        problems=info.warnings,
        reading=_reading(info, options),
        state=state,
    )


def _reading(info: VideoInfo, options: ReadOptions) -> dict[str, Any]:
    """Return how a file was read, as plain values; what is unknown is left out."""
    stated = {each.name: getattr(options, each.name) for each in fields(options)}
    stated["dtype"] = None if options.dtype is None else str(options.facts["dtype"])
    given = {name: value for name, value in stated.items() if value != getattr(UNKNOWN, name)}
    facts = {
        "format": info.format,
        "dtype": info.dtype,
        "offset": info.offset,
        "axes": info.axes,
        "image": info.image,
        "known_from": list(info.source),
        "given": given,
    }
    return {name: value for name, value in facts.items() if value not in ("", 0, {})}
