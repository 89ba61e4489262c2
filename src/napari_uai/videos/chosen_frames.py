"""A range of the frames of a recording."""

from __future__ import annotations

from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames


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
