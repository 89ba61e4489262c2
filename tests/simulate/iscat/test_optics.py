from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.optics import Microscope, interferometric_psf
from napari_uai.simulate.iscat.interferometric import interferometric_profile
from napari_uai.simulate.iscat.optics import (
    Grid,
    particle_image,
    point_spread_function,
    reference_field,
)
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings


def test_point_spread_function_is_one_at_the_centre_and_gaussian_without_ringing():
    r = np.linspace(0, 10, 50)
    gaussian = point_spread_function(r, sigma_px=1.7, ringing=0)
    np.testing.assert_allclose(gaussian, np.exp(-(r**2) / (2 * 1.7**2)), atol=1e-12)
    assert point_spread_function(np.zeros(1), sigma_px=1.7, ringing=0.7)[0] == pytest.approx(1)


def test_full_ringing_has_the_first_ring_of_the_airy_amplitude():
    # second zero of J2, where 2 J1(v)/v is stationary: v = 5.1356, value -0.1323
    r = np.linspace(1.5, 8, 5000)
    h = point_spread_function(r, sigma_px=2.0, ringing=1)
    assert h.min() == pytest.approx(-0.1323, abs=1e-4)
    assert r[h.argmin()] == pytest.approx(5.1356, abs=2e-3)


@pytest.mark.parametrize("ringing", [0.0, 0.5])
def test_a_particle_displaced_by_phase_is_the_particle_drawn_at_its_place(ringing):
    grid = Grid.around((40, 31), 1.7)
    spectrum = grid.particle_spectrum(sigma_px=1.7, ringing=ringing)
    points = grid.points_spectrum(np.array([20.3]), np.array([14.8]), np.array([1.0]))
    moved = grid.image(spectrum * points, (0.41, -0.27)).real
    drawn = particle_image((40, 31), 20.71, 14.53, sigma_px=1.7, ringing=ringing)
    # rings reach beyond the padding; their tail wraps with less than 0.3 % of the peak
    np.testing.assert_allclose(moved, drawn, atol=2e-6 if ringing == 0 else 3e-3)


def test_whole_pixel_shift_of_speckle_moves_its_pixels():
    grid = Grid.around((32, 32), 1.5)
    spectrum = grid.speckle_spectrum(np.random.default_rng(1), 1.5)
    there, moved = grid.image(spectrum, (0, 0)), grid.image(spectrum, (3, 2))
    np.testing.assert_allclose(moved[3:, 2:], there[:-3, :-2], atol=1e-10)


@pytest.mark.parametrize("contrast", [0.05, 0.15, 0.3])
def test_reference_and_speckle_give_the_stated_contrast_and_mean_one(contrast):
    reference, speckle = reference_field(contrast)
    grid = Grid.around((700, 700), 1.5)
    field = grid.image(grid.speckle_spectrum(np.random.default_rng(2), 1.5), (0, 0))
    intensity = np.abs(reference + speckle * field) ** 2
    assert intensity.mean() == pytest.approx(1, rel=0.01)
    assert intensity.std() / intensity.mean() == pytest.approx(contrast, rel=0.03)


def test_grain_of_speckle_is_the_point_spread_function():
    grid = Grid.around((500, 500), 2.0)
    field = grid.image(grid.speckle_spectrum(np.random.default_rng(3), 2.0), (0, 0))
    lags = np.arange(8)
    correlation = [np.mean(field[:, :490].conj() * field[:, k : 490 + k]).real for k in lags]
    expected = point_spread_function(lags, sigma_px=2.0, ringing=1)
    np.testing.assert_allclose(np.array(correlation) / correlation[0], expected, atol=0.03)


OPTICAL = RecordingSettings(
    optics="interferometric", numerical_aperture=1.3, wavelength_um=0.525, pixel_size_um=0.06,
    focus_um=0.35, height_um=0.03, phase_rad=2.0, rows=41, columns=37, frames=1200, landings=3,
    batch_size=200, speckle_contrast=0.0,
)  # fmt: skip


def test_interferometric_optics_give_the_image_of_their_model():
    profile = interferometric_profile(OPTICAL, 60.0)
    image = particle_image((41, 37), 20.3, 17.8, sigma_px=1, ringing=0, profile=profile)
    expected = interferometric_psf(
        (41, 37), Microscope(numerical_aperture=1.3, wavelength_um=0.525, pixel_size_um=0.06),
        focus_um=0.35, height_um=0.03, phase_rad=2.0, amplitude=1e-6, y=20.3, x=17.8, contrast=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(image / image.flat[np.argmax(abs(image))], expected, atol=2e-3)
    assert profile(np.array([0.0, 61.5])).tolist() == pytest.approx([1.0, 0.0])


def test_a_recording_of_interferometric_optics_contains_that_image():
    recording = simulate_recording(
        replace(OPTICAL, landings=1, landing_contrast=(0.05, 0.05), dark_fraction=0, hot_pixels=0,
                laser_noise=0, laser_drift=0, line_pattern=0, margin_px=15)
    )  # fmt: skip
    (landing,) = recording.truth.itertuples()
    frame = landing.raw_frame
    step = recording.video[frame:].mean(axis=0) / recording.video[:frame].mean(axis=0) - 1
    profile = interferometric_profile(OPTICAL, 80.0)
    image = particle_image((41, 37), landing.y, landing.x, sigma_px=1, ringing=0, profile=profile)
    assert np.sum(step * image) / np.sum(image**2) == pytest.approx(0.05, rel=0.02)
    assert OPTICAL.sigma_px == pytest.approx(0.525 / (np.pi * 1.3) / 0.06)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numerical_aperture": 1.6}, "numerical_aperture must be"),
        ({"pixel_size_um": 0.2}, "pixel_size_um must be at most"),
    ],
)
def test_optics_that_cannot_be_are_refused(changes, message):
    with pytest.raises(BadValueError, match=message):
        replace(OPTICAL, **changes)


def test_a_particle_without_interference_is_refused():
    silent = replace(OPTICAL, focus_um=0.0, height_um=0.0, phase_rad=np.pi / 2)
    with pytest.raises(BadValueError, match="has no contrast"):
        interferometric_profile(silent, 30.0)
