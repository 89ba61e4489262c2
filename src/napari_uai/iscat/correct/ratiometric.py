"""Ratiometric averages: what changed from one batch of frames to the next, batches side by side."""

from __future__ import annotations

from functools import partial

import numpy as np
from dask.base import tokenize

from napari_uai.iscat.correct.binning import BinnedFrames
from napari_uai.iscat.correct.dark_frame import check_same_size, mean_frame
from napari_uai.iscat.correct.filters import relative_to
from napari_uai.iscat.correct.rolling_average import check_length
from napari_uai.iscat.parameters import BatchSize
from napari_uai.stages import stage
from napari_uai.typing import Floats32
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, frames_of, video_like


@stage(
    "Ratiometric average",
    menu="filter",
    renumbers=True,
    methods="The mean of each batch of frames was divided by that of the batch before or of a "
    "reference recording",
)
def ratiometric_average(
    video: Video, reference: Video | None = None, *, batch_size: BatchSize = 500
) -> Video:
    """Divide the mean of each batch of frames by that of the batch before, and subtract 1.

    Batches follow each other without overlap, so that frames of the result have independent noise;
    :func:`differential_rolling_average` compares at every frame instead.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts or relative intensity.
    reference
        Frames of the same rows and columns, such as those before particles were added; if given,
        each batch is divided by their mean instead.
    batch_size
        Frames per batch; frames after the last complete batch are dropped.

    Returns
    -------
    Video
        float32, relative contrast; pixels without signal in the denominator are 0. Frame ``i``
        compares batch ``i + 1`` with batch ``i``, ``n_frames // batch_size - 1`` frames; or batch
        ``i`` with the reference, ``n_frames // batch_size`` frames.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than two batches (one, with a reference), or the reference has no
        frames.
    BadValueError
        If ``batch_size`` is less than 1, or the reference has other rows and columns or contains
        NaN or infinity.

    References
    ----------
    Young et al., Science 360, 423 (2018), doi:10.1126/science.aar5839.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.array([100.0, 100.0, 102.0, 102.0, 99.0, 99.0]).reshape(6, 1, 1)
    >>> iscat.ratiometric_average(video, batch_size=2)[:, 0, 0].round(4)
    array([ 0.02  , -0.0294], dtype=float32)
    >>> iscat.ratiometric_average(video, video[:2], batch_size=2)[:, 0, 0].round(4)
    array([ 0.  ,  0.02, -0.01], dtype=float32)
    """
    frames = frames_of(video)
    check_length(len(frames), batch_size, batches=2 if reference is None else 1)
    other = None if reference is None else frames_of(reference)
    if other is not None:
        check_same_size(frames, other, "reference")
    return video_like(RatioFrames(BinnedFrames(frames, batch_size), other), video)


class RatioFrames(Frames):
    """Means of batches relative to the one before, or to the mean of a reference."""

    def __init__(self, source: BinnedFrames, reference: Frames | None) -> None:
        self.source = source
        self.reference = reference
        self.shape = (len(source) - (reference is None), *source.shape[1:])
        self.dtype = np.dtype(np.float32)
        self._mean = (
            None if reference is None else Memo(partial(mean_frame, reference, "reference"))
        )

    @property
    def name(self) -> str:
        """Names of both videos."""
        other = self.reference.name if self.reference is not None else None
        return f"ratiometric-{tokenize(self.source.name, other)}"

    def read(self, start: int, stop: int) -> Floats32:
        """Average the batches and divide them."""
        if self._mean is not None:
            return relative_to(self._mean(), self.source.read(start, stop))
        if stop <= start:
            return np.empty((0, *self.shape[1:]), np.float32)
        batches = self.source.read(start, stop + 1)
        return relative_to(batches[:-1], batches[1:])
