"""Bubbles and bright dust that pass through the field."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_uai.iscat.disturbances.residuals import Tile, noise_of
from napari_uai.typing import Bools
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
    smooth = np.stack([gaussian_filter(frame, SMOOTH_PX, mode="constant") for frame in tile.values])
    noise = noise_of(smooth)
    smooth /= np.sqrt(np.maximum(noise, np.median(noise) / 2))
    n_bins = len(smooth)
    strength, places = np.zeros(n_bins), np.zeros((n_bins, 2))
    for at in range(n_bins):
        for gap in GAPS:
            before = smooth[max(at - gap - SIDE + 1, 0) : max(at - gap + 1, 0)]
            after = smooth[at + gap : at + gap + SIDE]
            if not (len(before) and len(after)):
                continue
            down, up = smooth[at] - before.mean(axis=0), smooth[at] - after.mean(axis=0)
            both = np.where(down * up > 0, np.minimum(np.abs(down), np.abs(up)), 0)
            most = float(both.max())
            if most > strength[at]:
                strength[at] = most
                places[at] = np.unravel_index(int(both.argmax()), both.shape)
    return _travelling(strength >= FROM, places)


def _travelling(there: Bools, places: np.ndarray) -> Bools:
    """Keep runs of bins in which the place moves, and widen them."""
    out = np.zeros(len(there), np.bool_)
    for run in runs_of(np.flatnonzero(there), apart=JOINED):
        if np.hypot(*np.ptp(places[run], axis=0)) >= TRAVELS_PX:
            out[max(run[0] - PADDED, 0) : run[-1] + PADDED + 1] = True
    return out
