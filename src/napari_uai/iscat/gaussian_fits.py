"""Gaussian fits: sub-pixel place, width and contrast of spots, with their standard errors."""

from __future__ import annotations

from typing import Annotated, Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Gt

from napari_uai.errors import BadValueError
from napari_uai.iscat.spots import SPOT_COLUMNS
from napari_uai.monitor import SILENT, Monitor, checkpoint
from napari_uai.videos.frames import Video, frames_of, frames_per_chunk, map_chunks

_PARAMETERS = ("Amplitude", "X-Center", "Y-Center", "X-Sigma", "Y-Sigma", "Bias")
FIT_COLUMNS = (
    "Sigma_ratio",
    *(f"Fit_{name}" for name in _PARAMETERS),
    *(f"Fit_errors_{name}" for name in _PARAMETERS),
)
"""The columns of a fit; with :data:`SPOT_COLUMNS` before them, the 18 of PiSCAT, in its order."""

OK = "ok"
_STATUS = np.array(
    [
        OK,
        "not converged",
        "centre left the window",
        "width out of range",
        "too close to the edge",
        "pixels not finite",
        "flat window",
        "degenerate",
    ],
    dtype=object,
)
_NOT_CONVERGED, _CENTRE, _WIDTH, _EDGE, _NOT_FINITE, _FLAT, _DEGENERATE = range(1, 8)

MIN_SIDE = 4
FITS_AT_ONCE = 512
"""After so many fits, some hundredths of a second, a wish to stop is looked for."""

MIN_SIGMA = 0.3
MAX_ITERATIONS = 100
LEGACY_ITERATIONS = 1000

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def fit_spots(
    table: pd.DataFrame,
    video: Video,
    *,
    scale: Annotated[float, Gt(0)] = 5.0,
    legacy: bool = False,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Fit an elliptic Gaussian on a constant background to the surroundings of each spot.

    The model is ``b + A exp(-(x - xc)^2 / (2 sx^2) - (y - yc)^2 / (2 sy^2))``, fitted by least
    squares (Levenberg-Marquardt) in a square window of ``2 h + 1`` pixels around the spot,
    ``h = round(scale sqrt(2) sigma)``, cut at the edges of the frame. Standard errors are the
    roots of the diagonal of the parameters' covariance, with the noise taken from the residual.

    Parameters
    ----------
    table
        Spots with the columns ``y, x, frame, center_intensity, sigma``; others are carried along.
        A ``center_intensity`` that is NaN is read from the video.
    video
        Frames, rows, columns, in which the spots were found.
    scale
        Half width of the window in units of ``sqrt(2) sigma``.
    legacy
        Use PiSCAT's window (``2 h`` pixels wide, shrunk on all four sides near an edge, last row
        and column left out), its start values, no bounds, and its widths (``sqrt(2)`` times the
        standard deviation). Failed fits are marked as failed all the same.
    monitor
        Progress and cancelling, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        The rows of ``table`` in their order with 18 columns in the order of PiSCAT, then
        ``status`` and ``R2``, then the other columns of ``table``. Centres are in px of the
        frame, widths are standard deviations in px, ``Sigma_ratio`` is the smaller width over the
        larger one. Where a fit fails ``status`` says why, and all figures of the fit are NaN.

    Raises
    ------
    BadValueError
        If a column is missing, a spot lies outside the video, or a parameter is out of its limits.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise BadValueError(f"scale must be greater than 0, got {scale}")
    frames = frames_of(video)
    check_spots(table, frames.shape)
    frame = table["frame"].to_numpy(np.int64)
    order = np.argsort(frame, kind="stable")
    frame, place = frame[order], table[["y", "x", "sigma"]].to_numpy(np.float64)[order]
    windows = _windows(place, frames.shape, scale, legacy=legacy)
    intensity = table["center_intensity"].to_numpy(np.float64)[order]
    fits = np.full((len(table), 13), np.nan)
    codes = np.zeros(len(table), np.int64)

    def fit(start: int, stop: int) -> None:
        rows = slice(*np.searchsorted(frame, (start, stop)))
        if rows.start == rows.stop:
            return
        first = int(frame[rows.start])
        block = np.ascontiguousarray(frames.read(first, int(frame[rows.stop - 1]) + 1))
        y, x = np.rint(place[rows, :2]).astype(np.int64).T
        seen = block[frame[rows] - first, y, x]
        intensity[rows] = np.where(np.isnan(intensity[rows]), seen, intensity[rows])
        for begin in range(rows.start, rows.stop, FITS_AT_ONCE):
            checkpoint()
            some = slice(begin, min(begin + FITS_AT_ONCE, rows.stop))
            own = windows[some], place[some], legacy, fits[some], codes[some]
            _fit_windows(block, frame[some] - first, *own)

    chunk = frames_per_chunk(frames.shape)
    for _ in map_chunks(fit, len(frames), chunk, monitor=monitor, message="fits"):
        pass
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    table = table.assign(center_intensity=intensity[back])
    return _fit_table(table, fits[back], codes[back])


def empty_fits() -> pd.DataFrame:
    """Return a table of fitted spots without rows."""
    spots = pd.DataFrame({name: np.empty(0) for name in SPOT_COLUMNS}).astype({"frame": np.int64})
    return _fit_table(spots, np.empty((0, 13)), np.empty(0, np.int64))


def require_columns(table: pd.DataFrame, *names: str) -> None:
    """Check that a table has the columns that a stage reads.

    Raises
    ------
    BadValueError
        Naming what is missing.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise BadValueError(
            f"the table lacks the column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )


def check_spots(table: pd.DataFrame, shape: tuple[int, int, int]) -> None:
    """Check that a table holds spots of a video of that shape.

    Raises
    ------
    BadValueError
        Naming the column that is missing or the value that does not fit.
    """
    require_columns(table, *SPOT_COLUMNS)
    for name, size in zip(("frame", "y", "x"), shape, strict=True):
        values = table[name].to_numpy(np.float64)
        outside = ~((values >= -0.5) & (values <= size - 0.5))
        if outside.any():
            raise BadValueError(
                f"{outside.sum()} spots lie outside the video of shape {shape} ({name} = "
                f"{values[outside][0]:g}): give the video in which they were found"
            )
    sigma = table["sigma"].to_numpy(np.float64)
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise BadValueError("the column sigma must hold numbers greater than 0 (in px)")


def _windows(
    place: _Floats, shape: tuple[int, int, int], scale: float, *, legacy: bool
) -> npt.NDArray[np.int64]:
    """First and last + 1 row, first and last + 1 column of each window."""
    y, x = np.rint(place[:, :2]).astype(np.int64).T
    height, width = shape[1:]
    reach = scale * np.sqrt(2) * place[:, 2]
    if legacy:
        sides = [
            y - np.maximum(y - reach, 0),
            np.minimum(y + reach, height - 1) - y,
            x - np.maximum(x - reach, 0),
            np.minimum(x + reach, width - 1) - x,
        ]
        h = np.rint(np.min(sides, axis=0)).astype(np.int64)
        return np.stack([y - h, y + h, x - h, x + h], axis=1)
    h = np.maximum(np.rint(reach), 2).astype(np.int64)
    rows = np.maximum(y - h, 0), np.minimum(y + h + 1, height)
    columns = np.maximum(x - h, 0), np.minimum(x + h + 1, width)
    return np.stack([*rows, *columns], axis=1)


def _fit_table(table: pd.DataFrame, fits: _Floats, codes: _Ints) -> pd.DataFrame:
    failed = codes > 0
    fits[failed] = np.nan
    widths = fits[:, 3:5]
    ratio = widths.min(axis=1) / widths.max(axis=1)
    out = table.loc[:, list(SPOT_COLUMNS)].reset_index(drop=True)
    out = out.astype({name: np.float64 for name in SPOT_COLUMNS if name != "frame"})
    out["frame"] = out["frame"].astype(np.int64)
    out[list(FIT_COLUMNS)] = np.column_stack([ratio, fits[:, :12]])
    out["status"] = pd.Series(_STATUS[codes], dtype="str")
    out["R2"] = fits[:, 12]
    known = set(out.columns)
    others = table.loc[:, [name for name in table.columns if name not in known]]
    return pd.concat([out, others.reset_index(drop=True)], axis=1)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fit_windows(
    block: npt.NDArray[Any],
    frame: _Ints,
    windows: _Ints,
    place: _Floats,
    legacy: bool,
    fits: _Floats,
    codes: _Ints,
) -> None:
    """Fit each window of a block of frames: 6 parameters, 6 errors and R2 per row."""
    root2 = np.sqrt(2.0)
    for i in range(frame.size):
        y0, y1, x0, x1 = windows[i]
        if y1 - y0 < MIN_SIDE or x1 - x0 < MIN_SIDE:
            codes[i] = _EDGE
            continue
        data = block[frame[i], y0:y1, x0:x1].astype(np.float64)
        sigma = place[i, 2] / root2 if legacy else place[i, 2]
        codes[i] = _fit(data, place[i, 0] - y0, place[i, 1] - x0, sigma, legacy, fits[i])
        fits[i, 1] += x0
        fits[i, 2] += y0
        if legacy:
            for k in (3, 4, 9, 10):
                fits[i, k] *= root2


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fit(data: _Floats, yc: float, xc: float, sigma: float, legacy: bool, out: _Floats) -> int:
    """Fit one window by Levenberg-Marquardt; return the code of its status."""
    middle = np.median(data)
    if not np.isfinite(data.sum()):
        return _NOT_FINITE
    unit = max(data.max() - middle, middle - data.min())
    if unit <= 0:
        return _FLAT
    data = (data - middle) / unit
    sums = np.empty((9, 4))
    row_sums = np.empty((data.shape[0], 4))
    p = np.array([0.0, xc, yc, sigma, sigma, 0.0])
    if legacy:
        p[0] = data.max() if data.max() >= -data.min() else data.min()
    else:
        _linear_start(data, p, sums, row_sums)
    code: int = _minimise(data, p, legacy, sums, row_sums)
    p[3], p[4] = abs(p[3]), abs(p[4])
    if code == 0:
        code = _errors(data, p, sums, row_sums, out)
    out[:6] = p
    for k in (0, 5, 6, 11):
        out[k] *= unit
    out[5] += middle
    return code


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _linear_start(data: _Floats, p: _Floats, sums: _Floats, row_sums: _Floats) -> None:
    """Best amplitude and background at the start's place and width: both are linear."""
    p[0] = 1.0
    p[5] = 0.0
    _products(data, p, sums, row_sums)
    gg, g1, n = sums[1, 1] * sums[5, 1], sums[0, 1] * sums[4, 1], float(data.size)
    gd, d1 = sums[8, 0], sums[8, 1]
    determinant = gg * n - g1 * g1
    if determinant > 1e-12 * gg * n:
        p[0] = (gd * n - g1 * d1) / determinant
        p[5] = (gg * d1 - g1 * gd) / determinant


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _minimise(data: _Floats, p: _Floats, legacy: bool, sums: _Floats, row_sums: _Floats) -> int:
    """Change p to the nearest least-squares solution; return the code of the status."""
    height, width = data.shape
    squares = (data * data).sum()
    lower = np.array([-np.inf, -0.5, -0.5, MIN_SIGMA, MIN_SIGMA, -np.inf])
    upper = np.array([np.inf, width - 0.5, height - 0.5, float(width), float(height), np.inf])
    if legacy:
        lower[:], upper[:] = -np.inf, np.inf
    normal, gradient = np.empty((6, 6)), np.empty(6)
    step, trial = np.empty(6), np.empty(6)
    cost = _cost(data, squares, p, sums, row_sums)
    _normal_equations(p, sums, row_sums, normal, gradient)
    damping, growth, code = 1e-3, 2.0, _NOT_CONVERGED
    for _ in range(LEGACY_ITERATIONS if legacy else MAX_ITERATIONS):
        if not _solve(normal, gradient, damping, step):
            damping *= 10.0
            if damping > 1e12:
                code = _DEGENERATE
                break
            continue
        for k in range(6):
            trial[k] = min(max(p[k] + step[k], lower[k]), upper[k])
        moved = _relative_step(p, trial)
        new = _cost(data, squares, trial, sums, row_sums)
        if new <= cost:
            expected = 0.0
            for k in range(6):
                expected += step[k] * (damping * normal[k, k] * step[k] + gradient[k])
            quality = (cost - new) / max(expected, 1e-300)
            p[:] = trial
            cost = new
            if moved < 1e-6:
                code = 0
                break
            _normal_equations(p, sums, row_sums, normal, gradient)
            # Nielsen 1999: steps that gain less than promised overshoot, and are damped more
            damping = max(damping * max(0.1, 1 - (2 * quality - 1) ** 3), 1e-10)
            growth = 2.0
        else:
            # rounding of the cost hides any gain of a step as small as this
            if moved < 1e-6:
                code = 0
                break
            damping *= growth
            growth *= 2.0
    if not legacy:
        code = _at_bound(p, lower, upper, code)
    return code


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _relative_step(p: _Floats, trial: _Floats) -> float:
    """Largest change: of the centre in px, of all else relative to its size."""
    amplitude = abs(trial[0]) + 1e-12
    moved: float = max(abs(trial[0] - p[0]), abs(trial[5] - p[5])) / amplitude
    for k in range(1, 5):
        moved = max(moved, abs(trial[k] - p[k]))
    return moved


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _at_bound(p: _Floats, lower: _Floats, upper: _Floats, code: int) -> int:
    for k in range(1, 5):
        if p[k] <= lower[k] + 1e-3 or p[k] >= upper[k] - 1e-3:
            return _CENTRE if k < 3 else _WIDTH
    return code


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _errors(data: _Floats, p: _Floats, sums: _Floats, row_sums: _Floats, out: _Floats) -> int:
    """Fill in standard errors and R2 from the residual, summed pixel by pixel."""
    height, width = data.shape
    residual, total, mean = 0.0, 0.0, data.mean()
    gx = np.exp(-0.5 * ((np.arange(width) - p[1]) / p[3]) ** 2)
    for y in range(height):
        gy = p[0] * np.exp(-0.5 * ((y - p[2]) / p[4]) ** 2)
        for x in range(width):
            model = p[5] + gy * gx[x]
            residual += (data[y, x] - model) ** 2
            total += (data[y, x] - mean) ** 2
    out[12] = 1 - residual / total
    normal, gradient = np.empty((6, 6)), np.empty(6)
    _products(data, p, sums, row_sums)
    _normal_equations(p, sums, row_sums, normal, gradient)
    column, unit_vector = np.empty(6), np.empty(6)
    for k in range(6):
        unit_vector[:] = 0.0
        unit_vector[k] = 1.0
        if not _solve(normal, unit_vector, 0.0, column) or not column[k] > 0:
            return _DEGENERATE
        out[6 + k] = np.sqrt(column[k] * residual / max(data.size - 6, 1))
    return 0


# The model is a product of a function of x and one of y, plus a constant; so are its derivatives.
# All sums over the window that the normal equations need are therefore products of two sums over
# a side, but for those with the data, of which four per row suffice. ``sums`` holds, for the
# functions u0 = 1, u1 = g, u2 = g z, u3 = g z^2 with z = (x - xc) / sx and g = exp(-z^2 / 2):
# rows 0-3 the products of those of x, rows 4-7 of those of y, row 8 the sums with the data.


@nb.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})  # type: ignore[untyped-decorator]
def _products(data: _Floats, p: _Floats, sums: _Floats, row_sums: _Floats) -> None:
    height, width = data.shape
    sums[:] = 0.0
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
    # the sums with the data of the derivatives by yc and sy; those by xc and sx follow from rows
    for y in range(height):
        sums[8, 2] += row_sums[y, 1] * v[2, y]
        sums[8, 3] += row_sums[y, 1] * v[3, y]
        row_sums[y, 2] *= v[1, y]
        row_sums[y, 3] *= v[1, y]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _functions(centre: float, sigma: float, u: _Floats) -> None:
    for k in range(u.shape[1]):
        z = (k - centre) / sigma
        g = np.exp(-0.5 * z * z)
        u[0, k], u[1, k], u[2, k], u[3, k] = 1.0, g, g * z, g * z * z


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cost(data: _Floats, squares: float, p: _Floats, sums: _Floats, row_sums: _Floats) -> float:
    """Sum of squared residuals; NaN if the parameters have run off."""
    _products(data, p, sums, row_sums)
    a, b = p[0], p[5]
    model2 = a * a * sums[1, 1] * sums[5, 1] + 2 * a * b * sums[0, 1] * sums[4, 1]
    cost: float = squares - 2 * (a * sums[8, 0] + b * sums[8, 1]) + model2 + b * b * data.size
    return cost


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _normal_equations(
    p: _Floats, sums: _Floats, row_sums: _Floats, normal: _Floats, gradient: _Floats
) -> None:
    """Fill J'J and J'r from the sums at p."""
    of_x = (1, 2, 1, 3, 1, 0)
    of_y = (1, 1, 2, 1, 3, 0)
    factor = (1.0, p[0] / p[3], p[0] / p[4], p[0] / p[3], p[0] / p[4], 1.0)
    with_data = (
        sums[8, 0],
        row_sums[:, 2].sum(),
        sums[8, 2],
        row_sums[:, 3].sum(),
        sums[8, 3],
        sums[8, 1],
    )
    for k in range(6):
        i, j = of_x[k], of_y[k]
        model = p[0] * sums[i, 1] * sums[4 + j, 1] + p[5] * sums[i, 0] * sums[4 + j, 0]
        gradient[k] = factor[k] * (with_data[k] - model)
        for m in range(6):
            product = sums[i, of_x[m]] * sums[4 + j, of_y[m]]
            normal[k, m] = factor[k] * factor[m] * product


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _solve(normal: _Floats, right: _Floats, damping: float, out: _Floats) -> bool:
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
