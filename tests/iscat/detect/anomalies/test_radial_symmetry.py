"""Centres of radial symmetry on spots with known centres."""

import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.anomalies.radial_symmetry import radial_symmetry_centers


def spot(center, shape, sigma=1.7, amplitude=1.0):
    y, x = np.indices(shape)
    return amplitude * np.exp(-((y - center[0]) ** 2 + (x - center[1]) ** 2) / (2 * sigma**2))


def as_published(window):
    """The formula of Parthasarathy 2012 with slopes and intercepts, from 0."""
    from scipy.ndimage import uniform_filter

    rising = window[:-1, 1:] - window[1:, :-1]
    falling = window[:-1, :-1] - window[1:, 1:]
    u, v = (uniform_filter(g, 3, mode="constant") for g in (rising, falling))
    y, x = np.indices(u.shape) + 0.5
    weight = u**2 + v**2
    slope = -(u + v) / (u - v)
    intercept = y - slope * x
    middle = (y * weight).sum() / weight.sum(), (x * weight).sum() / weight.sum()
    w = weight / np.hypot(y - middle[0], x - middle[1]) / (slope**2 + 1)
    s = w.sum()
    mm, m = (w * slope**2).sum(), (w * slope).sum()
    mb, b = (w * slope * intercept).sum(), (w * intercept).sum()
    determinant = m * m - mm * s
    return (mb * m - mm * b) / determinant, (mb * s - m * b) / determinant


@pytest.mark.parametrize("side", [7, 10, 11, 14])
@pytest.mark.parametrize("amplitude", [1.0, -3e-4])
def test_spot_in_the_middle_is_found_there_exactly(side, amplitude):
    middle = (side - 1) / 2
    found = radial_symmetry_centers(spot((middle, middle), (side, side), 2, amplitude)[None])
    np.testing.assert_allclose(found, [[middle, middle]], atol=1e-9)


def test_places_between_pixels_have_no_bias():
    rng = np.random.default_rng(0)
    centers = rng.uniform([5.5, 6.5], [6.5, 7.5], (200, 2))
    found = radial_symmetry_centers(np.stack([spot(c, (13, 15)) for c in centers]) + 5)
    error = found - centers
    assert np.abs(error).max() < 0.05
    assert np.abs(error.mean(axis=0)).max() < 0.005


def test_centres_are_those_of_the_published_formula():
    rng = np.random.default_rng(1)
    windows = np.stack(
        [spot(c, (12, 12)) + rng.normal(0, 0.05, (12, 12)) for c in rng.uniform(4, 7, (20, 2))]
    )
    expected = [as_published(window) for window in windows]
    np.testing.assert_allclose(radial_symmetry_centers(windows), expected, atol=0.02)


def test_noise_costs_little_more_than_a_tenth_of_a_pixel():
    rng = np.random.default_rng(2)
    windows = spot((6.3, 5.8), (13, 13)) + rng.normal(0, 0.05, (300, 13, 13))
    error = radial_symmetry_centers(windows) - [6.3, 5.8]
    assert np.sqrt((error**2).mean()) < 0.12


def test_windows_without_a_centre_give_nan():
    flat, ramp, broken = np.ones((8, 8)), np.tile(np.arange(8.0), (8, 1)), spot((4, 4), (8, 8))
    broken[2, 3] = np.nan
    outside = spot((4, 12), (8, 8), 4)
    assert np.isnan(radial_symmetry_centers(np.stack([flat, ramp, broken, outside]))).all()


@pytest.mark.parametrize("shape", [(8, 8), (2, 3, 8)])
def test_wrong_shapes_are_errors(shape):
    with pytest.raises(BadValueError, match="at least 4 rows"):
        radial_symmetry_centers(np.ones(shape))
