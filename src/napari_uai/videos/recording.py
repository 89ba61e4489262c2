"""A recording: a video with its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.videos.formats import open_frames
from napari_uai.videos.frames import Video, lazy_video
from napari_uai.videos.info import VideoInfo
from napari_uai.videos.raw_shape import UNKNOWN, AxisOrder, FrameRange, RawShape

if TYPE_CHECKING:
    import numpy.typing as npt


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

    @property
    def name(self) -> str:
        """Name of the file, or ``recording``."""
        return self.source.name if self.source else "recording"


def open_recording(
    path: str | Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dtype: npt.DTypeLike | None = None,
    offset: int | None = None,
    frames: FrameRange | None = None,
    axis_order: AxisOrder = "height-width",
    frame_header: int | None = None,
    axes: str | None = None,
    plane: int | None = None,
    channel: int | None = None,
    image: str | None = None,
    trust_shape: bool = False,
) -> Recording:
    """Open a file as a recording; pixels are read on demand.

    Warnings of :func:`napari_uai.open_video` are listed in :attr:`Recording.problems` instead.

    Parameters
    ----------
    path, height, width, dtype, offset, frames, axis_order, frame_header, axes, plane, channel, \
image, trust_shape
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
    return read_recording(
        path,
        RawShape(
            height,
            width,
            dtype,
            offset,
            frames,
            axis_order,
            frame_header,
            axes,
            plane,
            channel,
            image,
            trust_shape,
        ),
    )


def read_recording(path: str | Path, shape: RawShape = UNKNOWN) -> Recording:
    """Open a file of the given shape as a recording.

    Errors are those of :func:`napari_uai.videos.open_frames`.
    """
    video, info = open_frames(path, shape)
    return Recording(
        lazy_video(video),
        source=Path(path),
        pixel_size_um=info.pixel_size_um,
        frame_rate_hz=info.frame_rate_hz,
        first_frame=info.first_frame,
        history=(f"opened {Path(path).name}",),
        problems=info.warnings,
        reading=_reading(info, shape),
    )


def _reading(info: VideoInfo, shape: RawShape) -> dict[str, Any]:
    """Return how a file was read, as plain values; what is unknown is left out."""
    stated = {each.name: getattr(shape, each.name) for each in fields(shape)}
    stated["dtype"] = None if shape.dtype is None else str(shape.facts["dtype"])
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
