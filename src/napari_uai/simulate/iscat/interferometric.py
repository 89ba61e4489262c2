"""The image of a point as interferometric optics make it, for simulated recordings."""

from __future__ import annotations

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.iscat.optics import Microscope
from napari_uai.iscat.optics.interferometric import field_images
from napari_uai.simulate.iscat.optics import Profile
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.typing import AnyArray

STEP_PX = 0.125
"""Spacing of the profile, a fraction of a pixel of which whole pixels are multiples."""


def interferometric_profile(settings: RecordingSettings, reach_px: float) -> Profile:
    """Return the contrast of a particle as a function of the distance from its centre.

    That of the interference alone, which is proportional to the amplitude, with circular
    polarisation, averaged over pixels; the value of largest magnitude is 1.

    Parameters
    ----------
    settings
        With the optics, focus and phase.
    reach_px
        Distance (px) beyond which the contrast is 0.

    Raises
    ------
    BadValueError
        If the optics cannot be, or nothing interferes.
    """
    from scipy.interpolate import CubicSpline

    optics = Microscope(
        numerical_aperture=settings.numerical_aperture,
        wavelength_um=settings.wavelength_um,
        pixel_size_um=settings.pixel_size_um,
        sample_index=settings.sample_index,
    )
    focus, height = np.array([settings.focus_um]), np.array([settings.height_um])
    count = int(np.ceil(reach_px)) + 1
    values = np.empty((count, round(1 / STEP_PX)))
    for i in range(values.shape[1]):  # pixels in a row, a fraction of a pixel from the centre
        real, imaginary, _ = field_images((1, count), optics, focus, height, (0.0, -i * STEP_PX))
        phase = settings.phase_rad
        values[:, i] = (np.cos(phase) * real - np.sin(phase) * imaginary)[0, 0]
    profile = values.ravel()
    largest = profile[np.argmax(np.abs(profile))]
    if not abs(largest) > 1e-9:
        raise BadValueError(
            "a particle with this focus_um, height_um and phase_rad has no contrast: change one"
        )
    spline = CubicSpline(np.arange(profile.size) * STEP_PX, profile / largest)
    end = (profile.size - 1) * STEP_PX

    def at(distance_px: AnyArray) -> AnyArray:
        inside = spline(np.minimum(distance_px, end))
        return np.where(distance_px <= end, inside, 0.0)

    return at
