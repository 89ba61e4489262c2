"""Jumps of the whole image: focus, or the pattern of the illumination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter

from napari_uai.iscat.disturbances.residuals import (
    MEDIAN_OF_SQUARES,
    Tile,
    change,
    cumulated,
    windows,
)
from napari_uai.videos.sampling import robust_deviation

if TYPE_CHECKING:
    from napari_uai.iscat.disturbances.overview import Overview
    from napari_uai.typing import Floats, Ints
    from napari_uai.videos.frames import Frames

REACH = 12
"""Bins before and after a jump that are compared."""

FROM = 8.0
LEAST = 0.25
"""Excess of the change of the image over noise from which it may be a jump: so many robust standard
deviations beyond what is usual, and this fraction of the noise."""

ABRUPT = 0.3
"""The same jump exceeds the noise of half as many bins half as much; slow changes an eighth."""

PARTS = 3
EVERYWHERE = 0.3
"""A tile is divided into so many parts along rows and columns; the quarter of them that changes
least changes by at least this fraction of what the quarter that changes most does."""

WINDOW_PX = 9
CONCENTRATED = 0.2
"""Side of a window, and the largest fraction of the change that it may hold."""

NO_BREAKS = np.zeros(0, np.int64)


def jumping_bins(tiles: Sequence[Tile]) -> Ints:
    """Find the bins at which the image changes at once, everywhere.

    The change of the typical pixel is measured, which landings do not affect.

    Parameters
    ----------
    tiles
        Bins without pattern and drift.

    Returns
    -------
    ndarray
        First bin after each jump, in order.
    """
    n_bins = len(tiles[0].values)
    wide, narrow = _excess(tiles, (REACH, REACH // 2))
    known = np.isfinite(wide)
    if not known.any():
        return NO_BREAKS
    usual = float(np.median(wide[known]))
    spread = robust_deviation(wide[known])
    pixels = sum(np.count_nonzero(tile.good) for tile in tiles)
    limit = usual + max(FROM * max(spread, 2 / np.sqrt(pixels)), LEAST, 2 * usual)
    jumps: list[int] = []
    for at in np.argsort(-np.nan_to_num(wide, nan=-np.inf)).tolist():
        if not wide[at] > limit:
            break
        apart = all(abs(at - other) > REACH for other in jumps)
        near = narrow[max(at - 1, 0) : min(at + 2, n_bins)]
        if apart and np.nanmax(near) >= ABRUPT * wide[at] and _everywhere(tiles, at):
            jumps.append(at)
    return np.array(sorted(jumps), np.int64)


def _everywhere(tiles: Sequence[Tile], at: int) -> bool:
    """Return whether the image changes in all parts, not most around strong landings."""
    parts, most, total = [], 0.0, 0.0
    for tile in tiles:
        low, high = max(at - REACH, 0), min(at + REACH, len(tile.values))
        jump, share = change(cumulated(tile.values), low, at, high)
        excess = np.where(tile.good, jump**2 / (tile.noise * share), np.nan) - 1
        for rows in np.array_split(excess, PARTS):
            parts += [np.nanmedian(part) for part in np.array_split(rows, PARTS, axis=1)]
        excess = np.nan_to_num(excess)
        side = min(WINDOW_PX, min(excess.shape) // 5)
        most = max(most, float(uniform_filter(excess, side).max()) * side**2)
        total += float(excess.sum())
    weak, strong = np.nanpercentile((np.array(parts) + 1) / MEDIAN_OF_SQUARES - 1, (25, 75))
    return bool(weak >= EVERYWHERE * strong and most <= CONCENTRATED * total)


def _excess(tiles: Sequence[Tile], reaches: tuple[int, ...]) -> Floats:
    """Return the variance of the change of the typical pixel, over that of noise: (reaches, bins).

    NaN where too few bins are before or after.
    """
    n_bins = len(tiles[0].values)
    total, pixels = np.zeros((len(reaches), n_bins)), 0
    for tile in tiles:
        sums, weights = cumulated(tile.values[:, tile.good]), 1 / tile.noise[tile.good]
        n_good = len(weights)
        pixels += n_good
        for own, reach in zip(total, reaches, strict=True):
            known = np.zeros(n_bins, np.bool_)
            for low, middle, high in windows(n_bins, reach, NO_BREAKS):
                jump, share = change(sums, low, middle, high)
                squares = (jump**2 * weights).astype(np.float32)
                excess = np.median(squares) / (share * MEDIAN_OF_SQUARES) - 1
                own[middle] += n_good * excess
                known[middle] = True
            own[~known] = np.nan
    return total / pixels


def exact_frames(
    frames: Frames, seen: Overview, tiles: Sequence[Tile], whole: Ints, jumps: Ints
) -> tuple[int, ...]:
    """Return the first frame after each jump: the two bins around it are read again.

    Parameters
    ----------
    frames, seen
        The recording and its overview.
    tiles
        Its bins, of which ``whole`` are the numbers, and ``jumps`` the first after each jump.
    """
    found = []
    for jump in jumps.tolist():
        image = np.zeros(frames.shape[1:])
        for tile in tiles:
            low, high = max(jump - REACH, 0), min(jump + REACH, len(tile.values))
            difference, _ = change(cumulated(tile.values), low, jump, high)
            image[tile.rows, tile.columns] = np.where(tile.good, difference, 0)
        # The largest changes are as likely landings or bad pixels.
        limit = 4 * robust_deviation(image[image != 0], about=0.0)
        image = np.clip(image, -limit, limit)
        start = int(whole[jump - 2]) * seen.bin_size
        stop = min((int(whole[min(jump + 1, len(whole) - 1)]) + 1) * seen.bin_size, len(frames))
        counts = np.asarray(frames.read(start, stop), np.float64)
        level = np.maximum(counts.mean(axis=(1, 2)), np.finfo(float).tiny)
        course = np.einsum("tyx,yx->t", counts / level[:, None, None] - seen.reference, image)
        found.append(start + _best_split(course, np.abs(seen.level[start:stop] / level - 1) < 1))
    return tuple(found)


def _best_split(course: Floats, usable: Floats) -> int:
    """Return where a course is best described by one level before and one after."""
    course = np.where(usable, course, np.median(course))
    n = np.arange(1, len(course))
    total = np.cumsum(course)
    before, after = total[:-1] / n, (total[-1] - total[:-1]) / (len(course) - n)
    return int(n[np.argmax(n * (len(course) - n) * (before - after) ** 2)])
