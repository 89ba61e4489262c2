"""Radial symmetry: the point to which the gradients of a spot converge (Parthasarathy 2012).

For a round spot of any profile, bright or dark, the line through each pixel along the gradient
passes through the centre. The centre is the point with the smallest weighted sum of squared
distances from these lines: two linear equations in two unknowns, without iteration or a model of
the spot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError
from napari_uai.typing import Floats

MIN_SIDE = 4


def radial_symmetry_centers(windows: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Find the centre of radial symmetry of each window.

    Parameters
    ----------
    windows
        (windows, rows, columns); any real dtype; at least 4 x 4 px, not necessarily square.

    Returns
    -------
    ndarray
        float64 (windows, 2): row and column of the centre, relative to the centre of the window's
        first pixel; NaN where a window is flat or not finite, or its centre is outside.

    Raises
    ------
    BadValueError
        If the windows do not have three axes, or are too small.

    References
    ----------
    Parthasarathy, Nat. Methods 9, 724 (2012), doi:10.1038/nmeth.2071.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:9, :9]
    >>> spot = np.exp(-((y - 4.2) ** 2 + (x - 3.7) ** 2) / 8)
    >>> radial_symmetry_centers(spot[np.newaxis]).round(2)
    array([[4.2, 3.7]])
    """
    stack = np.ascontiguousarray(windows, dtype=np.float64)
    if stack.ndim != 3 or min(stack.shape[1:]) < MIN_SIDE:
        raise BadValueError(
            f"windows must have shape (windows, rows, columns) with at least {MIN_SIDE} rows and "
            f"columns, got {stack.shape}"
        )
    centers = np.empty((len(stack), 2))
    _centers(stack, centers)
    return centers


@kernel
def _centers(stack: Floats, centers: Floats) -> None:
    for i in range(stack.shape[0]):
        centers[i, 0], centers[i, 1] = radial_symmetry_center(stack[i])


@kernel
def radial_symmetry_center(window: Floats) -> tuple[float, float]:
    """Return row and column of the centre of one window, NaN if there is none."""
    height, width = window.shape
    gy, gx, weight = _gradients(window)
    total = weight.sum()
    if not (np.isfinite(total) and total > 0):
        return np.nan, np.nan
    # Gradients are between pixels: their row i is at i + 0.5.
    mean_y, mean_x = 0.0, 0.0
    for i in range(height - 1):
        for j in range(width - 1):
            mean_y += weight[i, j] * (i + 0.5) / total
            mean_x += weight[i, j] * (j + 0.5) / total
    yy, yx, xx, y, x = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(height - 1):
        for j in range(width - 1):
            if weight[i, j] > 0:
                py, px = i + 0.5, j + 0.5
                # A gradient at the centroid is uninformative, and must not have infinite weight.
                distance = max(np.hypot(py - mean_y, px - mean_x), 0.5)
                # The line's normal is (gx, -gy) / |g|, and weight is |g|^2.
                a, b = gx[i, j], -gy[i, j]
                yy += a * a / distance
                yx += a * b / distance
                xx += b * b / distance
                y += a * (a * py + b * px) / distance
                x += b * (a * py + b * px) / distance
    determinant = yy * xx - yx * yx
    if not determinant > 1e-12 * yy * xx:
        return np.nan, np.nan
    row = (xx * y - yx * x) / determinant
    column = (yy * x - yx * y) / determinant
    inside = -0.5 <= row <= height - 0.5 and -0.5 <= column <= width - 0.5
    return (row, column) if inside else (np.nan, np.nan)


@kernel
def _gradients(window: Floats) -> Any:
    """Gradients between the pixels along rows and columns, smoothed 3 x 3, and squared sizes."""
    height, width = window.shape[0] - 1, window.shape[1] - 1
    raw = np.empty((2, height, width))
    for i in range(height):
        for j in range(width):
            rising = window[i, j + 1] - window[i + 1, j]
            falling = window[i, j] - window[i + 1, j + 1]
            raw[0, i, j] = -(rising + falling)
            raw[1, i, j] = rising - falling
    smooth = np.zeros((2, height, width))
    weight = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            for v in range(max(i - 1, 0), min(i + 2, height)):
                for u in range(max(j - 1, 0), min(j + 2, width)):
                    smooth[0, i, j] += raw[0, v, u] / 9
                    smooth[1, i, j] += raw[1, v, u] / 9
            weight[i, j] = smooth[0, i, j] ** 2 + smooth[1, i, j] ** 2
    return smooth[0], smooth[1], weight
