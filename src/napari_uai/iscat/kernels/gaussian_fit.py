"""Kernel of Gaussian fits: Levenberg-Marquardt from a linear start, with separable sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import part_of_kernel, strict_kernel, strict_reordering_kernel
from napari_uai.iscat.kernels.selection import median_of
from napari_uai.typing import Floats, Ints

NOT_CONVERGED, CENTRE, WIDTH, EDGE, NOT_FINITE, FLAT, DEGENERATE = range(1, 8)
MIN_SIDE = 4
MIN_SIGMA = 0.3
MAX_ITERATIONS = 100
LEGACY_ITERATIONS = 1000


@strict_kernel
def fit_windows(
    block: npt.NDArray[Any],
    frame: Ints,
    windows: Ints,
    place: Floats,
    legacy: bool,
    fits: Floats,
    codes: Ints,
) -> None:
    """Fit each window of a block of frames: 6 parameters, 6 errors and R2 per row."""
    root2 = np.sqrt(2.0)
    sums, normal, vectors = np.empty((9, 4)), np.empty((6, 6)), np.empty((6, 6))
    for i in range(frame.size):
        y0, y1, x0, x1 = windows[i]
        if y1 - y0 < MIN_SIDE or x1 - x0 < MIN_SIDE:
            codes[i] = EDGE
            continue
        data = window_of(block[frame[i]], y0, y1, x0, x1)
        middle, unit = scale_of(data)
        if not (np.isfinite(middle) and unit > 0):
            codes[i] = FLAT if np.isfinite(middle) else NOT_FINITE
            continue
        normalize(data, middle, unit)
        row_sums = np.empty((y1 - y0, 4))
        out, p = fits[i], vectors[0]
        p[0], p[1], p[2], p[5] = 0.0, place[i, 1] - x0, place[i, 0] - y0, 0.0
        p[3] = p[4] = place[i, 2] / root2 if legacy else place[i, 2]
        if legacy:
            _legacy_start(data, p)
        else:
            _linear_start(data, p, sums, row_sums)
        code = _minimise(data, legacy, sums, row_sums, normal, vectors)
        p[3], p[4] = abs(p[3]), abs(p[4])
        if code == 0:
            code = _errors(data, sums, row_sums, normal, vectors, out)
        codes[i] = code
        for k in range(6):
            out[k] = p[k]
        for k in range(0, 12, 6):
            out[k] *= unit
            out[k + 5] *= unit
        out[5] += middle
        out[1] += x0
        out[2] += y0
        if legacy:
            for k in range(3, 11, 6):
                out[k] *= root2
                out[k + 1] *= root2


@part_of_kernel
def window_of(frame: npt.NDArray[Any], y0: int, y1: int, x0: int, x1: int) -> Floats:
    """Return a copy of a part of a frame, as float64."""
    data = np.empty((y1 - y0, x1 - x0))
    for y in range(y1 - y0):
        line, row = frame[y0 + y], data[y]
        for x in range(x1 - x0):
            row[x] = line[x0 + x]
    return data


@part_of_kernel
def scale_of(data: Floats) -> tuple[float, float]:
    """Return median, and largest deviation from it; NaN if a value is not finite."""
    values = np.empty(data.size)
    total, low, high, n = 0.0, data[0, 0], data[0, 0], 0
    for y in range(data.shape[0]):
        row = data[y]
        for x in range(row.size):
            value = row[x]
            values[n] = value
            total += value
            low, high = min(low, value), max(high, value)
            n += 1
    if not np.isfinite(total):
        return np.nan, np.nan
    middle = median_of(values)
    return middle, max(high - middle, middle - low)


@part_of_kernel
def normalize(data: Floats, middle: float, unit: float) -> None:
    """Subtract the median, and divide by the unit, in place."""
    for y in range(data.shape[0]):
        row = data[y]
        for x in range(row.size):
            row[x] = (row[x] - middle) / unit


@part_of_kernel
def _legacy_start(data: Floats, p: Floats) -> None:
    """Set the amplitude to the value that is farthest from the median."""
    low, high = data[0, 0], data[0, 0]
    for y in range(data.shape[0]):
        row = data[y]
        for x in range(row.size):
            low, high = min(low, row[x]), max(high, row[x])
    p[0] = high if high >= -low else low


@part_of_kernel
def _linear_start(data: Floats, p: Floats, sums: Floats, row_sums: Floats) -> None:
    """Set amplitude and background, both linear, to their best values at the starting point."""
    p[0] = 1.0
    p[5] = 0.0
    _products(data, p, sums, row_sums)
    gg, g1, n = sums[1, 1] * sums[5, 1], sums[0, 1] * sums[4, 1], float(data.size)
    gd, d1 = sums[8, 0], sums[8, 1]
    determinant = gg * n - g1 * g1
    if determinant > 1e-12 * gg * n:
        p[0] = (gd * n - g1 * d1) / determinant
        p[5] = (gg * d1 - g1 * gd) / determinant


@part_of_kernel
def _minimise(
    data: Floats, legacy: bool, sums: Floats, row_sums: Floats, normal: Floats, vectors: Floats
) -> int:
    """Change p, the first vector, to the nearest least-squares solution; return the status code."""
    p, trial, step, gradient = vectors[0], vectors[1], vectors[2], vectors[3]
    lower, upper = vectors[4], vectors[5]
    squares = 0.0
    for y in range(data.shape[0]):
        row = data[y]
        for x in range(row.size):
            squares += row[x] * row[x]
    for k in range(6):
        lower[k], upper[k] = -np.inf, np.inf
    if not legacy:
        lower[1] = lower[2] = -0.5
        lower[3] = lower[4] = MIN_SIGMA
        upper[3], upper[4] = data.shape[1], data.shape[0]
        upper[1], upper[2] = upper[3] - 0.5, upper[4] - 0.5
    _products(data, p, sums, row_sums)
    cost = _cost(squares, data.size, p, sums)
    _normal_equations(p, sums, row_sums, normal, gradient)
    damping, growth, code = 1e-3, 2.0, NOT_CONVERGED
    for _ in range(LEGACY_ITERATIONS if legacy else MAX_ITERATIONS):
        if not solve_damped(normal, gradient, damping, step):
            damping *= 10.0
            if damping > 1e12:
                code = DEGENERATE
                break
            continue
        for k in range(6):
            trial[k] = min(max(p[k] + step[k], lower[k]), upper[k])
        moved = _relative_step(p, trial)
        _products(data, trial, sums, row_sums)
        new = _cost(squares, data.size, trial, sums)
        better = new <= cost
        if better:
            expected = 0.0
            for k in range(6):
                expected += step[k] * (damping * normal[k, k] * step[k] + gradient[k])
                p[k] = trial[k]
            quality = (cost - new) / max(expected, 1e-300)
            cost = new
        # The gain of so small a step is below the rounding error of the cost.
        if moved < 1e-6:
            code = 0
            break
        if better:
            _normal_equations(p, sums, row_sums, normal, gradient)
            # Nielsen 1999: steps that gain less than predicted overshoot, and are damped more.
            damping = max(damping * max(0.1, 1 - (2 * quality - 1) ** 3), 1e-10)
            growth = 2.0
        else:
            damping *= growth
            growth *= 2.0
    if not legacy:
        code = _at_bound(p, lower, upper, code)
    return code


@part_of_kernel
def _relative_step(p: Floats, trial: Floats) -> float:
    """Largest change: of the centre in px, of all other parameters relative to their size."""
    amplitude = abs(trial[0]) + 1e-12
    moved: float = max(abs(trial[0] - p[0]), abs(trial[5] - p[5])) / amplitude
    for k in range(1, 5):
        moved = max(moved, abs(trial[k] - p[k]))
    return moved


@part_of_kernel
def _at_bound(p: Floats, lower: Floats, upper: Floats, code: int) -> int:
    for k in range(1, 5):
        if p[k] <= lower[k] + 1e-3 or p[k] >= upper[k] - 1e-3:
            return CENTRE if k < 3 else WIDTH
    return code


@part_of_kernel
def _errors(
    data: Floats, sums: Floats, row_sums: Floats, normal: Floats, vectors: Floats, out: Floats
) -> int:
    """Fill in standard errors and R2 from the residuals, summed pixel by pixel."""
    p, column, unit_vector, gradient = vectors[0], vectors[1], vectors[2], vectors[3]
    residual, total, mean = 0.0, 0.0, 0.0
    gx = np.empty((1, data.shape[1]))[0]
    for y in range(data.shape[0]):
        row = data[y]
        for x in range(row.size):
            mean += row[x]
    mean /= data.size
    for x in range(gx.size):
        gx[x] = np.exp(-0.5 * ((x - p[1]) / p[3]) ** 2)
    for y in range(data.shape[0]):
        row = data[y]
        gy = p[0] * np.exp(-0.5 * ((y - p[2]) / p[4]) ** 2)
        for x in range(row.size):
            model = p[5] + gy * gx[x]
            residual += (row[x] - model) ** 2
            total += (row[x] - mean) ** 2
    out[12] = 1 - residual / total
    _products(data, p, sums, row_sums)
    _normal_equations(p, sums, row_sums, normal, gradient)
    for k in range(6):
        for m in range(6):
            unit_vector[m] = 1.0 if m == k else 0.0
        if not solve_damped(normal, unit_vector, 0.0, column) or not column[k] > 0:
            return DEGENERATE
        out[6 + k] = np.sqrt(column[k] * residual / max(data.size - 6, 1))
    return 0


# The model is a product of a function of x and one of y, plus a constant; so are its derivatives.
# All sums over the window in the normal equations are therefore products of two sums over a side,
# except for those with the data, of which four per row suffice. ``sums`` contains, for the
# functions u0 = 1, u1 = g, u2 = g z, u3 = g z^2 with z = (x - xc) / sx and g = exp(-z^2 / 2):
# rows 0-3 the products of those of x, rows 4-7 of those of y, row 8 the sums with the data.


@strict_reordering_kernel
def _products(data: Floats, p: Floats, sums: Floats, row_sums: Floats) -> None:
    height, width = data.shape
    for i in range(9):
        for j in range(4):
            sums[i, j] = 0.0
    u = np.empty((4, width))
    v = np.empty((4, height))
    _functions(p[1], p[3], u)
    _functions(p[2], p[4], v)
    for i in range(4):
        for j in range(i, 4):
            a = 0.0
            for x in range(width):
                a += u[i, x] * u[j, x]
            b = 0.0
            for y in range(height):
                b += v[i, y] * v[j, y]
            sums[i, j] = sums[j, i] = a
            sums[4 + i, j] = sums[4 + j, i] = b
    for y in range(height):
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for x in range(width):
            d = data[y, x]
            s0 += d
            s1 += d * u[1, x]
            s2 += d * u[2, x]
            s3 += d * u[3, x]
        row_sums[y, 0], row_sums[y, 1], row_sums[y, 2], row_sums[y, 3] = s0, s1, s2, s3
        sums[8, 0] += s1 * v[1, y]
        sums[8, 1] += s0
    # Sums with the data of the derivatives by yc and sy; those by xc and sx follow from rows.
    for y in range(height):
        sums[8, 2] += row_sums[y, 1] * v[2, y]
        sums[8, 3] += row_sums[y, 1] * v[3, y]
        row_sums[y, 2] *= v[1, y]
        row_sums[y, 3] *= v[1, y]


@strict_kernel
def _functions(centre: float, sigma: float, u: Floats) -> None:
    for k in range(u.shape[1]):
        z = (k - centre) / sigma
        g = np.exp(-0.5 * z * z)
        u[0, k], u[1, k], u[2, k], u[3, k] = 1.0, g, g * z, g * z * z


@part_of_kernel
def _cost(squares: float, size: int, p: Floats, sums: Floats) -> float:
    """Sum of squared residuals; NaN if the parameters have diverged."""
    a, b = p[0], p[5]
    model2 = a * a * sums[1, 1] * sums[5, 1] + 2 * a * b * sums[0, 1] * sums[4, 1]
    cost: float = squares - 2 * (a * sums[8, 0] + b * sums[8, 1]) + model2 + b * b * size
    return cost


@strict_kernel
def _normal_equations(
    p: Floats, sums: Floats, row_sums: Floats, normal: Floats, gradient: Floats
) -> None:
    """Fill J'J and J'r from the sums at p."""
    of_x = (1, 2, 1, 3, 1, 0)
    of_y = (1, 1, 2, 1, 3, 0)
    factor = (1.0, p[0] / p[3], p[0] / p[4], p[0] / p[3], p[0] / p[4], 1.0)
    by_x, by_width = 0.0, 0.0
    for y in range(row_sums.shape[0]):
        by_x += row_sums[y, 2]
        by_width += row_sums[y, 3]
    with_data = (sums[8, 0], by_x, sums[8, 2], by_width, sums[8, 3], sums[8, 1])
    for k in range(6):
        i, j = of_x[k], of_y[k]
        model = p[0] * sums[i, 1] * sums[4 + j, 1] + p[5] * sums[i, 0] * sums[4 + j, 0]
        gradient[k] = factor[k] * (with_data[k] - model)
        for m in range(6):
            product = sums[i, of_x[m]] * sums[4 + j, of_y[m]]
            normal[k, m] = factor[k] * factor[m] * product


@strict_kernel
def solve_damped(normal: Floats, right: Floats, damping: float, out: Floats) -> bool:
    """Solve (N + damping diag N) out = right by Cholesky; False if N is not positive definite."""
    n = right.size
    root = np.empty(n)
    for k in range(n):
        if not normal[k, k] > 0:
            return False
        root[k] = np.sqrt(normal[k, k])
    factor = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            value = normal[i, j] / (root[i] * root[j])
            if i == j:
                value += damping
            for k in range(j):
                value -= factor[i, k] * factor[j, k]
            if i == j:
                if not value > 1e-14:
                    return False
                factor[i, i] = np.sqrt(value)
            else:
                factor[i, j] = value / factor[j, j]
    for i in range(n):
        value = right[i] / root[i]
        for k in range(i):
            value -= factor[i, k] * out[k]
        out[i] = value / factor[i, i]
    for i in range(n - 1, -1, -1):
        value = out[i]
        for k in range(i + 1, n):
            value -= factor[k, i] * out[k]
        out[i] = value / factor[i, i]
    for i in range(n):
        out[i] /= root[i]
    return True
