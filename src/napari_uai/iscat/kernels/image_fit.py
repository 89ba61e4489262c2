"""Kernel of fits of a given image: place, amplitude and background, by Levenberg-Marquardt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import strict_kernel
from napari_uai.iscat.kernels.gaussian_fit import (
    CENTRE,
    DEGENERATE,
    EDGE,
    FLAT,
    MAX_ITERATIONS,
    MIN_SIDE,
    NOT_CONVERGED,
    NOT_FINITE,
    normalize,
    scale_of,
    solve_damped,
    window_of,
)
from napari_uai.typing import Floats, Ints

PADDING = 4
"""Zeros around the image of which the spline coefficients are, so that it ends smoothly."""


@strict_kernel
def fit_images(
    block: npt.NDArray[Any],
    frame: Ints,
    windows: Ints,
    place: Floats,
    splines: Floats,
    fits: Floats,
    chosen: Ints,
    codes: Ints,
) -> None:
    """Fit each window of a block of frames with each image, and keep the best.

    ``splines`` are cubic spline coefficients of the images with :data:`PADDING` zeros around. Rows
    of ``fits``: amplitude, x, y, background, their errors, and R2.
    """
    out, best_out = np.empty(9), np.empty(9)
    for i in range(frame.size):
        y0, y1, x0, x1 = windows[i]
        if y1 - y0 < MIN_SIDE or x1 - x0 < MIN_SIDE:
            codes[i] = EDGE
            continue
        data = window_of(block[frame[i]], y0, y1, x0, x1)
        best, codes[i] = -np.inf, NOT_CONVERGED
        for k in range(splines.shape[0]):
            code = _fit(data.copy(), place[i, 0] - y0, place[i, 1] - x0, splines[k], out)
            if code == 0 and out[8] > best:
                best, chosen[i], codes[i] = out[8], k, 0
                for m in range(9):
                    best_out[m] = out[m]
            elif best == -np.inf:
                codes[i] = code
        if codes[i] == 0:
            for m in range(9):
                fits[i, m] = best_out[m]
            fits[i, 1] += x0
            fits[i, 2] += y0


@strict_kernel
def _fit(data: Floats, yc: float, xc: float, spline: Floats, out: Floats) -> int:
    """Fit one image to one window; return the status code."""
    middle, unit = scale_of(data)
    if not np.isfinite(middle):
        return NOT_FINITE
    if unit <= 0:
        return FLAT
    normalize(data, middle, unit)
    image = np.empty((3, *data.shape))
    p = np.array([0.0, xc, yc, 0.0])
    _image_at(spline, p, image)
    if not _linear_start(data, image[0], p):
        return DEGENERATE
    code: int = _minimise(data, p, spline, image)
    if code == 0:
        code = _errors(data, p, image, out)
    for k in range(4):
        out[k] = p[k]
    for k in (0, 3, 4, 7):
        out[k] *= unit
    out[3] += middle
    return code


@strict_kernel
def _linear_start(data: Floats, image: Floats, p: Floats) -> bool:
    """Set amplitude and background, both linear, to their best values at the place."""
    n = float(data.size)
    s, ss, d, sd = image.sum(), (image * image).sum(), data.sum(), (image * data).sum()
    determinant = ss * n - s * s
    if not determinant > 1e-12 * ss * n:
        return False
    p[0] = (sd * n - s * d) / determinant
    p[3] = (ss * d - s * sd) / determinant
    return True


@strict_kernel
def _minimise(data: Floats, p: Floats, spline: Floats, image: Floats) -> int:
    """Change p to the nearest least-squares solution; ``image`` is that at the end."""
    height, width = data.shape
    normal, gradient = np.empty((4, 4)), np.empty(4)
    step, trial, other = np.empty(4), np.empty(4), np.empty_like(image)
    cost = _normal_equations(data, p, image, normal, gradient)
    damping = 1e-3
    for _ in range(MAX_ITERATIONS):
        if not solve_damped(normal, gradient, damping, step):
            return DEGENERATE
        for k in range(4):
            trial[k] = p[k] + step[k]
        if not (-0.5 <= trial[1] <= width - 0.5 and -0.5 <= trial[2] <= height - 0.5):
            trial[1] = min(max(trial[1], -0.5), width - 0.5)
            trial[2] = min(max(trial[2], -0.5), height - 0.5)
        moved = max(abs(trial[1] - p[1]), abs(trial[2] - p[2]))
        moved = max(moved, abs(trial[0] - p[0]) / (abs(trial[0]) + 1e-12))
        _image_at(spline, trial, other)
        new = _cost(data, trial, other)
        if new <= cost:
            for k in range(4):
                p[k] = trial[k]
            for k in range(3):
                for y in range(height):
                    for x in range(width):
                        image[k, y, x] = other[k, y, x]
            cost = _normal_equations(data, p, image, normal, gradient)
            damping = max(damping * 0.2, 1e-10)
        else:
            damping *= 5.0
        if moved < 1e-6:
            inside = -0.49 < p[1] < width - 0.51 and -0.49 < p[2] < height - 0.51
            return 0 if inside else CENTRE
    return NOT_CONVERGED


@strict_kernel
def _image_at(spline: Floats, p: Floats, image: Floats) -> None:
    """Fill in the image at the place of p, and its derivatives by x and by y."""
    middle = spline.shape[0] // 2
    _, height, width = image.shape
    wy, wx = np.empty((2, 4)), np.empty((2, 4))
    first_y, first_x = _weights(middle - p[2], wy), _weights(middle - p[1], wx)
    rows = np.zeros((2, height + 3, width))
    for r in range(height + 3):
        k = first_y + r
        if k < 0 or k >= spline.shape[0]:
            continue
        for x in range(width):
            for j in range(4):
                c = first_x + x + j
                if 0 <= c < spline.shape[1]:
                    rows[0, r, x] += wx[0, j] * spline[k, c]
                    rows[1, r, x] += wx[1, j] * spline[k, c]
    image[:] = 0.0
    for y in range(height):
        for i in range(4):
            for x in range(width):
                image[0, y, x] += wy[0, i] * rows[0, y + i, x]
                image[1, y, x] -= wy[0, i] * rows[1, y + i, x]
                image[2, y, x] -= wy[1, i] * rows[0, y + i, x]


@strict_kernel
def _weights(place: float, weights: Floats) -> int:
    """Fill in the weights of four spline coefficients, and of the derivative; return the first."""
    whole = int(np.floor(place))
    t = place - whole
    weights[0, 0], weights[0, 3] = (1 - t) ** 3 / 6, t**3 / 6
    weights[0, 1], weights[0, 2] = (
        (4 - 6 * t**2 + 3 * t**3) / 6,
        (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6,
    )
    weights[1, 0], weights[1, 3] = -((1 - t) ** 2) / 2, t**2 / 2
    weights[1, 1], weights[1, 2] = (3 * t**2 - 4 * t) / 2, (1 + 2 * t - 3 * t**2) / 2
    return whole - 1


@strict_kernel
def _cost(data: Floats, p: Floats, image: Floats) -> float:
    total = 0.0
    for y in range(data.shape[0]):
        for x in range(data.shape[1]):
            total += (data[y, x] - p[3] - p[0] * image[0, y, x]) ** 2
    return total


@strict_kernel
def _normal_equations(
    data: Floats, p: Floats, image: Floats, normal: Floats, gradient: Floats
) -> float:
    """Fill in J'J and J'r; return the sum of squared residuals."""
    normal[:], gradient[:] = 0.0, 0.0
    cost, own = 0.0, np.empty(4)
    own[3] = 1.0
    for y in range(data.shape[0]):
        for x in range(data.shape[1]):
            own[0], own[1], own[2] = image[0, y, x], p[0] * image[1, y, x], p[0] * image[2, y, x]
            left = data[y, x] - p[3] - p[0] * own[0]
            cost += left * left
            for k in range(4):
                gradient[k] += own[k] * left
                for m in range(k + 1):
                    normal[k, m] += own[k] * own[m]
    for k in range(4):
        for m in range(k):
            normal[m, k] = normal[k, m]
    return cost


@strict_kernel
def _errors(data: Floats, p: Floats, image: Floats, out: Floats) -> int:
    """Fill in standard errors and R2 from the residuals."""
    normal, gradient = np.empty((4, 4)), np.empty(4)
    residual = _normal_equations(data, p, image, normal, gradient)
    column, unit_vector = np.empty(4), np.empty(4)
    for k in range(4):
        unit_vector[:] = 0.0
        unit_vector[k] = 1.0
        if not solve_damped(normal, unit_vector, 0.0, column) or not column[k] > 0:
            return DEGENERATE
        out[4 + k] = np.sqrt(column[k] * residual / max(data.size - 4, 1))
    out[8] = 1 - residual / max(((data - data.mean()) ** 2).sum(), 1e-300)
    return 0
