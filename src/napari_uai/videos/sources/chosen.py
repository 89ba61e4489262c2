"""Frames of a recording in another order, or only some of them."""

from __future__ import annotations

import numpy as np
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.typing import AnyArray, Ints
from napari_uai.videos.frames import Frames
from napari_uai.videos.sampling import runs_of


class ChosenFrames(Frames):
    """Frames of a source by their numbers.

    Parameters
    ----------
    source
        The recording.
    numbers
        Number in the source of each frame, in any order, repeated or not.

    Raises
    ------
    BadValueError
        If a number is not that of a frame.
    """

    def __init__(self, source: Frames, numbers: Ints) -> None:
        numbers = np.asarray(numbers, np.int64)
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(source)):
            raise BadValueError(f"frames are numbered from 0 to {len(source) - 1}")
        self.source = source
        self.numbers = numbers
        self.shape = (len(numbers), *source.shape[1:])
        self.dtype = source.dtype

    @property
    def name(self) -> str:
        """Name of the source and the numbers of the frames."""
        return f"chosen-{tokenize(self.source.name, self.numbers)}"

    def read(self, start: int, stop: int) -> AnyArray:
        """Read the source's frames run by run."""
        numbers = self.numbers[slice(start, stop)]
        runs = runs_of(numbers)
        if not runs:
            return self.source.read(0, 0)
        blocks = (self.source.read(int(run[0]), int(run[-1]) + 1) for run in runs)
        if len(runs) == 1:
            return next(blocks)
        out, at = np.empty((len(numbers), *self.shape[1:]), self.dtype), 0
        for block in blocks:
            out[at : at + len(block)] = block
            at += len(block)
        return out
