"""Frames of several sources, one after the other, and a range of the frames of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from dask.base import tokenize

from napari_uai.typing import AnyArray
from napari_uai.videos.frames import Frames


class JoinedFrames(Frames):
    """Frames of several sources, concatenated.

    Parameters
    ----------
    sources
        Frames of equal size and type.
    """

    def __init__(self, sources: Sequence[Frames]) -> None:
        self.sources = tuple(sources)
        self.starts = (0, *accumulate(len(source) for source in self.sources))
        self.shape = (self.starts[-1], *self.sources[0].shape[1:])
        self.dtype: np.dtype[Any] = self.sources[0].dtype

    @property
    def name(self) -> str:
        """Names of the sources."""
        return f"joined-{tokenize([source.name for source in self.sources])}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read from each source that contains some of the frames."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        blocks = [
            self.sources[k].read(first, last) for k, first, last in parts(self.starts, start, stop)
        ]
        if len(blocks) == 1:
            return blocks[0]
        return np.concatenate([np.empty((0, *self.shape[1:]), self.dtype), *blocks])


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


def parts(starts: Sequence[int], start: int, stop: int) -> list[tuple[int, int, int]]:
    """Return which frames of which source make up a range.

    Parameters
    ----------
    starts
        First frame of each source, and the end of the last.
    start, stop
        The range.

    Returns
    -------
    list of (source, start, stop)
        Counted within the source.
    """
    first = int(np.searchsorted(starts, start, side="right")) - 1
    found = []
    for k in range(first, len(starts) - 1):
        begin, end = max(starts[k], start), min(starts[k + 1], stop)
        if begin >= end:
            break
        found.append((k, begin - starts[k], end - starts[k]))
    return found
