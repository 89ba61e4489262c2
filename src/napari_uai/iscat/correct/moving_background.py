"""Moving background: regression of frames on the gradients of their mean image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le
from numpy.lib.stride_tricks import sliding_window_view

from napari_uai.compiled import reordering_kernel
from napari_uai.iscat.correct.bad_pixels import find_bad_pixels
from napari_uai.iscat.correct.fixed_pattern import fixed_pattern_correction
from napari_uai.iscat.kernels.matmul import row_products, weighted_sums
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Bools, Floats

DriftOrder: TypeAlias = Annotated[int, Ge(1), Le(4)]
"""Highest derivative of the mean image: 2 suffices up to 0.1 px of drift, 3 up to 0.3 px."""

SPLINE_DEGREE = 5

MOST_BAD = 0.5
"""Share of the pixels up to which they may be bad."""

SQUARE_PX = 5
"""Side of the square whose median a bad pixel of the mean image gets."""

BORDER_PX = 2
"""Width of the border, where derivatives are one-sided and therefore measured on the frames."""

BORDER_TRUST = 0.5
"""Expected error of derivatives there, relative to their standard deviation over the frame."""


def gradient_images(mean: Floats, order: int) -> Floats:
    """Return the derivatives of an image up to an order, relative to the image.

    Parameters
    ----------
    mean
        Rows, columns; positive.
    order
        Highest total order.

    Returns
    -------
    ndarray
        float64, (n, rows, columns): d/dy, d/dx, d2/dy2, d2/dydx, d2/dx2, ... over ``mean``.
    """
    along_rows, along_columns = (
        [_derivative_matrix(n, o) for o in range(order + 1)] for n in mean.shape
    )
    derivatives = [
        along_rows[total - o] @ mean @ along_columns[o].T
        for total in range(1, order + 1)
        for o in range(total + 1)
    ]
    return np.stack(derivatives) / mean


@dataclass(frozen=True)
class MovingBackground:
    """Camera pattern and stage drift of a run of frames that share a mean image.

    Parameters
    ----------
    gradients
        (n, rows, columns), as from :func:`gradient_images`.
    weights
        Inverse variance of each pixel, rows, columns; 0 for bad pixels.
    """

    gradients: Floats
    weights: Floats

    def subtract(self, relative: Floats) -> tuple[Floats, Floats]:
        """Remove pattern and drift from frames.

        Drift is regressed on the gradients after the means of rows and columns have been subtracted
        from both, so that pattern and drift do not interfere; the offsets of rows and columns are
        medians of the remainder, so that a landing does not affect them.

        Parameters
        ----------
        relative
            Frames relative to their mean image, minus 1; bad pixels may have any finite value.

        Returns
        -------
        tuple of ndarray
            Frames without pattern and drift (bad pixels 0), and the coefficients of the gradients
            (n, frames); the first two are minus the drift along rows and columns (px).
        """
        raise_if_cancelled()
        good = self.weights > 0
        filled = np.where(good, relative, 0)
        gradients = np.where(good, self.gradients, 0)
        coefficients = regressed(filled, gradients, self.weights)
        pattern = filled - _combined(coefficients, gradients)
        pattern -= _without_lines(pattern)
        raise_if_cancelled()
        gradients = self._measured_at_border(gradients, coefficients, filled - pattern, good)
        residual = _without_lines(filled - _combined(coefficients, gradients))
        residual[:, ~good] = 0
        return residual, coefficients

    def _measured_at_border(
        self, gradients: Floats, coefficients: Floats, moving: Floats, good: npt.NDArray[np.bool_]
    ) -> Floats:
        """Replace gradients near the border by the measured response of its pixels to the motion.

        Bayesian linear regression of each pixel's time course on the coefficients, with the
        computed derivative as prior mean (Bishop, Pattern Recognition and Machine Learning, eq.
        3.49).
        """
        rows, columns = np.nonzero(border_mask(good.shape) & good)
        motion = coefficients - coefficients.mean(axis=1, keepdims=True)
        course = moving[:, rows, columns] - moving[:, rows, columns].mean(axis=0)
        weight = self.weights[rows, columns]
        spread = (BORDER_TRUST * gradients.std(axis=(1, 2))) ** 2 + np.finfo(float).tiny
        prior = np.diag(1 / spread)
        matrix = prior[None] + weight[:, None, None] * (motion @ motion.T)[None]
        side = gradients[:, rows, columns].T / spread + weight[:, None] * (motion @ course).T
        measured = gradients.copy()
        measured[:, rows, columns] = np.linalg.solve(matrix, side[..., None])[..., 0].T
        return measured


def regressed(frames: Floats, gradients: Floats, weights: Floats) -> Floats:
    """Regress frames on gradients, both without the means of rows and columns.

    Border pixels are excluded.

    Parameters
    ----------
    frames, gradients
        (n, rows, columns); 0 at bad pixels in both.
    weights
        Inverse variances, rows, columns.

    Returns
    -------
    ndarray
        Coefficients, (gradients, frames).
    """
    used = (weights > 0) & ~border_mask(weights.shape)
    if used.sum() < 4 * len(gradients):
        used = weights > 0
    good, root = weights > 0, np.sqrt(weights[used])
    design = _pixels(without_means(gradients, good), used) * root
    course = _pixels(without_means(frames, good), used) * root
    return row_products(np.asarray(np.linalg.pinv(design.T), np.float64), course)


def relative_frames(
    images: Floats, masked: Bools | None = None
) -> tuple[Floats, Floats, Bools] | None:
    """Return frames relative to their mean image, minus 1 and minus their medians.

    Parameters
    ----------
    images
        Frames, rows, columns; finite.
    masked
        Pixels that are bad whatever they do.

    Returns
    -------
    tuple of numpy.ndarray or None
        The frames, 0 at bad pixels; the mean image, positive there, too; and which pixels are bad.
        None if more than half are.
    """
    mean = images.mean(axis=0)
    bad = find_bad_pixels(images) | ~(mean > 0)
    if masked is not None:
        bad |= masked
    if bad.mean() > MOST_BAD:
        return None
    mean = positive_mean(mean, bad)
    relative = np.where(bad, 0, images / mean - 1)
    relative -= np.median(relative, axis=(1, 2), keepdims=True)
    return relative, mean, bad


def positive_mean(mean: Floats, bad: npt.NDArray[np.bool_]) -> Floats:
    """Return a mean image that is positive, and smooth across bad pixels, for division."""
    middle = float(np.median(mean))
    floor = 1e-3 * max(middle, np.finfo(float).tiny)
    out = mean.copy()
    wide = np.pad(mean, SQUARE_PX // 2, mode="symmetric")
    squares = sliding_window_view(wide, (SQUARE_PX, SQUARE_PX))[bad]
    out[bad] = np.median(squares.reshape(-1, SQUARE_PX**2), axis=1)
    return np.where(out > floor, out, max(middle, floor))


@lru_cache(maxsize=64)
def _derivative_matrix(n: int, order: int) -> Floats:
    """Return the matrix that differentiates n samples by a spline through them."""
    from scipy.interpolate import make_interp_spline

    if order == 0:
        return np.eye(n)
    if n < SPLINE_DEGREE + 1:
        return np.zeros((n, n))
    places = np.arange(n)
    spline = make_interp_spline(places, np.eye(n), k=SPLINE_DEGREE)
    return np.asarray(spline.derivative(order)(places))


def _combined(coefficients: Floats, images: Floats) -> Floats:
    """Sum images (n, rows, columns) for each frame of the coefficients (n, frames)."""
    flat = weighted_sums(coefficients.T, images.reshape(len(images), -1))
    return flat.reshape(-1, *images.shape[1:])


def border_mask(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return True on the border of the field, where derivatives are less reliable."""
    border = np.ones(shape, bool)
    border[inner_field(shape)] = False
    return border


def inner_field(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the field without its border; very small fields are returned whole."""
    return tuple(slice(BORDER_PX, -BORDER_PX) if n > 4 * BORDER_PX else slice(None) for n in shape)


def without_means(frames: Floats, good: npt.NDArray[np.bool_]) -> Floats:
    """Subtract the means of the good pixels of rows and columns.

    Repeated where pixels are bad, because rows and columns are then not orthogonal.
    """
    out = np.where(good, frames, 0).astype(np.float64)
    raise_if_cancelled()
    _take_means(out, good.astype(np.float64), 1 if good.all() else 3)
    return out


@reordering_kernel
def _take_means(frames: Floats, good: Floats, rounds: int) -> None:
    """Subtract the means of rows, then those of columns, in place; bad pixels remain 0."""
    n, height, width = frames.shape
    in_columns = np.zeros(width)
    for row in range(height):
        for column in range(width):
            in_columns[column] += good[row, column]
    means = np.empty(width)
    for t in range(n):
        for _ in range(rounds):
            for column in range(width):
                means[column] = 0
            for row in range(height):
                line, own = frames[t, row], good[row]
                total, count = 0.0, 0.0
                for column in range(width):
                    total += line[column]
                    count += own[column]
                mean = total / max(count, 1.0)
                for column in range(width):
                    line[column] -= mean * own[column]
                    means[column] += line[column]
            for column in range(width):
                means[column] /= max(in_columns[column], 1.0)
            for row in range(height):
                line, own = frames[t, row], good[row]
                for column in range(width):
                    line[column] -= means[column] * own[column]


def _pixels(frames: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    """Return selected pixels of each frame; unlike a boolean index, this releases the GIL."""
    return np.take(frames.reshape(len(frames), -1), np.flatnonzero(mask), axis=1)


def _without_lines(frames: Floats) -> Floats:
    # Twice: where rows differ by more than the noise, few pixels determine a column's median.
    return np.asarray(fixed_pattern_correction(fixed_pattern_correction(frames)), np.float64)
