"""Contrast at a position frame by frame, and its noise."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Le, Unit

from napari_uai.compiled import strict_reordering_kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.parameters import BatchSize, SigmaPx
from napari_uai.iscat.tables import check_inside, require_columns
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.stages import stage
from napari_uai.typing import Floats, Ints
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks
from napari_uai.videos.sampling import robust_deviation, spread_frames

REACH = 3.5
NOISE_FRAMES = 64
NOISE_PLACES = 20


@stage(
    "Contrast traces",
    menu="measure",
    methods="The contrast at the position of each landing was followed frame by frame as the "
    "amplitude of a Gaussian of the width of the point-spread function, fitted together "
    "with a constant background",
)
def contrast_traces(
    landings: pd.DataFrame,
    video: Video,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
    margin: Annotated[float, Ge(0), Unit("batches")] = 0.5,
    points_per_batch: Annotated[int, Ge(1), Le(1000)] = 100,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Follow the contrast at the position of each landing through the frames of its V.

    The contrast of a frame is the amplitude of a Gaussian of width ``sigma_px`` at the landing's
    position, from a least-squares fit together with a constant background within 3.5 ``sigma_px``.

    Parameters
    ----------
    landings
        Landings with ``landing, frame, y, x``.
    video
        The differential rolling average, to whose frames and pixels the landings refer.
    batch_size
        Frames per batch of that rolling average.
    sigma_px
        Standard deviation of the point-spread function.
    margin
        Length of the trace before and after the V, in batches.
    points_per_batch
        Points of the trace, at most one per frame: neighbouring frames share nearly all
        of their noise. All landings have them in the same frames.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``landing, frame, contrast``; frames outside the video are omitted; contrast is NaN where
        pixels are not finite.

    Raises
    ------
    BadValueError
        If a column is missing, a parameter is outside its limits, or a landing is outside the video
        (a peak may be up to a batch before its first or after its last frame).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:16, :16]
    >>> spot = np.exp(-((y - 8) ** 2 + (x - 7) ** 2) / (2 * 1.7**2))
    >>> video = np.array([0.0, 0.01, 0.02, 0.01, 0.0])[:, None, None] * spot
    >>> landings = pd.DataFrame({"landing": [1], "frame": [2], "y": [8.0], "x": [7.0]})
    >>> iscat.contrast_traces(landings, video, batch_size=2, margin=0)["contrast"].round(4).tolist()
    [0.0, 0.01, 0.02, 0.01, 0.0]
    """
    require_columns(landings, "landing", "frame", "y", "x")
    frames = frames_of(video)
    peak = landings["frame"].to_numpy(np.int64)
    check_inside(landings, frames.shape, batch_size)
    reach = round((1 + margin) * batch_size)
    step = max(batch_size // points_per_batch, 1)
    first = -(-np.clip(peak - reach, 0, len(frames)) // step)
    stop = np.maximum(-(-np.clip(peak + reach + 1, 0, len(frames)) // step), first)
    places = landings[["y", "x"]].to_numpy(np.float64)
    traces = traces_at(frames, places, first, stop, sigma_px, monitor, step=step)
    return pd.DataFrame(
        {
            "landing": np.repeat(landings["landing"].to_numpy(np.int64), stop - first),
            "frame": step * (np.repeat(first, stop - first) + _counted(stop - first)),
            "contrast": _concatenate(traces, float),
        }
    )


@checked
def amplitude_noise(video: Video, *, sigma_px: SigmaPx = 1.7) -> float:
    """Estimate the standard deviation of the contrast of one frame where nothing landed.

    Parameters
    ----------
    video
        Frames, rows, columns; contrast.
    sigma_px
        Standard deviation of the point-spread function.

    Returns
    -------
    float
        1.4826 times the median absolute amplitude, as in :func:`contrast_traces`, on a grid of
        positions in up to 64 frames spaced evenly over the video.

    Raises
    ------
    BadValueError
        If the video has no frames or no noise, or ``sigma_px`` is not positive.
    """
    frames = frames_of(video)
    n, height, width = frames.shape
    edge = round(REACH * sigma_px)
    grid = [
        np.arange(min(size // 2, edge), size, max(4, size // NOISE_PLACES))
        for size in (height, width)
    ]
    places = np.stack(np.meshgrid(*grid, indexing="ij"), -1).reshape(-1, 2).astype(np.float64)
    boxes, weights = _patches(places, frames.shape, sigma_px)
    parts = []
    for i in spread_frames(n, NOISE_FRAMES):
        block = np.ascontiguousarray(frames.read(i, i + 1))
        parts.append(_amplitudes(block, boxes, weights))
    sizes = _concatenate(parts, float)
    sizes = sizes[np.isfinite(sizes)]
    noise = robust_deviation(sizes, about=0.0) if sizes.size else 0.0
    if not noise > 0:
        raise BadValueError("the video has no noise to compare landings with: is it constant?")
    return noise


def _counted(lengths: Ints) -> Ints:
    """Return 0, 1, ... length - 1 for each length, concatenated."""
    ends = np.cumsum(lengths)
    return np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)


def _concatenate(parts: list[Any], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def traces_at(
    frames: Frames,
    places: Floats,
    first: Ints,
    stop: Ints,
    sigma_px: float,
    monitor: Monitor,
    *,
    step: int = 1,
) -> list[Floats]:
    """Return the contrast at each position in frames ``step`` times first to stop - 1."""
    boxes, weights = _patches(places, frames.shape, sigma_px)
    traces = [np.full(b - a, np.nan) for a, b in zip(first, stop, strict=True)]

    def measure(start: int, end: int) -> None:
        active = np.flatnonzero((first < end) & (stop > start))
        if active.size == 0:
            return
        begin = max(start, int(first[active].min()))
        numbers = step * np.arange(begin, min(end, int(stop[active].max())))
        block = np.ascontiguousarray(frames.read_at(numbers))
        for k in active:
            a, b = max(first[k], begin), min(stop[k], end)
            rows = slice(k, k + 1)
            part = _amplitudes(block[a - begin : b - begin], boxes[rows], weights[rows])
            traces[k][a - first[k] : b - first[k]] = part

    n, chunk = -(-len(frames) // step), max(frames_per_chunk(frames.shape) // step, 1)
    for _ in map_chunks(measure, n, chunk, monitor=monitor, message="contrast"):
        pass
    return traces


def _patches(places: Floats, shape: tuple[int, int, int], sigma_px: float) -> tuple[Ints, Floats]:
    """Boxes (first and last + 1 row and column) and weights that yield amplitudes from patches.

    A patch is a constant plus amplitude times Gaussian; the least-squares amplitude is a weighted
    sum with the Gaussian minus its mean.
    """
    radius = round(REACH * sigma_px)
    centre = np.rint(places).astype(np.int64)
    low = np.maximum(centre - radius, 0)
    high = np.minimum(centre + radius + 1, shape[1:])
    boxes = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)
    offset = np.arange(2 * radius + 1)
    gauss, valid = [], []
    for axis in (0, 1):
        position = low[:, axis, None] + offset
        gauss.append(np.exp(-0.5 * ((position - places[:, axis, None]) / sigma_px) ** 2))
        valid.append(position < high[:, axis, None])
    inside = valid[0][:, :, None] & valid[1][:, None, :]
    weights = np.where(inside, gauss[0][:, :, None] * gauss[1][:, None, :], 0.0)
    mean = weights.sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1)
    weights = np.where(inside, weights - mean[:, None, None], 0.0)
    weights /= np.maximum((weights**2).sum((1, 2)), 1e-300)[:, None, None]
    return boxes, weights


@strict_reordering_kernel
def _amplitudes(block: npt.NDArray[Any], boxes: Ints, weights: Floats) -> Floats:
    """Weighted sums over the boxes: frame by frame, box by box, concatenated."""
    n = block.shape[0]
    out = np.empty(n * boxes.shape[0])
    for t in range(n):
        for k in range(boxes.shape[0]):
            y0, y1, x0, x1 = boxes[k]
            total = 0.0
            for y in range(y0, y1):
                for x in range(x0, x1):
                    total += weights[k, y - y0, x - x0] * block[t, y, x]
            out[t * boxes.shape[0] + k] = total
    return out
