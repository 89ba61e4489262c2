"""Point-spread function: Gaussian, from a file, or measured on the landings of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates, spline_filter

from napari_uai.errors import BadValueError
from napari_uai.pictures import read_image
from napari_uai.typing import Floats
from napari_uai.untrusted import read_npy

RADIUS_SIGMAS = 4.7
"""Half size of the image in standard deviations; includes the first ring of an Airy pattern."""

CENTRAL = 0.9
"""Smallest value at the centre, relative to the largest, of an image whose contrast is there."""

CHOICES = "'fitted', 'gaussian' or the path of an image"


class PointSpreadFunction:
    """An image of a point, of unit norm, that can be placed at any sub-pixel position.

    Parameters
    ----------
    image
        Square of odd size; scaled to a sum of squares of 1.

    Attributes
    ----------
    image
        The image, sum of squares 1.
    peak
        Value at the centre, which converts amplitudes to contrasts; or that of largest magnitude,
        if it is clearly larger (rings, as of a particle out of focus).
    radius
        Half size (px).
    gradient_norm
        Root of the sum of squares of the derivatives along rows and columns: a matched filter with
        signal-to-noise ratio s determines the position with standard errors ``1 / (s *
        gradient_norm)`` (Cramér-Rao bound for white noise).
    correlation_area
        Sum of the squared autocorrelation (px): white noise filtered with the image has one
        independent value per that many pixels (``2 pi sigma^2`` for a Gaussian).

    Examples
    --------
    >>> psf = gaussian_psf(1.7)
    >>> psf.image.shape, round(psf.correlation_area, 1)
    ((17, 17), 18.2)
    """

    def __init__(self, image: npt.ArrayLike) -> None:
        from scipy.signal import fftconvolve

        array = np.asarray(image, np.float64)
        if array.ndim != 2 or array.shape[0] != array.shape[1] or array.shape[0] % 2 == 0:
            raise BadValueError(
                f"a point-spread function must be a square of odd size, got shape {array.shape}"
            )
        norm = float(np.sqrt(np.sum(array**2)))
        if not np.isfinite(norm) or norm == 0:
            raise BadValueError("a point-spread function must be finite and not all 0")
        self.image: Floats = array / norm
        self.radius = array.shape[0] // 2
        centre, largest = (
            self.image[self.radius, self.radius],
            self.image.flat[np.argmax(np.abs(array))],
        )
        self.peak = float(centre if abs(centre) >= CENTRAL * abs(largest) else largest)
        dy, dx = np.gradient(self.image)
        self.gradient_norm = (float(np.sqrt(np.sum(dy**2))), float(np.sqrt(np.sum(dx**2))))
        correlation = fftconvolve(self.image, self.image[::-1, ::-1])
        self.correlation_area = float(np.sum(correlation**2))
        self._image_spline = spline_filter(self.image, order=3)
        self._correlation_spline = spline_filter(correlation, order=3)

    @property
    def sigma_px(self) -> float:
        """Standard deviation of the Gaussian whose autocorrelation covers as many pixels."""
        return float(np.sqrt(self.correlation_area / (2 * np.pi)))

    def at(self, y: float, x: float, shape: tuple[int, int]) -> tuple[tuple[slice, slice], Floats]:
        """Return the part of a frame that a point at (y, x) covers, and its image there."""
        return _sampled(self._image_spline, self.radius, y, x, shape)

    def correlation_at(
        self, y: float, x: float, shape: tuple[int, int]
    ) -> tuple[tuple[slice, slice], Floats]:
        """Return the response of the matched filter to a point at (y, x): its autocorrelation."""
        return _sampled(self._correlation_spline, 2 * self.radius, y, x, shape)

    def contrast_between(self, dy: npt.ArrayLike, dx: npt.ArrayLike) -> Floats:
        """Return the image of a point of contrast 1 at offsets (px); 0 beyond its range."""
        return self._between(self._image_spline, self.radius, dy, dx) / self.peak

    def correlation_between(self, dy: npt.ArrayLike, dx: npt.ArrayLike) -> Floats:
        """Return the autocorrelation at offsets (px); 0 beyond its range."""
        return self._between(self._correlation_spline, 2 * self.radius, dy, dx)

    @staticmethod
    def _between(spline: Floats, middle: int, dy: npt.ArrayLike, dx: npt.ArrayLike) -> Floats:
        places = np.stack(np.broadcast_arrays(dy, dx)).astype(np.float64) + middle
        values = map_coordinates(spline, places.reshape(2, -1), order=3, prefilter=False)
        return np.asarray(values).reshape(places.shape[1:])


def gaussian_psf(sigma_px: float) -> PointSpreadFunction:
    """Return a Gaussian of the given standard deviation (px)."""
    radius = int(np.ceil(RADIUS_SIGMAS * sigma_px))
    squares = np.arange(-radius, radius + 1) ** 2
    distance = squares[:, None] + squares[None]
    return PointSpreadFunction(np.exp(-distance / (2 * sigma_px**2)))


def read_psf(path: str | Path) -> PointSpreadFunction:
    """Read a point-spread function from an image file (.npy, or any format that OpenCV reads).

    Raises
    ------
    BadValueError
        If the file is not found, cannot be read, or is not a square of odd size.
    """
    bank = read_psf_bank(path)
    if len(bank) > 1:
        raise BadValueError(f"{path} contains {len(bank)} images: give a file of one of them")
    return bank[0]


def read_psf_bank(path: str | Path, *, choices: str = CHOICES) -> tuple[PointSpreadFunction, ...]:
    """Read one or more point-spread functions, such as images of a point through focus.

    Parameters
    ----------
    path
        Image file as in :func:`read_psf`, or .npy of several: images, rows, columns.
    choices
        What else the path may be, for the message if there is no such file.

    Raises
    ------
    BadValueError
        If the file is not found, cannot be read, or contains none that are squares of odd size.
    """
    path = Path(path)
    if not path.is_file():
        raise BadValueError(f"{path}: file not found; give {choices}")
    try:
        image = read_npy(path, error=BadValueError) if path.suffix == ".npy" else read_image(path)
        several = path.suffix == ".npy" and image.ndim == 3 and len(image) > 0
        return tuple(map(PointSpreadFunction, image if several else [image]))
    except (ValueError, OSError) as error:
        raise BadValueError(f"{path}: not a point-spread function: {error}") from error


def radial_psf(
    image: Floats, weights: Floats, *, knot_px: float = 1.0, taper_px: float = 2.0
) -> PointSpreadFunction:
    """Fit a smooth, radially symmetric point-spread function to a noisy image.

    Parameters
    ----------
    image
        Square of odd size, centred.
    weights
        Inverse variances of its pixels, same shape.
    knot_px
        Spacing of the knots of the radial cubic spline (px).
    taper_px
        Width over which the function falls to 0 at its rim (px).
    """
    from scipy.interpolate import make_lsq_spline

    radius = image.shape[0] // 2
    offsets = np.arange(-radius, radius + 1)
    distance = np.hypot(offsets[:, None], offsets[None])
    inside = (distance <= radius) & (weights > 0)
    order = np.argsort(distance[inside], kind="stable")
    # Mirrored to negative radii, so that the spline is smooth and even at the centre.
    r, v, w = (a[inside][order] for a in (distance, image, weights))
    r, v, w = np.r_[-r[::-1], r], np.r_[v[::-1], v], np.r_[w[::-1], w]
    inner = np.arange(-radius + knot_px, radius, knot_px)
    knots = np.r_[[-float(radius)] * 4, inner, [float(radius)] * 4]
    spline = make_lsq_spline(r, v, knots, k=3, w=np.sqrt(w))
    taper = np.clip((radius - distance) / taper_px, 0, 1)
    return PointSpreadFunction(spline(np.minimum(distance, radius)) * taper)


def stacked_image(
    images: Sequence[Floats],
    weights: Floats,
    places: Sequence[tuple[float, float]],
    amplitudes: Sequence[float],
    precisions: Sequence[float],
    radius: int,
) -> tuple[Floats, Floats]:
    """Average images of points at sub-pixel positions, each with its own amplitude and precision.

    Parameters
    ----------
    images
        One frame per point.
    weights
        Inverse variances of the pixels of a frame, up to each point's ``precision``.
    places
        y and x of each point (px).
    amplitudes, precisions
        Of each point; the average is that of least squares.
    radius
        Half size of the result (px).

    Returns
    -------
    tuple of ndarray
        The image of a point of amplitude 1, and the inverse variances of its pixels.
    """
    offsets = np.arange(-radius, radius + 1)
    total = np.zeros((2 * radius + 1, 2 * radius + 1))
    weight = np.zeros_like(total)
    for image, (y, x), amplitude, precision in zip(
        images, places, amplitudes, precisions, strict=True
    ):
        grid = np.meshgrid(y + offsets, x + offsets, indexing="ij")
        inside = np.ones_like(total)
        for axis, n in enumerate(image.shape):
            inside *= (grid[axis] >= 0) & (grid[axis] <= n - 1)
        own = map_coordinates(weights, grid, order=1, mode="nearest") * inside * precision
        total += own * amplitude * map_coordinates(image, grid, order=3, mode="nearest")
        weight += own * amplitude**2
    return total / np.maximum(weight, np.finfo(float).tiny), weight


def _sampled(
    spline: Floats, radius: int, y: float, x: float, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], Floats]:
    rows, columns = (
        slice(max(int(np.ceil(p - radius)), 0), max(min(int(np.floor(p + radius)) + 1, n), 0))
        for p, n in zip((y, x), shape, strict=True)
    )
    grid = np.meshgrid(
        np.arange(rows.start, rows.stop) - y + radius,
        np.arange(columns.start, columns.stop) - x + radius,
        indexing="ij",
    )
    values = map_coordinates(spline, grid, order=3, prefilter=False, mode="constant")
    return (rows, columns), np.asarray(values)
