"""Images of a point in interferometric scattering: from the optics to contrast per pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.iscat.optics.field import RadialField
from napari_uai.iscat.optics.microscope import Microscope
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats

FAINT = 1e-12
"""Contrast relative to the amplitude below which images are 0, and cannot be scaled."""

PLANES_AT_ONCE = 16
"""Planes that are computed together: the memory they need is that of three images each."""


def interferometric_psf(
    shape: tuple[int, int],
    microscope: Microscope,
    *,
    focus_um: npt.ArrayLike = 0.0,
    height_um: npt.ArrayLike = 0.0,
    amplitude: float = 0.01,
    phase_rad: float = np.pi,
    contrast: float | None = 1.0,
    y: float | None = None,
    x: float | None = None,
) -> Floats:
    """Return the image of a particle in iSCAT, or its images through focus or height.

    The field that a point scatters, E, interferes with the light R that the coverslip reflects,
    and the relative change of the intensity is ``2 Re(R* E) / |R|^2 + |E|^2 / |R|^2`` [1]_,
    averaged over the area of each pixel. The field is an integral over the pupil, whose phases are
    those of particle, layers and objective (Gibson & Lanni [2]_), and whose amplitudes those of a
    dipole that radiates through the layers (Richards & Wolf; [3]_). It includes the phase ``2 k z``
    of a particle at height z, relative to light that the coverslip reflects.

    Parameters
    ----------
    shape
        Rows and columns.
    microscope
        Objective, layers and polarisation.
    focus_um
        By how far the objective is nearer to the sample than where the coverslip is in focus, um;
        positive if the focus is above it.
    height_um
        Height of the particle above the coverslip, um; at least 0. Either may be an array: the
        result is a stack of so many planes.
    amplitude
        Amplitude of the scattered relative to the reflected field, at the centre of an image in
        focus.
    phase_rad
        Phase of the scattered relative to the reflected field there, for a particle at height 0:
        pi is dark, 0 bright, and pi/2 that of a small transparent particle, whose light is delayed
        by the Gouy phase alone.
    contrast
        Value of largest magnitude, to which the images are scaled together; None for the relative
        change of the intensity itself.
    y, x
        Place of the particle, px; by default the middle of the image.

    Returns
    -------
    numpy.ndarray
        Rows, columns; or planes, rows, columns; float64.

    Raises
    ------
    BadValueError
        If a value is outside its limits, focus and height do not fit, or the images are 0.

    References
    ----------
    .. [1] R. Gholami Mahmoodabadi, R. W. Taylor, M. Kaller, S. Spindler, M. Mazaheri, K. Kasaian,
       V. Sandoghdar, "Point spread function in interferometric scattering microscopy (iSCAT). Part
       I: aberrations in defocusing and axial localization", Opt. Express 28, 25969-25988 (2020).
       https://doi.org/10.1364/OE.401374
    .. [2] S. F. Gibson, F. Lanni, "Experimental test of an analytical model of aberration in an
       oil-immersion objective lens used in three-dimensional light microscopy", J. Opt. Soc. Am. A
       9, 154-166 (1992). https://doi.org/10.1364/JOSAA.9.000154
    .. [3] F. Aguet, S. Geissbuehler, I. Maerki, T. Lasser, M. Unser, "Super-resolution orientation
       estimation and localization of fluorescent dipoles using 3-D steerable filters", Opt. Express
       17, 6829-6848 (2009). https://doi.org/10.1364/OE.17.006829

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, interferometric_psf
    >>> image = interferometric_psf((25, 25), Microscope())
    >>> image.shape, float(image[12, 12])
    ((25, 25), 1.0)
    >>> focus = np.linspace(-1, 1, 21)
    >>> interferometric_psf((25, 25), Microscope(), focus_um=focus, contrast=0.01).shape
    (21, 25, 25)
    """
    focus, height = planes_of(focus_um, height_um)
    if not (len(shape) == 2 and min(shape) >= 1):
        raise BadValueError(f"shape must be rows and columns, at least 1, got {shape}")
    if not (np.isfinite(amplitude) and amplitude > 0):
        raise BadValueError(f"amplitude must be above 0, got {amplitude}")
    if not np.isfinite(phase_rad) or contrast == 0:
        raise BadValueError(
            f"phase_rad must be finite and contrast not 0, got {phase_rad} and {contrast}"
        )
    place = ((shape[0] - 1) / 2 if y is None else y, (shape[1] - 1) / 2 if x is None else x)
    images = np.empty((focus.size, *shape))
    for start in range(0, focus.size, PLANES_AT_ONCE):
        raise_if_cancelled()
        some = slice(start, start + PLANES_AT_ONCE)
        parts = field_images(shape, microscope, focus.ravel()[some], height.ravel()[some], place)
        images[some] = contrast_of(parts, amplitude, phase_rad)
    if contrast is not None:
        images *= contrast / _largest(images, amplitude)
    return images.reshape(*focus.shape, *shape)


def field_images(
    shape: tuple[int, int],
    microscope: Microscope,
    focus_um: Floats,
    height_um: Floats,
    place: tuple[float, float],
) -> Floats:
    """Return what contrasts are made of: 3, planes, rows, columns.

    Real and imaginary part of the field as that of the reference, and the square of the field,
    averaged over pixels; the field is 1 at the centre in focus.
    """
    rows, columns = (
        max(centre, n - 1 - centre) + 1 for n, centre in zip(shape, place, strict=True)
    )
    radius = float(np.hypot(rows, columns)) * microscope.pixel_size_um
    field = RadialField.of(microscope, focus_um, height_um, radius)
    return field.images(shape, *place, microscope.pixel_size_um, microscope.airy_um)


def contrast_of(parts: Floats, amplitude: float, phase_rad: float) -> Floats:
    """Return the relative change of the intensity: interference, and the scattered light alone."""
    real, imaginary, square = parts
    interference = np.cos(phase_rad) * real - np.sin(phase_rad) * imaginary
    return np.asarray(2 * amplitude * interference + amplitude**2 * square)


def planes_of(focus_um: npt.ArrayLike, height_um: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return focus and height of each plane, both 0-d or of one length."""
    focus, height = np.asarray(focus_um, np.float64), np.asarray(height_um, np.float64)
    if not (np.isfinite(focus).all() and np.isfinite(height).all()):
        raise BadValueError("focus_um and height_um must be finite (um)")
    if height.size and height.min() < 0:
        raise BadValueError(f"height_um must be at least 0 (um), got {height.min():g}")
    try:
        focus, height = np.broadcast_arrays(focus, height)
    except ValueError:
        raise BadValueError(
            f"focus_um and height_um must be of one length, got {focus.size} and {height.size}"
        ) from None
    if focus.ndim > 1 or focus.size == 0:
        raise BadValueError(
            f"focus_um and height_um must be numbers or lists of them, got shape {focus.shape}"
        )
    return focus, height


def _largest(images: Floats, amplitude: float) -> float:
    """Return the value of largest magnitude, whose sign scaling keeps out."""
    largest = float(images.flat[np.argmax(np.abs(images))])
    if not abs(largest) > FAINT * amplitude:
        raise BadValueError("the images are 0 there, and cannot be scaled to a contrast")
    return largest
