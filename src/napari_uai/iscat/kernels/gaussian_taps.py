"""Weights of truncated Gaussians, for smoothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

TRUNCATE = 4
"""Standard deviations at which Gaussians are truncated, as in scipy and scikit-image."""


def gaussian_radius(sigma: float) -> int:
    """Return the radius of a truncated Gaussian, in pixels or frames."""
    return int(TRUNCATE * sigma + 0.5)


@lru_cache(maxsize=64)
def gaussian_taps(sigma: float, radius: int) -> npt.NDArray[np.float64]:
    """Return a Gaussian truncated at its own radius, padded by zeros to a larger one."""
    x = np.arange(-radius, radius + 1)
    taps = np.where(np.abs(x) <= gaussian_radius(sigma), np.exp(-0.5 * (x / sigma) ** 2), 0.0)
    taps /= taps.sum()
    return taps
