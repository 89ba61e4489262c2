"""Median over time as the background of particles that move: of all frames, or of spans of them."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Annotated, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Unit
from dask.base import tokenize

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError, TooFewFramesError
from napari_uai.iscat.correct.filters import relative_to
from napari_uai.iscat.tables import require_columns
from napari_uai.stages import stage
from napari_uai.typing import Floats, Floats32, Ints
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, frames_of, video_like
from napari_uai.videos.sampling import spread_frames

MaxFrames: TypeAlias = Annotated[int, Ge(1), Unit("frames")]
"""Number of frames over which a median is taken."""

Window: TypeAlias = Annotated[int, Ge(1), Unit("frames")] | None
"""Length of the spans of frames that have a median each; None: the whole recording has one."""

LEAST_FREE = 8
"""Frames without a spot that a pixel needs; below, the median is that of all of its frames."""


@stage(
    "Divide by temporal median",
    menu="filter",
    methods="Each frame was divided by the median over time",
)
def temporal_median(video: Video, *, max_frames: MaxFrames = 1000, window: Window = None) -> Video:
    """Divide each frame by the median over time and subtract 1.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    max_frames
        Maximum number of frames, spaced evenly in time, over which each median is taken; limits
        memory.
    window
        None: one median of the whole recording. Otherwise a median of each span of about so many
        frames, interpolated linearly between the middles of the spans, for backgrounds that change.

    Returns
    -------
    Video
        float32, same shape, relative contrast; 0 where the median is 0.

    Raises
    ------
    TooFewFramesError
        If the video has no frames.
    BadValueError
        If a parameter is less than 1, or a sampled frame contains NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.array([100.0, 100.0, 102.0]).reshape(3, 1, 1)
    >>> iscat.temporal_median(video)[:, 0, 0]
    array([0.  , 0.  , 0.02], dtype=float32)
    """
    return video_like(MedianFrames(_some(video), max_frames, window), video)


@stage(
    "Divide by temporal median without spots",
    menu="filter",
    methods="Each frame was divided by the median over time of the pixels away from detected spots",
)
def masked_temporal_median(
    video: Video,
    table: pd.DataFrame,
    *,
    radius: Annotated[float, Gt(0), Unit("sigma")] = 3.5,
    max_frames: MaxFrames = 1000,
    window: Window = None,
) -> Video:
    """Divide each frame by the median over time of what is not a spot, and subtract 1.

    Spots that stay for long or come often shift a median by a part of the noise. What remains of
    them pulls the fits of later frames, and slow particles seem to diffuse faster.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    table
        Spots with ``frame, y, x, sigma``, as from :func:`~napari_uai.iscat.detect_spots` on a
        first background.
    radius
        Radius around each spot that is left out, in units of its ``sigma``.
    max_frames, window
        As in :func:`~napari_uai.iscat.temporal_median`.

    Returns
    -------
    Video
        float32, same shape, relative contrast; 0 where the median is 0. Pixels with spots in all
        but a few frames have the median of all frames.

    Raises
    ------
    TooFewFramesError
        If the video has no frames.
    BadValueError
        If a column is missing, a parameter is outside its limits, or a sampled frame contains NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> video = np.full((30, 9, 9), 100.0)
    >>> video[:20, 4, 4] = 103.0
    >>> spots = pd.DataFrame({"frame": np.arange(20), "y": 4.0, "x": 4.0, "sigma": 1.0})
    >>> iscat.temporal_median(video)[[0, 29], 4, 4].round(2)
    array([ 0.  , -0.03], dtype=float32)
    >>> iscat.masked_temporal_median(video, spots)[[0, 29], 4, 4].round(2)
    array([0.03, 0.  ], dtype=float32)
    """
    require_columns(table, "frame", "y", "x", "sigma")
    spots = table[["frame", "y", "x", "sigma"]].to_numpy(np.float64)
    if not np.isfinite(spots).all():
        raise BadValueError("positions, frames and widths of the spots must be finite numbers")
    spots = spots[np.argsort(spots[:, 0], kind="stable")]
    spots[:, 3] *= radius
    return video_like(MedianFrames(_some(video), max_frames, window, spots), video)


class MedianFrames(Frames):
    """Frames relative to their median over time, computed when they are first read.

    Parameters
    ----------
    source
        Frames to divide.
    max_frames, window
        As in :func:`temporal_median`.
    spots
        (n, 4): frame, y, x and radius of discs to leave out, sorted by frame.
    """

    def __init__(
        self, source: Frames, max_frames: int, window: int | None, spots: Floats | None = None
    ) -> None:
        self.source = source
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)
        self._identity = tokenize(source.name, max_frames, window, spots)
        n = len(source)
        edges = np.linspace(0, n, max(1, round(n / window) if window else 1) + 1).astype(int)
        self._middles = (edges[:-1] + edges[1:] - 1) / 2
        self._medians = [
            Memo(partial(_median_frame, source, int(start), int(stop), max_frames, spots))
            for start, stop in pairwise(edges)
        ]

    @property
    def name(self) -> str:
        """Name of the source, the sample and the spots."""
        return f"temporal-median-{self._identity}"

    def read(self, start: int, stop: int) -> Floats32:
        """Read the source's frames and divide them."""
        block = self.source.read(start, stop)
        if len(self._medians) == 1:
            return relative_to(self._medians[0](), block)
        places = np.interp(
            np.arange(start, start + len(block)), self._middles, np.arange(len(self._medians))
        )
        background = np.empty(block.shape, np.float32)
        for frame, place in zip(background, places, strict=True):
            low = min(int(place), len(self._medians) - 2)
            before, after = self._medians[low](), self._medians[low + 1]()
            frame[...] = before + np.float32(place - low) * (after - before)
        return relative_to(background, block)


def _some(video: Video) -> Frames:
    frames = frames_of(video)
    if len(frames) == 0:
        raise TooFewFramesError("a temporal median needs at least 1 frame, the video has 0")
    return frames


def _median_frame(
    frames: Frames, start: int, stop: int, max_frames: int, spots: Floats | None
) -> Floats32:
    sample = start + spread_frames(stop - start, max_frames)
    stack = np.empty((len(sample), *frames.shape[1:]), np.float32)
    for place, frame in zip(stack, sample, strict=True):
        place[...] = frames.read(frame, frame + 1)[0]
        if np.isnan(place).any():
            raise BadValueError(
                f"frame {frame} contains NaN: remove such frames, or repair their pixels first"
            )
    if spots is None:
        median: Floats32 = np.median(stack, axis=0, overwrite_input=True)
        return median
    masked = np.full(stack.shape[1:], len(sample))
    for place, frame in zip(stack, sample, strict=True):
        first, last = np.searchsorted(spots[:, 0], (frame - 0.5, frame + 0.5))
        _leave_out(place, masked, spots[first:last])
    return _median_of_rest(stack, frames, sample, masked)


def _median_of_rest(stack: Floats32, frames: Frames, sample: Ints, free: Ints) -> Floats32:
    """Return the median of the values that were not left out, which are infinite."""
    stack.sort(axis=0)
    middle = np.stack([(free - 1) // 2, free // 2]).clip(0)
    median: Floats32 = np.take_along_axis(stack, middle, axis=0).mean(axis=0, dtype=np.float32)
    rare = free < min(LEAST_FREE, len(sample))
    if rare.any():
        rows, columns = np.nonzero(rare)
        seen = np.stack([frames.read(t, t + 1)[0][rows, columns] for t in sample])
        median[rows, columns] = np.median(seen, axis=0)
    return median


@kernel
def _leave_out(frame: Floats32, free: Ints, discs: Floats) -> None:
    """Make discs infinite, and count down the frames that their pixels have without one."""
    height, width = frame.shape
    for i in range(discs.shape[0]):
        y, x, radius = discs[i, 1], discs[i, 2], discs[i, 3]
        for r in range(max(int(y - radius), 0), min(int(y + radius) + 2, height)):
            for c in range(max(int(x - radius), 0), min(int(x + radius) + 2, width)):
                inside = (r - y) ** 2 + (c - x) ** 2 <= radius * radius
                if inside and frame[r, c] < np.inf:
                    frame[r, c] = np.inf
                    free[r, c] -= 1
