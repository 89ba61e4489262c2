"""Bubbles and bright dust that pass through the field."""

from __future__ import annotations

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.iscat.disturbances.residuals import Tile, cumulated, filtered, noise_of
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.typing import Bools, Floats, Ints
from napari_uai.videos.sampling import runs_of

SMOOTH_PX = 2.0
GAPS = (3, 8, 20)
"""Bins between a bin and those before and after it with which it is compared."""

SIDE = 3
FROM = 8.0
"""Standard deviations by which a place must differ from before and from after."""

TRAVELS_PX = 5.0
"""Distance that it must travel: a particle that leaves again stays where it is."""

JOINED = 4
"""Bins between two bins through which the same thing passes."""

PADDED = 2
"""Bins before and after that are left out as well, in which it is weaker than is certain."""


def passing_bins(tile: Tile) -> Bools:
    """Find the bins in which something passes: brighter or darker than before and after.

    Parameters
    ----------
    tile
        Bins without pattern and drift.

    Returns
    -------
    ndarray
        Which bins, of all.
    """
    smooth = filtered(
        tile.values, gaussian_taps(SMOOTH_PX, gaussian_radius(SMOOTH_PX)), edge="zero"
    )
    noise = noise_of(smooth)
    smooth /= np.sqrt(np.maximum(noise, np.median(noise) / 2))
    strength, places = np.zeros(len(smooth)), np.zeros((len(smooth), 2))
    _strongest(smooth, cumulated(smooth), np.array(GAPS), strength, places)
    return _travelling(strength >= FROM, places)


@kernel
def _strongest(smooth: Floats, sums: Floats, gaps: Ints, strength: Floats, places: Floats) -> None:
    """Find, in each bin, where it differs most from before and from after, in the same sense."""
    n, height, width = smooth.shape
    for at in range(n):
        for gap in gaps:
            first, second = max(at - gap - SIDE + 1, 0), max(at - gap + 1, 0)
            third, fourth = at + gap, min(at + gap + SIDE, n)
            if first >= second or third >= fourth:
                continue
            for row in range(height):
                here = smooth[at, row]
                a, b = sums[first, row], sums[second, row]
                c, d = sums[third, row], sums[fourth, row]
                for column in range(width):
                    down = here[column] - (b[column] - a[column]) / (second - first)
                    up = here[column] - (d[column] - c[column]) / (fourth - third)
                    both = min(abs(down), abs(up)) if down * up > 0 else 0.0
                    if both > strength[at]:
                        strength[at] = both
                        places[at, 0], places[at, 1] = row, column


def _travelling(there: Bools, places: np.ndarray) -> Bools:
    """Keep runs of bins in which the place moves, and widen them."""
    out = np.zeros(len(there), np.bool_)
    for run in runs_of(np.flatnonzero(there), apart=JOINED):
        if np.hypot(*np.ptp(places[run], axis=0)) >= TRAVELS_PX:
            out[max(run[0] - PADDED, 0) : run[-1] + PADDED + 1] = True
    return out
