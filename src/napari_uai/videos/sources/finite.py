"""Frames that contain NaN or infinity are left out: a neighbour takes the place of each."""

from __future__ import annotations

import numpy as np
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.typing import AnyArray, Ints
from napari_uai.videos.frames import Frames


class FiniteFrames(Frames):
    """A recording in which some frames are replaced, so that times and numbers stay what they are.

    Parameters
    ----------
    source
        The recording.
    left_out
        Numbers of the frames to replace, ascending. The last other frame before each takes its
        place; before the first one, the first.

    Raises
    ------
    BadValueError
        If no frame is left.
    """

    def __init__(self, source: Frames, left_out: Ints) -> None:
        kept = np.setdiff1d(np.arange(len(source)), left_out)
        if not kept.size:
            raise BadValueError("all frames contain NaN or infinity: check the pixel type")
        self.source = source
        self.left_out = left_out
        self.shape = source.shape
        self.dtype = source.dtype
        before = np.searchsorted(kept, left_out) - 1
        self._instead = dict(zip(left_out.tolist(), kept[np.maximum(before, 0)], strict=True))

    @property
    def name(self) -> str:
        """Name of the source and the frames that are left out."""
        return f"finite-{tokenize(self.source.name, self.left_out)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read the source's frames, and the neighbours of those that are left out."""
        start, stop, _ = slice(start, stop).indices(len(self))
        block = self.source.read(start, stop)
        first, last = np.searchsorted(self.left_out, (start, stop))
        if first >= last:
            return block
        block = np.array(block)
        for frame in self.left_out[first:last].tolist():
            other = int(self._instead[frame])
            block[frame - start] = self.source.read(other, other + 1)[0]
        return block
