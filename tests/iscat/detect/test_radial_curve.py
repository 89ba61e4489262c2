"""The profile of a point is 1 at the centre, and that of pupils unless landings say otherwise."""

import numpy as np
import pytest
from scipy.special import j1

from napari_uai.iscat.detect.radial_curve import RADIUS_SIGMAS, RadialCurve


def airy(distance, sigma):
    v = np.maximum(2 * distance / sigma, 1e-9)
    return 2 * j1(v) / v


@pytest.mark.parametrize("sigma", [0.9, 1.7, 3.0])
def test_the_profile_is_one_at_the_centre_and_ends_smoothly(sigma):
    curve = RadialCurve.expected(sigma)
    distance = np.linspace(0, 1.2 * RADIUS_SIGMAS * sigma, 500)
    values = curve.at(distance)
    assert values[0] == 1
    assert (values[distance > curve.radius] == 0).all()
    assert abs(curve.at(np.array(0.999 * curve.radius))) < 1e-3
    slope = np.gradient(values, distance)
    np.testing.assert_allclose(curve.slope(distance)[5:-5], slope[5:-5], atol=0.03 / sigma)


@pytest.mark.parametrize("width", [0.8, 1.0, 1.3])
def test_noiseless_images_give_the_profile_back(width):
    """Weighted least squares of the profile on the splines, as images of a grid would ask for."""
    sigma = 1.7
    curve = RadialCurve.expected(sigma)
    y, x = np.mgrid[-10:11, -10:11] + np.array([0.3, -0.2])[:, None, None]
    distance = np.hypot(y, x)
    truth = airy(distance, width * sigma)
    splines = curve.splines(distance).reshape(len(curve.coefficients), -1)
    off = (truth - curve.at(distance)).ravel()
    learnt = curve.learnt(1e6 * splines @ splines.T, 1e6 * splines @ off)
    within = distance < 4 * sigma  # it has to end at six
    np.testing.assert_allclose(learnt.at(distance)[within], truth[within], atol=0.02)


def test_the_update_is_that_of_a_gaussian_prior():
    curve = RadialCurve.expected(1.7)
    rng = np.random.default_rng(0)
    n = len(curve.coefficients)
    design = rng.normal(size=(30, n))
    data = rng.normal(size=30)
    learnt = curve.learnt(design.T @ design, design.T @ (data - design @ curve.coefficients))
    prior = np.linalg.inv(curve.covariance)
    covariance = np.linalg.inv(design.T @ design + prior)
    np.testing.assert_allclose(learnt.covariance, covariance)
    expected = covariance @ (design.T @ data + prior @ curve.coefficients)
    np.testing.assert_allclose(learnt.coefficients, expected)
