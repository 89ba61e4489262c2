"""From masks to spots: groups of anomalous pixels, and their sub-pixel positions."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.anomalies.maps import MaskFrames
from napari_uai.iscat.detect.anomalies.radial_symmetry import MIN_SIDE, radial_symmetry_center
from napari_uai.iscat.detect.spots import response_frames
from napari_uai.iscat.kernels.gaussian_fit import scale_of
from napari_uai.iscat.kernels.selection import falling_order
from napari_uai.iscat.parameters import SigmaPx
from napari_uai.iscat.tables import check_spots
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Floats, Floats32, Ints
from napari_uai.videos.combined import equal_frames
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks

Localizer: TypeAlias = Literal["radial_symmetry", "extremum", "difference_of_gaussians"]


@stage(
    "Spots from a mask",
    menu="measure",
    methods="Each group of connected marked pixels became one spot",
)
def spots_from_mask(
    mask: Video,
    scores: Video,
    *,
    min_area: Annotated[int, Ge(1), Unit("px")] = 4,
    sigma_px: SigmaPx = 1.7,
    min_distance: Annotated[float, Ge(0), Unit("sigma")] = 2.83,
    every: Annotated[int, Ge(1), Unit("frames")] = 1,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Make one spot of each group of connected marked pixels.

    Pixels are connected along sides and corners. Groups smaller than ``min_area`` are skipped. Of
    several groups within ``min_distance`` the strongest is kept; its strength is the sum of the
    weights of its pixels, a weight being the excess of a score over the lowest of the frame.

    Parameters
    ----------
    mask
        Frames, rows, columns; not 0 where pixels are marked.
    scores
        The anomaly scores of the mask, higher = more anomalous.
    min_area
        Smallest group.
    sigma_px
        Standard deviation of the point-spread function.
    min_distance
        Distance within which spots compete, in units of ``sigma_px``. The default is ``2 sqrt(2)``,
        where two discs of radius ``sqrt(2) sigma`` touch.
    every
        Process one frame in every ``every``, starting with the first.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        ``y, x`` (px; weighted centroid of the group), ``frame``, ``center_intensity`` (NaN: stages
        that measure spots read it from their video), ``sigma`` (``sigma_px``), ``score`` (largest
        of the group) and ``area`` (number of pixels), sorted by frame, row and column. Empty if
        there are no spots.

    Raises
    ------
    BadValueError
        If the videos differ in shape, a parameter is outside its limits, or a marked pixel has no
        finite score.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> scores = np.zeros((1, 8, 8))
    >>> scores[0, 2:4, 4:6] = 1
    >>> iscat.spots_from_mask(scores > 0.5, scores)[["y", "x", "frame", "area"]]
         y    x  frame  area
    0  2.5  4.5      0     4
    """
    masks, values = equal_frames(mask, scores)
    find = partial(_groups_of_block, masks, values, min_area, min_distance * sigma_px, every)
    chunk = frames_per_chunk(masks.shape)
    blocks = map_chunks(find, len(masks), chunk, monitor=monitor, message="groups of pixels")
    parts = list(blocks)
    rows = np.concatenate(parts) if parts else np.empty((0, 5))
    return pd.DataFrame(
        {
            "y": rows[:, 1],
            "x": rows[:, 2],
            "frame": rows[:, 0].astype(np.int64),
            "center_intensity": np.full(len(rows), np.nan),
            "sigma": np.full(len(rows), float(sigma_px)),
            "score": rows[:, 3],
            "area": rows[:, 4].astype(np.int64),
        }
    )


@stage(
    "Locate spots",
    menu="measure",
    methods="The position of each spot was refined within a window around it",
)
def locate_spots(
    table: pd.DataFrame,
    video: Video,
    *,
    method: Localizer = "radial_symmetry",
    scale: Annotated[float, Gt(0)] = 2.0,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Refine the position of each spot within a window around it, without a fit.

    The window has ``2 h + 1`` pixels, ``h = round(scale sqrt(2) sigma)``, cropped at the edges.

    Parameters
    ----------
    table
        Spots with the columns ``y, x, frame, center_intensity, sigma``; other columns are kept.
    video
        Frames, rows, columns, in which the spots were detected.
    method
        ``radial_symmetry``: the point to which the gradients converge (Parthasarathy 2012),
        sub-pixel. ``extremum``: the pixel farthest from the window's median, of either sign.
        ``difference_of_gaussians``: the extremum of the response of
        :func:`~napari_uai.iscat.detect_spots` in the window, of either sign, sub-pixel by a
        parabola along each axis.
    scale
        Half width of the window in units of ``sqrt(2) sigma``.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        The rows of ``table`` in their order with new ``y, x``, the ``center_intensity`` of the
        video at that pixel, and ``located``: False where the window is flat, not finite, too small
        or has its centre outside; such rows keep their position.

    Raises
    ------
    BadValueError
        If a column is missing, a spot is outside the video, or a parameter is outside its limits.

    References
    ----------
    Parthasarathy, Nat. Methods 9, 724 (2012), doi:10.1038/nmeth.2071.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:16, :16]
    >>> video = np.exp(-((y - 7.3) ** 2 + (x - 8.4) ** 2) / (2 * 1.7**2))[np.newaxis]
    >>> spots = pd.DataFrame(
    ...     {"y": [7], "x": [8], "frame": [0], "center_intensity": [1.0], "sigma": [1.7]}
    ... )
    >>> iscat.locate_spots(spots, video)[["y", "x"]].round(2)
         y    x
    0  7.3  8.4
    """
    frames = frames_of(video)
    check_spots(table, frames.shape)
    frame = table["frame"].to_numpy(np.int64)
    order = np.argsort(frame, kind="stable")
    frame = frame[order]
    spots = table[["y", "x", "sigma", "center_intensity"]].to_numpy(np.float64)[order]
    located = np.zeros(len(table), bool)

    def locate(start: int, stop: int) -> None:
        first, end = np.searchsorted(frame, (start, stop))
        if first == end:
            return
        begin = int(frame[first])
        block = np.ascontiguousarray(frames.read(begin, int(frame[end - 1]) + 1), np.float32)
        rows = np.arange(first, end)
        if method != "difference_of_gaussians":
            locate_in(block, block, rows, begin)
            return
        widths = spots[rows, 2]
        for sigma in np.unique(widths):
            response = response_frames(block, sigma_px=float(sigma))
            locate_in(block, response, rows[widths == sigma], begin)

    def locate_in(block: Floats32, seen: Floats32, rows: Ints, begin: int) -> None:
        moved, success = spots[rows], located[rows]
        _locate(block, seen, frame[rows] - begin, scale, _METHODS[method], moved, success)
        spots[rows], located[rows] = moved, success

    chunk = frames_per_chunk(frames.shape)
    for _ in map_chunks(locate, len(frames), chunk, monitor=monitor, message="places"):
        pass
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    out = table.reset_index(drop=True).copy()
    out["y"], out["x"], out["center_intensity"] = spots[back][:, [0, 1, 3]].T
    return out.assign(located=located[back])


_METHODS: dict[str, int] = {"radial_symmetry": 0, "extremum": 1, "difference_of_gaussians": 2}


def _groups_of_block(
    masks: Frames,
    values: Frames,
    min_area: int,
    distance: float,
    every: int,
    start: int,
    stop: int,
) -> Floats:
    """Spots of a block of frames: rows of frame, y, x, largest score, area."""
    first = -(-start // every) * every
    parts = [(start, stop)] if every == 1 else [(t, t + 1) for t in range(first, stop, every)]
    spots = [np.empty((0, 5))]
    for begin, end in parts:
        scores = values.read(begin, end)
        # scores take most of the time: compute those behind the mask once
        if isinstance(masks, MaskFrames) and masks.source is values:
            marked = masks.marked(scores)
        else:
            marked = masks.read(begin, end)
        for t in range(len(marked)):
            if not marked[t].any():
                continue
            plane = np.ascontiguousarray(marked[t] != 0)
            groups = _groups(plane, np.ascontiguousarray(scores[t], np.float32), min_area)
            if not np.isfinite(groups).all():
                raise BadValueError(
                    f"frame {begin + t} is marked at a pixel without a score: pass the scores from "
                    "which the mask was computed"
                )
            groups = _strongest_groups(groups, distance)
            rows = np.column_stack([np.full(len(groups), begin + t), groups[:, :4]])
            spots.append(rows[np.lexsort((rows[:, 2], rows[:, 1]))])
    return np.concatenate(spots)


@kernel
def _groups(mask: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32], min_area: int) -> Floats:
    """Find groups of connected pixels: y, x, largest score, area, sum of weights.

    A weight is the excess of a score over the lowest of the frame.
    """
    height, width = mask.shape
    lowest = np.nanmin(scores)
    smallest = np.float32(1e-30)
    left = mask.copy()
    stack = np.empty((mask.size, 2), np.int32)
    out = np.empty((mask.size, 5))
    n = 0
    for y0 in range(height):
        for x0 in range(width):
            if not left[y0, x0]:
                continue
            left[y0, x0] = False
            stack[0, 0], stack[0, 1] = y0, x0
            size, done = 1, 0
            total, sum_y, sum_x, largest = 0.0, 0.0, 0.0, scores[y0, x0]
            while done < size:
                y, x = stack[done]
                done += 1
                weight = max(scores[y, x] - lowest, smallest)
                total += weight
                sum_y += weight * y
                sum_x += weight * x
                largest = max(largest, scores[y, x])
                for v in range(max(y - 1, 0), min(y + 2, height)):
                    for u in range(max(x - 1, 0), min(x + 2, width)):
                        if left[v, u]:
                            left[v, u] = False
                            stack[size, 0], stack[size, 1] = v, u
                            size += 1
            if size >= min_area:
                out[n, 0], out[n, 1] = sum_y / total, sum_x / total
                out[n, 2], out[n, 3], out[n, 4] = largest, size, total
                n += 1
    return out[:n].copy()


@kernel
def _strongest_groups(groups: Floats, distance: float) -> Floats:
    """Keep groups in descending order of strength unless a kept one is near."""
    kept = np.empty_like(groups)
    strength = np.empty(len(groups))
    for i in range(len(groups)):
        strength[i] = groups[i, 4]
    n = 0
    for i in falling_order(strength):
        free = True
        for k in range(n):
            if np.hypot(groups[i, 0] - kept[k, 0], groups[i, 1] - kept[k, 1]) < distance:
                free = False
                break
        if free:
            for column in range(groups.shape[1]):
                kept[n, column] = groups[i, column]
            n += 1
    return kept[:n].copy()


@kernel
def _locate(
    block: npt.NDArray[np.float32],
    seen: npt.NDArray[np.float32],
    frame: Ints,
    scale: float,
    method: int,
    spots: Floats,
    located: npt.NDArray[np.bool_],
) -> None:
    """Move each spot (y, x, sigma, intensity) to the position found in its window."""
    height, width = block.shape[1:]
    for i in range(frame.size):
        y, x = round(spots[i, 0]), round(spots[i, 1])
        h = max(round(scale * np.sqrt(2.0) * spots[i, 2]), 1)
        y0, y1 = max(y - h, 0), min(y + h + 1, height)
        x0, x1 = max(x - h, 0), min(x + h + 1, width)
        window = seen[frame[i], y0:y1, x0:x1].astype(np.float64)
        if method == 0:
            if min(y1 - y0, x1 - x0) < MIN_SIDE:
                row, column = np.nan, np.nan
            else:
                row, column = radial_symmetry_center(window)
        else:
            row, column = _extreme(window, method == 2)
        if np.isfinite(row):
            spots[i, 0], spots[i, 1] = y0 + row, x0 + column
            located[i] = True
        v = min(max(round(spots[i, 0]), 0), height - 1)
        u = min(max(round(spots[i, 1]), 0), width - 1)
        spots[i, 3] = block[frame[i], v, u]


@kernel
def _extreme(window: Floats, between_pixels: bool) -> tuple[float, float]:
    """Return the pixel farthest from the median, or from 0 with sub-pixel refinement."""
    middle, _ = scale_of(window)
    if not np.isfinite(middle):
        return np.nan, np.nan
    level = 0.0 if between_pixels else middle
    height, width = window.shape
    row, column, largest = 0, 0, -1.0
    for y in range(height):
        for x in range(width):
            if abs(window[y, x] - level) > largest:
                row, column, largest = y, x, abs(window[y, x] - level)
    if largest <= 0:
        return np.nan, np.nan
    if not between_pixels:
        return float(row), float(column)
    down, right = 0.0, 0.0
    if 0 < row < height - 1:
        down = _vertex(window[row - 1, column], window[row, column], window[row + 1, column])
    if 0 < column < width - 1:
        right = _vertex(window[row, column - 1], window[row, column], window[row, column + 1])
    return row + down, column + right


@kernel
def _vertex(before: float, middle: float, after: float) -> float:
    """Return the vertex of the parabola through three values, within half a pixel."""
    curvature = before - 2 * middle + after
    if curvature == 0:
        return 0.0
    return float(min(max(0.5 * (before - after) / curvature, -0.5), 0.5))
