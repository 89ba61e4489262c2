"""What a pupil does to light: point-spread function, speckle field, sub-pixel displacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import fft2, ifft2, next_fast_len
from scipy.special import j1

from napari_uai.typing import AnyArray

MARGIN_SIGMAS = 12.0
"""Padding of the periodic grid: what leaves one edge must not come in at the opposite one."""


def point_spread_function(distance_px: AnyArray, *, sigma_px: float, ringing: float) -> AnyArray:
    """Contrast of a particle against the distance from its centre, 1 at the centre.

    Interferometric scattering sees the scattered *amplitude*, which for a clear circular pupil in
    focus is ``2 J1(v) / v``: a core and rings of alternating sign, the first of -0.13. Its core is
    that of a Gaussian with ``v = 2 r / sigma``. Aberrations and partial coherence wash the rings
    out, hence the mixture.

    Parameters
    ----------
    distance_px
        Distance from the centre; px; any shape.
    sigma_px
        Standard deviation of the core; px.
    ringing
        0: a Gaussian; 1: the Airy amplitude with all its rings; between: their mixture.

    Returns
    -------
    numpy.ndarray
        Relative contrast, same shape.
    """
    scaled = np.asarray(distance_px, np.float64) / sigma_px
    gaussian = np.exp(-0.5 * scaled**2)
    if ringing == 0:
        return gaussian
    v = np.maximum(2 * scaled, 1e-6)
    airy: AnyArray = 2 * j1(v) / v
    return (1 - ringing) * gaussian + ringing * airy


def particle_image(
    shape: tuple[int, int], y: float, x: float, *, sigma_px: float, ringing: float
) -> AnyArray:
    """Image of one particle of contrast 1 at (y, x), drawn by the formula; (rows, columns)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot(rows - y, columns - x)
    return point_spread_function(distance, sigma_px=sigma_px, ringing=ringing)


@dataclass(frozen=True)
class Grid:
    """A periodic grid, larger than the field, on which images are moved by any part of a pixel.

    An image whose spectrum ends below half a cycle per px is displaced *exactly* by a phase ramp
    on its spectrum, which is true of everything that came through the pupil.

    Attributes
    ----------
    shape
        Rows and columns of the field, the grid's first ones.
    size
        Rows and columns of the grid.
    """

    shape: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def around(cls, shape: tuple[int, int], sigma_px: float) -> Grid:
        """Return the grid for a field and the width of its point-spread function."""
        pad = int(np.ceil(MARGIN_SIGMAS * sigma_px))
        rows, columns = (int(next_fast_len(n + pad)) for n in shape)
        return cls(shape, (rows, columns))

    def wave_numbers(self) -> tuple[AnyArray, AnyArray]:
        """Radians per px along rows (n, 1) and columns (1, m)."""
        ky, kx = (2 * np.pi * np.fft.fftfreq(n) for n in self.size)
        return ky[:, None], kx[None, :]

    def image(self, spectrum: AnyArray, shift: tuple[float, float]) -> AnyArray:
        """Complex image (rows, columns) of a spectrum, displaced by (dy, dx) px."""
        ky, kx = self.wave_numbers()
        ramp = np.exp(-1j * ky * shift[0]) * np.exp(-1j * kx * shift[1])
        whole = ifft2(spectrum * ramp)
        return np.asarray(whole)[: self.shape[0], : self.shape[1]]

    def particle_spectrum(self, *, sigma_px: float, ringing: float) -> AnyArray:
        """Spectrum of one particle of contrast 1 at (0, 0)."""
        rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in self.size)
        distance = np.hypot(rows[:, None], columns[None, :])
        return np.asarray(
            fft2(point_spread_function(distance, sigma_px=sigma_px, ringing=ringing)).real
        )

    def point_ramps(self, y: AnyArray, x: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Phase ramps of n points at (y, x) px along rows (rows, n) and columns (columns, n)."""
        ky, kx = self.wave_numbers()
        return np.exp(-1j * ky * y), np.exp(-1j * kx.T * x)

    def points_spectrum(self, y: AnyArray, x: AnyArray, weight: AnyArray) -> AnyArray:
        """Spectrum of n points at (y, x) px with the given weights."""
        along_rows, along_columns = self.point_ramps(y, x)
        return np.asarray((along_rows * weight) @ along_columns.T)

    def speckle_spectrum(self, rng: np.random.Generator, sigma_px: float) -> AnyArray:
        """Spectrum of a fully developed speckle field of unit mean intensity.

        Independent complex Gaussian amplitudes wherever the pupil lets light through
        (Goodman, Speckle Phenomena in Optics, 2007); the pupil's edge lies at ``2 / sigma``
        radians per px, as in :func:`point_spread_function`.
        """
        ky, kx = self.wave_numbers()
        inside = np.hypot(ky, kx) <= 2 / sigma_px
        field = rng.standard_normal(self.size) + 1j * rng.standard_normal(self.size)
        spectrum = np.where(inside, field, 0)
        return np.asarray(spectrum * (inside.size / np.sqrt(2 * np.count_nonzero(inside))))


def reference_field(speckle_contrast: float) -> tuple[float, float]:
    """Amplitudes of reference and speckle field for a contrast of the summed intensity.

    With reference 1 and a speckle field of mean intensity q, ``I = |1 + sqrt(q) u|^2`` has mean
    ``1 + q`` and variance ``2 q + q^2``, so that ``contrast^2 = 1 - 1 / (1 + q)^2``.

    Parameters
    ----------
    speckle_contrast
        Standard deviation of the intensity over its mean; 0 to below 1.

    Returns
    -------
    tuple of float
        Reference and speckle amplitude, for a mean intensity of 1.
    """
    mean = 1 / np.sqrt(1 - speckle_contrast**2)
    return float(np.sqrt(1 / mean)), float(np.sqrt((mean - 1) / mean))
