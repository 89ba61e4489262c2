"""Regions: rectangles of the field, in which something is measured or to which a run is limited."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.iscat.parameters import Region
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Ints
from napari_uai.videos.frames import MappedFrames, Video, frames_of, video_like
from napari_uai.videos.status_line import find_status_line, image_without

Corners = tuple[int, int, int, int]


def _origin(video: Video, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    top, _, left, _ = _cropped(video, parameters["region"])
    return 0, top, left


@stage(
    "Crop to a region",
    menu="filter",
    origin=_origin,
    drawn="rectangle",
    methods="The analysis was limited to a region of the field",
)
def crop(video: Video, *, region: Region | None = None) -> Video:
    """Keep a region of each frame, without the status line.

    Parameters
    ----------
    video
        Frames, rows, columns; any dtype.
    region
        What is kept: first row, last row + 1, first column, last column + 1. By default the whole
        frame. Regions and shapes that later stages take count from its corner.

    Returns
    -------
    Video
        A view of a numpy array; others stay lazy. A status line that the region contains is cut
        off, because part of one cannot be read.

    Raises
    ------
    BadValueError
        If the region is not inside the frame, or only holds the status line.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> iscat.crop(np.zeros((5, 40, 60)), region=(10, 30, 0, 25)).shape
    (5, 20, 25)
    """
    frames = frames_of(video)
    top, bottom, left, right = _cropped(video, region)
    if (top, bottom, left, right) == (0, frames.shape[1], 0, frames.shape[2]):
        return video
    if isinstance(video, np.ndarray):
        return video[:, top:bottom, left:right]
    cut = partial(_cut, corners=(top, bottom, left, right))
    shape = bottom - top, right - left
    cropped = MappedFrames(frames, cut, label="crop", dtype=frames.dtype, frame_shape=shape)
    return video_like(cropped, video)


def checked_region(region: Region | None, shape: tuple[int, int, int]) -> Corners:
    """Return a region of frames of a shape; the whole frame if it is None.

    Parameters
    ----------
    region
        First row, last row + 1, first column, last column + 1.
    shape
        Frames, rows, columns.

    Raises
    ------
    BadValueError
        If the region is not inside the frame.

    Examples
    --------
    >>> checked_region(None, (100, 72, 64))
    (0, 72, 0, 64)
    """
    _, height, width = shape
    if region is None:
        return 0, height, 0, width
    top, bottom, left, right = region
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise BadValueError(
            f"the region of rows {top}:{bottom} and columns {left}:{right} is not inside frames of "
            f"{height} rows and {width} columns: the ends are excluded, and at most these numbers"
        )
    return top, bottom, left, right


def checked_regions(
    region: Region | None, others: tuple[Region, ...] | None, shape: tuple[int, int, int]
) -> Ints:
    """Return regions of frames of a shape, (n, 4); the whole frame if there are none.

    Raises
    ------
    BadValueError
        If a region is not inside the frame or overlaps another, or the first is not given.
    """
    if others and region is None:
        raise BadValueError(f"other_regions {others} need a region beside which they are")
    regions = [checked_region(one, shape) for one in (region, *(others or ()))]
    for (top, bottom, left, right), (
        other_top,
        other_bottom,
        other_left,
        other_right,
    ) in combinations(regions, 2):
        rows = max(top, other_top) < min(bottom, other_bottom)
        if rows and max(left, other_left) < min(right, other_right):
            raise BadValueError(
                f"region {(top, bottom, left, right)} overlaps "
                f"{(other_top, other_bottom, other_left, other_right)}: their pixels would count "
                "twice"
            )
    return np.array(regions, np.int64)


def _cropped(video: Video, region: Region | None) -> Corners:
    """Return what is left of a region without the status line."""
    shape = frames_of(video).shape
    top, bottom, left, right = checked_region(region, shape)
    rows, columns = image_without(find_status_line(video), shape[1:])
    top, bottom = max(top, rows.start), min(bottom, rows.stop)
    left, right = max(left, columns.start), min(right, columns.stop)
    if top >= bottom or left >= right:
        raise BadValueError(f"region {region} only holds the status line: choose a larger one")
    return top, bottom, left, right


def _cut(block: AnyArray, *, corners: Corners) -> AnyArray:
    top, bottom, left, right = corners
    return block[:, top:bottom, left:right]
