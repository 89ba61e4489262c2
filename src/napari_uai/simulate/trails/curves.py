"""Smooth curves, sampled at equal distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_uai.typing import Floats

STEP_PX = 2.0
"""Distance between points of a path."""


def smooth_path(points: Any, sigma_px: float = 12.0) -> Floats:
    """Round the corners of a line.

    Parameters
    ----------
    points
        Corners in px: n, 2.
    sigma_px
        Standard deviation of the Gaussian along the line; the ends are kept.

    Returns
    -------
    numpy.ndarray
        A point every 2 px: m, 2; float64.
    """
    even = even_path(points)
    pad = int(4 * sigma_px / STEP_PX) + 1
    # Straight extensions keep the ends in place.
    before = even[0] + np.arange(-pad, 0)[:, None] * (even[min(3, len(even) - 1)] - even[0]) / 3
    after = even[-1] + np.arange(1, pad + 1)[:, None] * (even[-1] - even[-min(4, len(even))]) / 3
    long = np.concatenate([before, even, after])
    return even_path(gaussian_filter1d(long, sigma_px / STEP_PX, axis=0)[pad:-pad])


def even_path(points: Any) -> Floats:
    """Return points every 2 px along a line, including its ends."""
    line = np.asarray(points, np.float64)
    at = path_length(line)
    n = max(round(at[-1] / STEP_PX) + 1, 2)
    places = np.linspace(0, at[-1], n)
    return np.stack([np.interp(places, at, line[:, 0]), np.interp(places, at, line[:, 1])], axis=1)


def path_length(path: Floats) -> Floats:
    """Return the distance along a line from its start to each point."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])


def headings(path: Floats) -> Floats:
    """Return the unit vector of travel at each point of a path."""
    along = np.gradient(path, axis=0)
    return np.asarray(along / np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-9))


def right_of(path: Floats, offset_px: float | Floats) -> Floats:
    """Shift a path to its right; negative offsets shift it to its left."""
    along = headings(path)
    right = np.stack([along[:, 1], -along[:, 0]], axis=1)
    return np.asarray(path + right * np.reshape(offset_px, (-1, 1)))
