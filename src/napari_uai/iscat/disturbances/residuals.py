"""Bins of a recording without camera pattern and drift, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_uai.iscat.correct.moving_background import (
    MovingBackground,
    gradient_images,
    relative_frames,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import AnyArray, Bools, Floats, Ints

TILE_PX = 128
ORDER = 3
MEDIAN_OF_SQUARES = 0.4549
"""Median of the square of a standard normal variable."""

ACROSS = np.array([-0.5, 1, -0.5])
"""What a pixel has and its neighbours, combined so that smooth images vanish, have not; along rows
and columns."""


@dataclass(frozen=True, eq=False)
class Tile:
    """The residual of one tile.

    Attributes
    ----------
    rows, columns
        Where it is in the field.
    values
        Relative bins without pattern and drift, (bins, rows, columns); bad pixels 0.
    good
        Pixels that are not bad.
    noise
        Variance of each pixel in one bin.
    """

    rows: slice
    columns: slice
    values: Floats
    good: Bools
    noise: Floats

    def without(self, mask: Bools) -> Tile:
        """Return the tile with more bad pixels."""
        values = np.where(mask, 0, self.values)
        return Tile(self.rows, self.columns, values, self.good & ~mask, self.noise)

    def across(self) -> tuple[Floats, Floats]:
        """Return what pixels have and their neighbours have not; and the variance of its noise."""
        out = filtered(self.values, ACROSS, edge="nearest")
        return out, noise_of(out)


def tiles_of(bins: AnyArray, *, monitor: Monitor = SILENT) -> Iterator[Tile]:
    """Remove pattern and drift from bins (bins, rows, columns), all of them finite."""
    height, width = bins.shape[1:]
    starts = [(top, left) for top in range(0, height, TILE_PX) for left in range(0, width, TILE_PX)]
    for i, (top, left) in enumerate(starts):
        monitor.update(i / len(starts))
        rows = slice(top, min(top + TILE_PX, height))
        columns = slice(left, min(left + TILE_PX, width))
        tile = _tile(np.asarray(bins[:, rows, columns], np.float64), rows, columns)
        if tile is not None:
            yield tile


def _tile(images: Floats, rows: slice, columns: slice) -> Tile | None:
    found = relative_frames(images)
    if found is None:
        return None
    relative, mean, bad = found
    values, _ = MovingBackground(gradient_images(mean, ORDER), np.where(bad, 0, mean)).subtract(
        relative
    )
    noise = noise_of(values)
    usual = float(np.median(noise[~bad]))
    if not usual > 0:
        return None
    return Tile(rows, columns, values, ~bad, np.maximum(noise, usual / 4))


def noise_of(values: Floats) -> Floats:
    """Return the variance of each pixel's noise, by the median: jumps do not matter."""
    # Along the last axis, in float32, a median takes a third of the time.
    courses = np.ascontiguousarray(values.astype(np.float32).reshape(len(values), -1).T)
    middle = (len(values) - 1) // 2
    sizes = np.partition(np.abs(np.diff(courses, axis=1)), middle, axis=1)[:, middle]
    noise: Floats = sizes.astype(np.float64) ** 2 / (2 * MEDIAN_OF_SQUARES)
    return noise.reshape(values.shape[1:])


def filtered(values: Floats, taps: Floats, *, edge: Literal["nearest", "zero"]) -> Floats:
    """Filter each bin along rows and columns with the same symmetric taps."""
    import cv2

    border = {"nearest": cv2.BORDER_REPLICATE, "zero": cv2.BORDER_CONSTANT}[edge]
    return np.stack([cv2.sepFilter2D(v, -1, taps, taps, borderType=border) for v in values])


def windows(n_bins: int, reach: int, breaks: Ints) -> Iterator[tuple[int, int, int]]:
    """Yield the start, middle and end of windows around each bin that do not cross a break."""
    edges = np.concatenate([[0], np.sort(breaks), [n_bins]])
    for middle in range(1, n_bins):
        at = int(np.searchsorted(edges, middle, side="right"))
        low, high = max(middle - reach, int(edges[at - 1])), min(middle + reach, int(edges[at]))
        if min(middle - low, high - middle) >= 2:
            yield low, middle, high


def cumulated(values: Floats) -> Floats:
    """Return sums of all bins before each, one more than there are bins."""
    out = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=out[1:])
    return out


def change(sums: Floats, low: int, middle: int, high: int) -> tuple[Floats, float]:
    """Return the mean after minus the mean before, and by what its variance is smaller."""
    before, after = middle - low, high - middle
    difference = (sums[high] - sums[middle]) / after - (sums[middle] - sums[low]) / before
    return difference, 1 / before + 1 / after
