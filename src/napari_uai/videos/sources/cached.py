"""Frames of which the last blocks are kept, where one frame takes as long as many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.videos.frames import Frames

KEPT_BYTES = 64 * 2**20
"""Memory for the blocks of one source."""


def cached(frames: Frames, block: int) -> Frames:
    """Return frames that are read in blocks, of which the last ones are kept.

    Parameters
    ----------
    frames
        Any.
    block
        How many of them in a row take about as long as a single one: those of a chunk or a file,
        or the neighbours that a filter over time needs. At least two blocks have to fit into the
        memory for them.

    Returns
    -------
    Frames
        The same pixels under the same name; as they are where a block is a single frame.
    """
    _, height, width = frames.shape
    at_most = KEPT_BYTES // (2 * height * width * frames.dtype.itemsize)
    block = min(block, at_most, len(frames))
    return CachedFrames(frames, block) if block > 1 else frames


class CachedFrames(Frames):
    """Frames of another source, of which the blocks that were read last are kept.

    Parameters
    ----------
    source
        Where they come from.
    block
        Frames per block. Whoever reads so many at a time gets them straight from the source, apart
        from blocks that are kept.
    """

    def __init__(self, source: Frames, block: int) -> None:
        self.source = source
        self.block = block
        self.shape = source.shape
        self.dtype = source.dtype
        self._start_empty()

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, npt.NDArray[Any]] = OrderedDict()

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.source.name

    def __getstate__(self) -> dict[str, Any]:
        """Leave the blocks behind."""
        return {k: v for k, v in self.__dict__.items() if k not in {"_lock", "_kept"}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_empty()

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Take a few frames from the blocks that hold them, many from the source."""
        start, stop, _ = slice(start, stop).indices(len(self))
        if stop - start >= self.block:
            return self._read_many(start, stop)
        if stop <= start:
            return self.source.read(start, start)
        parts = []
        for number in range(start // self.block, (stop - 1) // self.block + 1):
            first = number * self.block
            parts.append(self._block(number)[max(start - first, 0) : stop - first])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _read_many(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Take blocks that are kept, and whatever lies between them from the source."""
        numbers = range(start // self.block, (stop - 1) // self.block + 1)
        with self._lock:
            kept = {number: self._kept[number] for number in numbers if number in self._kept}
        if not kept:
            return self.source.read(start, stop)
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype)
        at = start
        for number, block in kept.items():
            first = number * self.block
            if at < first:
                frames[at - start : first - start] = self.source.read(at, first)
            at, skipped = max(at, first), max(at - first, 0)
            part = block[skipped : stop - first]
            frames[at - start : at - start + len(part)] = part
            at += len(part)
        if at < stop:
            frames[at - start :] = self.source.read(at, stop)
        return frames

    def _block(self, number: int) -> npt.NDArray[Any]:
        """Return a block that was read before, or read it."""
        with self._lock:
            block = self._kept.get(number)
            if block is not None:
                self._kept.move_to_end(number)
                return block
        first = number * self.block
        block = self.source.read(first, min(first + self.block, len(self))).view()
        block.setflags(write=False)
        with self._lock:
            self._kept[number] = block
            while sum(b.nbytes for b in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return block
