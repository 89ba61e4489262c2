"""A recording: the video and what is known about it besides the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.videos.formats import open_frames
from napari_uai.videos.frames import Video, lazy_video
from napari_uai.videos.raw_shape import UNKNOWN, AxisOrder, FrameRange, RawShape

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Recording:
    """A video with its scale and where it comes from.

    Parameters
    ----------
    video
        Frames, rows, columns.
    source
        The file or folder that it was read from.
    pixel_size_um
        Side of a pixel in the sample, in µm.
    frame_rate_hz
        Frames per second.
    first_frame
        Frame of the file that is frame 0 of the video.
    history
        What was done to the video, in order, one line each.
    problems
        What was noticed while reading, one line each.
    """

    video: Video
    source: Path | None = None
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    first_frame: int = 0
    history: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

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
) -> Recording:
    """Open a file as a recording; nothing is read before it is needed.

    Parameters and errors are those of :func:`napari_uai.videos.open_video`; what that function
    warns of stands in :attr:`Recording.problems`.
    """
    return read_recording(path, RawShape(height, width, dtype, offset, frames, axis_order))


def read_recording(path: str | Path, shape: RawShape = UNKNOWN) -> Recording:
    """Open a file as a recording of the shape that a :class:`RawShape` describes.

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
    )
