"""Flat frame: how bright and sensitive each pixel is, from a recording of even light."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from dask.base import tokenize

from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.camera_offset import (
    NO_OFFSET,
    CameraOffset,
    opened_recording,
    without_offset,
)
from napari_uai.iscat.correct.dark_frame import check_same_size, mean_frame
from napari_uai.stages import stage
from napari_uai.typing import Floats, Floats32
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, frames_of, video_like


@stage(
    "Divide by flat frame",
    menu="filter",
    methods="Each frame was divided by the mean of a recording of even light",
)
def flat_frame_division(
    video: Video,
    flat: Video | None = None,
    *,
    path: str | None = None,
    offset: CameraOffset = NO_OFFSET,
) -> Video:
    """Divide each frame by the mean of a recording of even light, scaled to a mean of 1.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    flat
        Frames of even light, of the same rows and columns; counts.
    path
        File or folder of such a recording, in place of ``flat``; its status line is left out.
    offset
        What the camera adds without light, which is subtracted from both first: a number of counts,
        ``estimated``, or the path of a recording without light.

    Returns
    -------
    Video
        float32, shape and unit of ``video``. Pixels without light in the flat frame are 0.

    Raises
    ------
    BadValueError
        If neither or both of ``flat`` and ``path`` are given, the file does not exist, rows and
        columns differ, a flat frame contains NaN or infinity, or there is no light in it.
    TooFewFramesError
        If the flat recording has no frames.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> flat = np.array([[[1.0, 3.0]]])
    >>> iscat.flat_frame_division(np.array([[[100.0, 300.0]]]), flat)
    array([[[200., 200.]]], dtype=float32)
    """
    if (flat is None) == (path is None):
        raise BadValueError("give the flat frames as a video or as a path, one of the two")
    if flat is None:
        even = opened_recording(Path(str(path)), "path must be that of a recording of even light")
    else:
        even = frames_of(flat)
    frames = frames_of(video)
    check_same_size(frames, even, "flat")
    pair = without_offset(frames, offset), without_offset(even, offset)
    return video_like(FlattenedFrames(*pair), video)


class FlattenedFrames(Frames):
    """Frames divided by the mean of others, which is computed when the first frame is read."""

    def __init__(self, source: Frames, flat: Frames) -> None:
        self.source = source
        self.flat = flat
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._factors = Memo(partial(_factors, flat))

    @property
    def name(self) -> str:
        """Names of both videos."""
        return f"flat-frame-division-{tokenize(self.source.name, self.flat.name)}"

    def read(self, start: int, stop: int) -> Floats32:
        """Read the source's frames and divide them."""
        return np.asarray(self.source.read(start, stop) * self._factors(), np.float32)


def _factors(flat: Frames) -> Floats:
    """Return the mean of the flat frame over each of its pixels, 0 for those without light."""
    mean = mean_frame(flat, "flat")
    lit = mean > 0
    if not lit.any():
        raise BadValueError("the flat frames have no light: check the file and the offset")
    return np.asarray(np.divide(mean[lit].mean(), mean, out=np.zeros_like(mean), where=lit))
