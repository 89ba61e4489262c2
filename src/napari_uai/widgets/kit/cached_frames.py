"""Lazy videos as a layer holds them: what was looked at last is kept, within bounds.

napari's own cache of lazy arrays takes a quarter of the memory; scrubbing through a recording
would fill it with frames that cost next to nothing to make again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import dask.array as da
import numpy.typing as npt

from napari_uai.videos.frames import Frames, Video, frames_of, lazy_video

KEPT_BYTES = 64 * 2**20
"""Memory for blocks of one layer."""


class ShownFrames(Frames):
    """Frames of another source, of which the blocks that were read last are kept."""

    def __init__(self, source: Frames) -> None:
        self.source = source
        self.shape = source.shape
        self.dtype = source.dtype
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], npt.NDArray[Any]] = OrderedDict()

    @property
    def name(self) -> str:
        """Name of the source."""
        return f"shown-{self.source.name}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_kept": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._kept = threading.Lock(), OrderedDict()

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return a block that was read before, or read it."""
        with self._lock:
            block = self._kept.get((start, stop))
            if block is not None:
                self._kept.move_to_end((start, stop))
                return block
        block = self.source.read(start, stop)
        with self._lock:
            self._kept[start, stop] = block
            while sum(b.nbytes for b in self._kept.values()) > KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return block


def for_layer(video: Video) -> Video:
    """Return a lazy video for a layer that is added with ``cache=False``; others as they are."""
    if not isinstance(video, da.Array):
        return video
    frames = frames_of(video)
    return video if isinstance(frames, ShownFrames) else lazy_video(ShownFrames(frames))


def lazily(array: Video) -> Video:
    """Return the array of a layer as a lazy video for stages.

    A numpy array is hashed for its name, which takes a second per gigabyte: not for the thread of
    the window.
    """
    frames = frames_of(array)
    return lazy_video(frames.source if isinstance(frames, ShownFrames) else frames)
