"""Pixels whose sensitivity jumps alone (random telegraph noise)."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter

from napari_uai.compiled import kernel
from napari_uai.iscat.correct.moving_background import border_mask
from napari_uai.iscat.disturbances.residuals import Tile, change, cumulated, windows
from napari_uai.typing import Bools, Floats, Ints

REACHES = (4, 15, 40, 100)
"""Bins before and after a jump that are compared."""

FROM = 6.5
FROM_AT_BORDER = 10.0
"""Standard deviations from which a jump is looked at; at the border of a tile, drift is removed
less well."""

ROUNDS = 8
"""How often pixels are looked for: the neighbours of one are judged without it."""

PATCH = 3
WIDTHS_PX = (0.9, 1.2, 1.6, 2.2, 3.0)
OFFSETS_PX = np.linspace(-0.75, 0.75, 7)
"""Points of any width, at any place near the pixel, that might have landed there instead."""


def flickering_pixels(tile: Tile, breaks: Ints) -> Bools:
    """Find pixels that jump alone.

    A point-spread function of 1 px or more has neighbours that follow the pixel in its middle. What
    a pixel has beyond them is compared before and after each bin; those that jump, and whose jump
    and surroundings are better described by one pixel than by any point, flicker.

    Parameters
    ----------
    tile
        Bins without pattern and drift.
    breaks
        Bins at which the whole image jumps.

    Returns
    -------
    ndarray
        Mask of the pixels, rows and columns of the tile.
    """
    found = np.zeros(tile.good.shape, np.bool_)
    rejected = np.zeros_like(found)
    limit = np.where(border_mask(found.shape), FROM_AT_BORDER, FROM)
    for _ in range(ROUNDS):
        rest = tile.without(found)
        size, when, reach = _largest_jumps(rest, breaks)
        size[found | rejected | ~tile.good] = 0
        peaks = np.argwhere((size >= limit) & (size == maximum_filter(size, 3)))
        if not len(peaks):
            break
        sums = cumulated(rest.values)
        for row, column in peaks.tolist():
            at, within = int(when[row, column]), int(reach[row, column])
            jump, share = change(sums, *_window(len(rest.values), breaks, at, within))
            alone = _is_alone(jump, rest.noise * share, rest.good, row, column)
            (found if alone else rejected)[row, column] = True
    return found


def _largest_jumps(tile: Tile, breaks: Ints) -> tuple[Floats, Ints, Ints]:
    """Return the largest jump of each pixel in standard deviations, its bin and its window."""
    values, noise = tile.across()
    noise = np.maximum(noise, np.median(noise[tile.good]) / 4)
    looked = [
        (reach, *window) for reach in REACHES for window in windows(len(values), reach, breaks)
    ]
    size = np.zeros(values.shape[1:])
    when, which = np.zeros_like(size, np.int64), np.zeros_like(size, np.int64)
    if looked:
        _keep_largest(cumulated(values), np.array(looked), noise, size, when, which)
    return size, when, which


@kernel
def _keep_largest(
    sums: Floats, looked: Ints, noise: Floats, size: Floats, when: Ints, which: Ints
) -> None:
    """Compare the means before and after the middle of each window, pixel by pixel."""
    height, width = noise.shape
    largest = np.zeros(width)
    for row in range(height):
        for column in range(width):
            largest[column] = 0
        for reach, low, middle, high in looked:
            before, after = middle - low, high - middle
            share = 1 / before + 1 / after
            first, second, third = sums[low, row], sums[middle, row], sums[high, row]
            for column in range(width):
                jump = (third[column] - second[column]) / after
                jump -= (second[column] - first[column]) / before
                square = jump * jump / share
                if square > largest[column]:
                    largest[column] = square
                    when[row, column], which[row, column] = middle, reach
        for column in range(width):
            size[row, column] = np.sqrt(largest[column] / noise[row, column])


def _window(n_bins: int, breaks: Ints, middle: int, reach: int) -> tuple[int, int, int]:
    return next(each for each in windows(n_bins, reach, breaks) if each[1] == middle)


def _is_alone(jump: Floats, noise: Floats, good: Bools, row: int, column: int) -> bool:
    """Return whether one pixel describes the jump around it, and better than any point does."""
    top, left = max(row - PATCH, 0), max(column - PATCH, 0)
    cut = slice(top, row + PATCH + 1), slice(left, column + PATCH + 1)
    weight = good[cut] / noise[cut]
    patch = jump[cut]
    one = patch[row - top, column - left] ** 2 * weight[row - top, column - left]
    if one < np.sum(patch**2 * weight - good[cut]) - one:
        return False  # more changes around it than in it
    y = np.arange(patch.shape[0])[:, None] - (row - top)
    x = np.arange(patch.shape[1]) - (column - left)
    for width in WIDTHS_PX:
        down = np.exp(-((y - OFFSETS_PX[:, None, None]) ** 2) / (2 * width**2))
        along = np.exp(-((x - OFFSETS_PX[:, None, None]) ** 2) / (2 * width**2))
        points = down[:, None] * along[None]
        seen = np.einsum("abyx,yx,yx->ab", points, weight, patch)
        norm = np.einsum("abyx,yx->ab", points**2, weight)
        if np.max(seen**2 / np.maximum(norm, np.finfo(float).tiny)) >= one:
            return False
    return True
