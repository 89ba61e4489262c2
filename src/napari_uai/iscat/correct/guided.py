"""Guided filter: smoothing that keeps edges, of the frame itself or of another image."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Unit

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.dark_frame import check_same_size
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Floats32, Ints
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
    least squares with a penalty ``edge**2`` on the slope; a pixel gets the mean of all windows that
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
    if len(guides) != len(frames):
        raise BadValueError(
            f"the guide has {len(guides)} frames: give one, or as many as the video ({len(frames)})"
        )
    by_all = partial(_guided, radius=radius_px, edge=edge)
    return video_like(CombinedFrames(equal_frames(video, guide), by_all, "guided-filter"), video)


def _guided_by_itself(frames: AnyArray, *, radius: int, edge: float | None) -> Floats32:
    return _guided(frames, frames, radius=radius, edge=edge)


def _guided(frames: AnyArray, guide: AnyArray, *, radius: int, edge: float | None) -> Floats32:
    """Return the filtered frames; the means are subtracted first, so that no digits are lost."""
    offset, p = _without_mean(frames)
    own = guide is frames
    i = p if own else _without_mean(guide)[1]
    if edge is None:
        penalty = np.broadcast_to(i.var(axis=(1, 2)), len(p)).copy()
    else:
        penalty = np.full(len(p), edge**2)
    rows, columns = (np.pad(np.arange(n), radius, mode="symmetric") for n in p.shape[1:])
    out = np.empty(p.shape)
    _filter_frames(p, i, own, rows, columns, penalty, out)
    return np.asarray(out + offset, np.float32)


def _without_mean(frames: AnyArray) -> tuple[Floats, Floats]:
    mean = frames.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return mean, frames - mean


@kernel
def _filter_frames(
    p: Floats, i: Floats, own: bool, rows: Ints, columns: Ints, penalty: Floats, out: Floats
) -> None:
    """Filter each frame of ``p`` by that of ``i``, or by its only one; ``own``: by itself.

    ``rows`` and ``columns`` are those of the frame extended by reflection.
    """
    shape = p.shape[1:]
    mean_p, mean_i, slope, intercept = (
        np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape),
    )  # fmt: skip
    product, between = np.empty(shape), np.empty(shape)
    for t in range(p.shape[0]):
        frame, guide = p[t], i[t if i.shape[0] > 1 else 0]
        _box_mean(frame, rows, columns, between, mean_p)
        product[:] = guide * guide
        _box_mean(product, rows, columns, between, intercept)
        if own:
            mean_i[:] = mean_p
            slope[:] = intercept
        else:
            _box_mean(guide, rows, columns, between, mean_i)
            product[:] = guide * frame
            _box_mean(product, rows, columns, between, slope)
        for r in range(shape[0]):
            for c in range(shape[1]):
                variance = max(intercept[r, c] - mean_i[r, c] ** 2, 0.0)
                covariance = variance if own else slope[r, c] - mean_i[r, c] * mean_p[r, c]
                denominator = variance + penalty[t]
                # A guide without any contrast has no edges, whatever the penalty.
                slope[r, c] = covariance / denominator if denominator > 0 else 0.0
                intercept[r, c] = mean_p[r, c] - slope[r, c] * mean_i[r, c]
        _box_mean(slope, rows, columns, between, mean_i)
        _box_mean(intercept, rows, columns, between, mean_p)
        out[t] = mean_i * guide + mean_p


@kernel
def _box_mean(frame: Floats, rows: Ints, columns: Ints, between: Floats, out: Floats) -> None:
    """Average the square window around each pixel by running sums."""
    height, width = frame.shape
    size = rows.size - height + 1
    total = np.zeros(width)
    for k in range(size):
        total += frame[rows[k]]
    for r in range(height):
        between[r] = total
        if r + 1 < height:
            total += frame[rows[r + size]] - frame[rows[r]]
    for r in range(height):
        line = between[r]
        window = 0.0
        for k in range(size):
            window += line[columns[k]]
        for c in range(width):
            out[r, c] = window / (size * size)
            if c + 1 < width:
                window += line[columns[c + size]] - line[columns[c]]
