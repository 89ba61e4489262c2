"""Imaging through a pupil: point-spread function, speckle field, subpixel shifts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.fft import fft2, ifft2, next_fast_len
from scipy.special import j1

from napari_uai.typing import AnyArray

Profile: TypeAlias = Callable[[AnyArray], AnyArray]
"""Contrast of a particle at distances (px) from its centre."""

MARGIN_SIGMAS = 12.0
"""Padding of the periodic grid, so that nothing wraps around from one edge to the opposite one."""


def point_spread_function(distance_px: AnyArray, *, sigma_px: float, ringing: float) -> AnyArray:
    """Return the contrast of a particle at a distance from its centre, relative to the centre.

    Interferometric scattering measures the scattered *amplitude*, which for a clear circular pupil
    in focus is ``2 J1(v) / v``: a core surrounded by rings of alternating sign, of which the first
    reaches -0.13. With ``v = 2 r / sigma``, the core is approximately Gaussian. Aberrations and
    partial coherence weaken the rings, hence the mixture.

    Parameters
    ----------
    distance_px
        Distances from the centre, in px; any shape.
    sigma_px
        Standard deviation of the core, in px.
    ringing
        0: Gaussian; 1: Airy amplitude with all rings; between: a mixture of both.

    Returns
    -------
    numpy.ndarray
        Relative contrast, of the same shape; float64.
    """
    scaled = np.asarray(distance_px, np.float64) / sigma_px
    gaussian = np.exp(-0.5 * scaled**2)
    if ringing == 0:
        return gaussian
    v = np.maximum(2 * scaled, 1e-6)
    airy: AnyArray = 2 * j1(v) / v
    return (1 - ringing) * gaussian + ringing * airy


def particle_image(
    shape: tuple[int, int],
    y: float,
    x: float,
    *,
    sigma_px: float,
    ringing: float,
    ellipticity: float = 1.0,
    profile: Profile | None = None,
) -> AnyArray:
    """Return the image (rows, columns) of a particle of contrast 1 at (y, x) px.

    ``ellipticity`` is its width along rows divided by that along columns, with the same area;
    ``profile`` replaces :func:`point_spread_function`.
    """
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    stretch = np.sqrt(ellipticity)
    distance = np.hypot((rows - y) * stretch, (columns - x) / stretch)
    if profile is not None:
        return profile(distance)
    return point_spread_function(distance, sigma_px=sigma_px, ringing=ringing)


@dataclass(frozen=True)
class Grid:
    """A periodic grid, larger than the field, for shifts of images by fractions of a pixel.

    A phase ramp on the spectrum shifts an image *exactly* if its spectrum is zero from half a cycle
    per px, which is the case for all light that passed the pupil.

    Attributes
    ----------
    shape
        Rows and columns of the field, which are the first ones of the grid.
    size
        Rows and columns of the grid.
    """

    shape: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def around(cls, shape: tuple[int, int], sigma_px: float) -> Grid:
        """Return the grid for a field and the width of the point-spread function."""
        pad = int(np.ceil(MARGIN_SIGMAS * sigma_px))
        rows, columns = (int(next_fast_len(n + pad)) for n in shape)
        return cls(shape, (rows, columns))

    def wave_numbers(self) -> tuple[AnyArray, AnyArray]:
        """Return angular wave numbers along y (n, 1) and x (1, m), in radians per px."""
        ky, kx = (2 * np.pi * np.fft.fftfreq(n) for n in self.size)
        return ky[:, None], kx[None, :]

    def image(self, spectrum: AnyArray, shift: tuple[float, float]) -> AnyArray:
        """Return the complex image (rows, columns) of a spectrum, shifted by (dy, dx) px."""
        ky, kx = self.wave_numbers()
        ramp = np.exp(-1j * ky * shift[0]) * np.exp(-1j * kx * shift[1])
        whole = ifft2(spectrum * ramp)
        return np.asarray(whole)[: self.shape[0], : self.shape[1]]

    def particle_spectrum(
        self,
        *,
        sigma_px: float,
        ringing: float,
        ellipticity: float = 1.0,
        profile: Profile | None = None,
    ) -> AnyArray:
        """Return the spectrum of a particle of contrast 1 at (0, 0); see :func:`particle_image`."""
        rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in self.size)
        stretch = np.sqrt(ellipticity)
        distance = np.hypot(rows[:, None] * stretch, columns[None, :] / stretch)
        if profile is None:
            image = point_spread_function(distance, sigma_px=sigma_px, ringing=ringing)
        else:
            image = profile(distance)
        return np.asarray(fft2(image).real)

    def point_ramps(self, y: AnyArray, x: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return phase ramps of n points at (y, x) px along y (rows, n) and x (columns, n)."""
        ky, kx = self.wave_numbers()
        return np.exp(-1j * ky * y), np.exp(-1j * kx.T * x)

    def points_spectrum(self, y: AnyArray, x: AnyArray, weight: AnyArray) -> AnyArray:
        """Return the spectrum of n weighted points at (y, x) px."""
        along_rows, along_columns = self.point_ramps(y, x)
        return np.asarray((along_rows * weight) @ along_columns.T)

    def speckle_spectrum(self, rng: np.random.Generator, sigma_px: float) -> AnyArray:
        """Return the spectrum of a fully developed speckle field of unit mean intensity.

        Amplitudes inside the pupil are independent complex Gaussians (Goodman, Speckle Phenomena
        in Optics, 2007). The edge of the pupil is at ``2 / sigma`` radians per px, as in
        :func:`point_spread_function`.
        """
        ky, kx = self.wave_numbers()
        inside = np.hypot(ky, kx) <= 2 / sigma_px
        field = rng.standard_normal(self.size) + 1j * rng.standard_normal(self.size)
        spectrum = np.where(inside, field, 0)
        return np.asarray(spectrum * (inside.size / np.sqrt(2 * np.count_nonzero(inside))))


def reference_field(speckle_contrast: float) -> tuple[float, float]:
    """Return the amplitudes of reference and speckle field that give a speckle contrast.

    With a reference field of 1 and a speckle field of mean intensity q, the intensity
    ``I = |1 + sqrt(q) u|^2`` has mean ``1 + q`` and variance ``2 q + q^2``, so that
    ``contrast^2 = 1 - 1 / (1 + q)^2``.

    Parameters
    ----------
    speckle_contrast
        Standard deviation of the intensity divided by its mean, in [0, 1).

    Returns
    -------
    tuple of float
        Amplitudes of the reference and of the speckle field, for a mean intensity of 1.
    """
    mean = 1 / np.sqrt(1 - speckle_contrast**2)
    return float(np.sqrt(1 / mean)), float(np.sqrt((mean - 1) / mean))
