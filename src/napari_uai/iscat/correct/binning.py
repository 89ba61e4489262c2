"""Temporal binning: means of consecutive runs of frames."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Unit
from dask.base import tokenize

from napari_uai.errors import TooFewFramesError
from napari_uai.parameters import checked
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, video_like


@checked
def bin_frames(video: Video, *, bin_size: Annotated[int, Ge(1), Unit("frames")] = 25) -> Video:
    """Average consecutive frames in non-overlapping bins.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    bin_size
        Frames per bin; frames after the last complete bin are dropped.

    Returns
    -------
    Video
        float32, ``n_frames // bin_size`` frames; frame ``i`` averages input frames ``i * bin_size``
        to ``(i + 1) * bin_size - 1``.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than one bin.
    BadValueError
        If ``bin_size`` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> bin_frames(np.arange(7.0).reshape(7, 1, 1), bin_size=3)[:, 0, 0]
    array([1., 4.], dtype=float32)
    """
    frames = frames_of(video)
    if len(frames) < bin_size:
        raise TooFewFramesError(
            f"a bin has {bin_size} frames, the video only {len(frames)}: use a smaller bin_size"
        )
    return video_like(BinnedFrames(frames, bin_size), video)


class BinnedFrames(Frames):
    """Means of consecutive runs of the frames of a source."""

    def __init__(self, source: Frames, bin_size: int) -> None:
        self.source = source
        self.bin_size = bin_size
        self.shape = (len(source) // bin_size, *source.shape[1:])
        self.dtype = np.dtype(np.float32)

    @property
    def name(self) -> str:
        """Name of the source and the size of the bins."""
        return f"binned-{tokenize(self.source.name, self.bin_size)}"

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Average bins piece by piece, so that memory does not grow with their size."""
        out = np.zeros((max(stop - start, 0), *self.shape[1:]), np.float64)
        whole_bins = max(frames_per_chunk(self.source.shape) // self.bin_size, 1)
        for first in range(start, stop, whole_bins):
            last = min(first + whole_bins, stop)
            out[first - start : last - start] = self._means(first, last)
        return out.astype(np.float32)

    def _means(self, first: int, last: int) -> npt.NDArray[np.float64]:
        size = self.bin_size
        piece = frames_per_chunk(self.source.shape)
        if size <= piece:
            block = self.source.read(first * size, last * size)
            shaped = block.reshape(last - first, size, *self.shape[1:])
            return np.asarray(shaped.mean(axis=1, dtype=np.float64))
        total = np.zeros((1, *self.shape[1:]), np.float64)
        for start in range(first * size, last * size, piece):
            stop = min(start + piece, last * size)
            total += self.source.read(start, stop).sum(axis=0, dtype=np.float64)
        return total / size
