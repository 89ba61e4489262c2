from __future__ import annotations

import numpy as np
import pytest

from napari_uai.simulate.iscat.optics import (
    Grid,
    particle_image,
    point_spread_function,
    reference_field,
)


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
