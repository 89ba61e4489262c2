"""Guided filter: smoothing that keeps edges, of the frame itself or of another image."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Unit
from scipy.ndimage import uniform_filter

from napari_uai.iscat.correct.dark_frame import check_same_size
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Floats32
from napari_uai.videos.combined import CombinedFrames, equal_frames
from napari_uai.videos.frames import MappedFrames, Video, frames_of, video_like


@stage(
    "Guided filter",
    menu="filter",
    methods="Each frame was smoothed with a guided filter, which keeps edges",
)
def guided_filter(
    video: Video,
    guide: Video | None = None,
    *,
    radius_px: Annotated[int, Ge(1), Unit("px")] = 4,
    edge: Annotated[float, Gt(0)] | None = None,
) -> Video:
    """Smooth each frame where its guide is smooth, and keep the edges of the guide.

    In each square window the output is a linear function of the guide, fitted to the frame by
    least squares with a penalty ``edge``² on the slope; a pixel gets the mean of all windows that
    contain it.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    guide
        As many frames of the same size, or one, which guides all; None: each frame guides itself.
    radius_px
        Windows have ``2 * radius_px + 1`` rows and columns. Frames are reflected at their borders.
    edge
        Contrast that counts as an edge, in the unit of the guide: windows whose standard deviation
        is far below are averaged, those far above are kept. None: the standard deviation of each
        frame of the guide.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If ``radius_px`` is less than 1, ``edge`` is not positive, or the guide has other rows and
        columns, or neither one frame nor as many.

    References
    ----------
    He, Sun & Tang, IEEE Trans. Pattern Anal. Mach. Intell. 35, 1397 (2013),
    doi:10.1109/TPAMI.2012.213.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> step = np.where(np.arange(40) < 20, 0.0, 1.0) + np.zeros((1, 40, 40))
    >>> noisy = step + np.random.default_rng(0).normal(0, 0.05, step.shape)
    >>> error = iscat.guided_filter(noisy, edge=0.2) - step
    >>> bool(error[:, :, :12].std() < 0.012 and abs(error[:, :, 19:21]).mean() < 0.1)
    True
    """
    frames = frames_of(video)
    if guide is None:
        itself = partial(_guided_by_itself, radius=radius_px, edge=edge)
        return video_like(MappedFrames(frames, itself, label="guided-filter"), video)
    guides = frames_of(guide)
    check_same_size(frames, guides, "guide")
    if len(guides) == 1:
        by_one = partial(_guided, guide=guides.read(0, 1), radius=radius_px, edge=edge)
        return video_like(MappedFrames(frames, by_one, label="guided-filter"), video)
    by_all = partial(_guided, radius=radius_px, edge=edge)
    return video_like(CombinedFrames(equal_frames(video, guide), by_all, "guided-filter"), video)


def _guided_by_itself(frames: AnyArray, *, radius: int, edge: float | None) -> Floats32:
    return _guided(frames, frames, radius=radius, edge=edge)


def _guided(frames: AnyArray, guide: AnyArray, *, radius: int, edge: float | None) -> Floats32:
    """Return the filtered frames; the means are subtracted first, so that no digits are lost."""
    offset, base = (each.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
                    for each in (frames, guide))  # fmt: skip
    p = frames - offset
    i = p if guide is frames else guide - base
    mean = partial(_box_mean, radius=radius)
    mean_p = mean(p)
    mean_i = mean_p if i is p else mean(i)
    variance = np.maximum(mean(i * i) - mean_i**2, 0)
    covariance = variance if i is p else mean(i * p) - mean_i * mean_p
    penalty = i.var(axis=(1, 2), keepdims=True) if edge is None else edge**2
    denominator = variance + penalty
    # A guide without any contrast has no edges, whatever the penalty.
    slope = np.divide(covariance, denominator, out=np.zeros_like(p), where=denominator > 0)
    intercept = mean_p - slope * mean_i
    return np.asarray(mean(slope) * i + mean(intercept) + offset, np.float32)


def _box_mean(frames: Floats, *, radius: int) -> Floats:
    """Return the mean of the square window around each pixel."""
    smooth: Floats = uniform_filter(frames, 2 * radius + 1, mode="reflect", axes=(1, 2))
    return smooth
