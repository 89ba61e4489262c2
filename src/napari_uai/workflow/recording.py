"""A recording: the video and what is known about it besides the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_uai.videos.frames import Video


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
