"""Dark frame: the camera's signal without light."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from dask.base import tokenize

from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.stages import stage
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import (
    Frames,
    Video,
    frames_of,
    frames_per_chunk,
    map_chunks,
    video_like,
)


@stage(
    "Subtract dark frame",
    menu="filter",
    methods="The mean of a recording without light was subtracted",
)
def dark_frame_subtraction(video: Video, dark: Video) -> Video:
    """Subtract the mean of a recording made without light.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    dark
        Frames without light, of the same rows and columns and exposure time; counts.

    Returns
    -------
    Video
        float32, shape of ``video``, counts of light (may be slightly negative).

    Raises
    ------
    BadValueError
        If rows and columns differ, or a dark frame contains NaN or infinity.
    TooFewFramesError
        If ``dark`` has no frames.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> dark = np.array([99.0, 101.0]).reshape(2, 1, 1)
    >>> iscat.dark_frame_subtraction(np.full((1, 1, 1), 1100), dark)
    array([[[1000.]]], dtype=float32)
    """
    frames, dark_frames = frames_of(video), frames_of(dark)
    check_same_size(frames, dark_frames, "dark")
    return video_like(DarkSubtractedFrames(frames, dark_frames), video)


def check_same_size(frames: Frames, other: Frames, what: str) -> None:
    """Check that the frames of another recording fit to those of a video.

    Raises
    ------
    TooFewFramesError
        If the other recording has no frames.
    BadValueError
        If rows and columns differ.
    """
    if len(other) == 0:
        raise TooFewFramesError(f"the {what} video has no frames: record at least one")
    if frames.shape[1:] != other.shape[1:]:
        raise BadValueError(
            f"the video has frames of {_size(frames)} px, the {what} video of {_size(other)} px: "
            "record both with the same camera region"
        )


class DarkSubtractedFrames(Frames):
    """Frames minus the mean dark frame, which is computed when the first frame is read."""

    def __init__(self, source: Frames, dark: Frames) -> None:
        self.source = source
        self.dark = dark
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._mean = Memo(partial(mean_frame, dark, "dark"))

    @property
    def name(self) -> str:
        """Names of both videos."""
        return f"dark-frame-subtraction-{tokenize(self.source.name, self.dark.name)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Read the source's frames and subtract the mean dark frame."""
        difference = np.asarray(self.source.read(start, stop)) - self._mean()
        return difference.astype(np.float32)


def mean_frame(frames: Frames, what: str) -> npt.NDArray[np.float64]:
    """Return the mean over time, float64.

    Raises
    ------
    BadValueError
        If a frame contains NaN or infinity; the message says of ``what`` video.
    """

    def total(start: int, stop: int) -> npt.NDArray[np.float64]:
        block = frames.read(start, stop)
        summed: npt.NDArray[np.float64] = block.sum(axis=0, dtype=np.float64)
        if not np.isfinite(summed).all():
            bad = np.flatnonzero(~np.isfinite(block).all(axis=(1, 2)))[0]
            raise BadValueError(
                f"frame {start + bad} of the {what} video contains NaN or infinity: remove it"
            )
        return summed

    mean = np.zeros(frames.shape[1:])
    for part in map_chunks(total, len(frames), frames_per_chunk(frames.shape)):
        mean += part
    mean /= len(frames)
    return mean


def _size(frames: Frames) -> str:
    return f"{frames.shape[1]} x {frames.shape[2]}"
