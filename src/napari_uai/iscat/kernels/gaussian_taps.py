"""Weights of Gaussians that are cut off, for smoothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

TRUNCATE = 4
"""A Gaussian is cut off at this many standard deviations, as scipy and scikit-image do."""


def gaussian_radius(sigma: float) -> int:
    """Return how many pixels or frames a Gaussian reaches to each side."""
    return int(TRUNCATE * sigma + 0.5)


@lru_cache(maxsize=64)
def gaussian_taps(sigma: float, radius: int) -> npt.NDArray[np.float64]:
    """Return a Gaussian that is cut off at its own radius, with zeros up to a larger one."""
    x = np.arange(-radius, radius + 1)
    taps = np.where(np.abs(x) <= gaussian_radius(sigma), np.exp(-0.5 * (x / sigma) ** 2), 0.0)
    taps /= taps.sum()
    return taps
