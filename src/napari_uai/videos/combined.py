"""Frames computed from several videos, or shifted in time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.typing import AnyArray, Floats32
from napari_uai.videos.frames import Frames, Video, frames_of


class CombinedFrames(Frames):
    """Frames computed by a function from the same frames of several sources."""

    def __init__(
        self,
        sources: tuple[Frames, ...],
        function: Callable[..., AnyArray],
        label: str,
    ) -> None:
        self.sources = sources
        self.source = sources[0]
        self.function = function
        self.label = label
        self.shape = sources[0].shape
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Names of the sources and of the function with its parameters."""
        return f"{self.label}-{tokenize([s.name for s in self.sources], self.function)}"

    def read(self, start: int, stop: int) -> Floats32:
        """Read frames of all sources and combine them."""
        blocks = [source.read(start, stop) for source in self.sources]
        return np.asarray(self.function(*blocks), np.float32)


class ShiftedFrames(Frames):
    """Consecutive frames of another source."""

    def __init__(self, source: Frames, first: int, n_frames: int) -> None:
        self.source = source
        self.first = first
        self.shape = (n_frames, *source.shape[1:])
        self.dtype = source.dtype

    @property
    def name(self) -> str:
        """Name of the source and range of frames."""
        return f"shifted-{tokenize(self.source.name, self.first, len(self))}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read the later frames of the source."""
        return self.source.read(self.first + start, self.first + stop)


def equal_frames(*videos: Video) -> tuple[Frames, ...]:
    """Return the frames of videos of equal shape.

    Raises
    ------
    BadValueError
        If the shapes differ; the message lists them.
    """
    sources = tuple(frames_of(video) for video in videos)
    shapes = [source.shape for source in sources]
    if len(set(shapes)) > 1:
        raise BadValueError(
            f"the videos must have the same frames, rows and columns, got "
            f"{', '.join(' x '.join(map(str, shape)) for shape in shapes)}: compute all of "
            "them from one recording, with one batch size"
        )
    return sources
